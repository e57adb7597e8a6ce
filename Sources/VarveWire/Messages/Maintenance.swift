// Admin methods 65 to 67: long work and its progress.

internal import CVarveProto

/// One step of a long call; `result` is set in the last.
package struct Progress: WireMessage, Hashable {
  package var stage: String
  package var done: UInt64
  package var total: UInt64
  package var etaSeconds: Double
  package var result: [String: UInt64]

  package init(
    stage: String = "",
    done: UInt64 = 0,
    total: UInt64 = 0,
    etaSeconds: Double = 0,
    result: [String: UInt64] = [:]
  ) {
    self.stage = stage
    self.done = done
    self.total = total
    self.etaSeconds = etaSeconds
    self.result = result
  }
}

extension Progress: ProtobufMessage {
  static var defaults: Progress { Progress() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Progress())
    unsafe varve__v1__progress__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Progress.self).pointee
    stage = try unsafe ProtobufText.string(c.stage)
    done = unsafe c.done
    total = unsafe c.total
    etaSeconds = unsafe c.eta_seconds
    for index in 0..<(unsafe c.n_result) {
      guard let entry = unsafe c.result[index] else { continue }
      result[try unsafe ProtobufText.string(entry.pointee.key)] = unsafe entry.pointee.value
    }
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Progress.self)
    unsafe c.pointee.stage = unsafe arena.text(stage)
    unsafe c.pointee.done = done
    unsafe c.pointee.total = total
    unsafe c.pointee.eta_seconds = etaSeconds
    var entries: [UnsafeMutablePointer<Varve__V1__Progress__ResultEntry>?] = unsafe []
    for (key, value) in result.sorted(by: { $0.key < $1.key }) {
      let entry = unsafe arena.place(Varve__V1__Progress__ResultEntry())
      unsafe varve__v1__progress__result_entry__init(entry)
      unsafe entry.pointee.key = unsafe arena.text(key)
      unsafe entry.pointee.value = value
      unsafe entries.append(entry)
    }
    unsafe c.pointee.result = unsafe arena.array(entries)
    unsafe c.pointee.n_result = unsafe entries.count
  }
}

/// Asks for a compaction of one namespace, or of all with an empty name.
package struct CompactRequest: WireMessage, Hashable {
  package var namespace: String
  package var indexOnly: Bool

  package init(namespace: String = "", indexOnly: Bool = false) {
    self.namespace = namespace
    self.indexOnly = indexOnly
  }
}

extension CompactRequest: ProtobufMessage {
  static var defaults: CompactRequest { CompactRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__CompactRequest())
    unsafe varve__v1__compact_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__CompactRequest.self).pointee
    namespace = try unsafe ProtobufText.string(c.namespace_)
    indexOnly = unsafe c.index_only != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__CompactRequest.self)
    unsafe c.pointee.namespace_ = unsafe arena.text(namespace)
    unsafe c.pointee.index_only = indexOnly ? 1 : 0
  }
}

/// Asks that all that is acknowledged be on disk.
package struct FlushRequest: WireMessage, Hashable {
  package init() {}
}

extension FlushRequest: ProtobufMessage {
  static var defaults: FlushRequest { FlushRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__FlushRequest())
    unsafe varve__v1__flush_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) { self.init() }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {}
}

/// All that was acknowledged before the request is on disk.
package struct FlushResponse: WireMessage, Hashable {
  package init() {}
}

extension FlushResponse: ProtobufMessage {
  static var defaults: FlushResponse { FlushResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__FlushResponse())
    unsafe varve__v1__flush_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) { self.init() }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {}
}

/// Asks for a reading of everything stored; 0 bytes a second means the server's default.
package struct ScrubRequest: WireMessage, Hashable {
  package var maxBytesPerSecond: Double

  package init(maxBytesPerSecond: Double = 0) {
    self.maxBytesPerSecond = maxBytesPerSecond
  }
}

extension ScrubRequest: ProtobufMessage {
  static var defaults: ScrubRequest { ScrubRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__ScrubRequest())
    unsafe varve__v1__scrub_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ScrubRequest.self).pointee
    maxBytesPerSecond = unsafe c.max_bytes_per_second
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ScrubRequest.self)
    unsafe c.pointee.max_bytes_per_second = maxBytesPerSecond
  }
}
