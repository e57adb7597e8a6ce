// The parts of Stats that repeat: levels of the index, segments of the log, latencies.

internal import CVarveProto

/// One level of the index.
package struct Level: WireMessage, Hashable {
  package var level: UInt32
  package var runs: UInt32
  package var runsMax: UInt32
  package var entries: UInt64
  package var bytes: UInt64
  package var filterBytes: UInt64

  package init(
    level: UInt32 = 0,
    runs: UInt32 = 0,
    runsMax: UInt32 = 0,
    entries: UInt64 = 0,
    bytes: UInt64 = 0,
    filterBytes: UInt64 = 0
  ) {
    self.level = level
    self.runs = runs
    self.runsMax = runsMax
    self.entries = entries
    self.bytes = bytes
    self.filterBytes = filterBytes
  }
}

extension Level: ProtobufMessage {
  static var defaults: Level { Level() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Level())
    unsafe varve__v1__level__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Level.self).pointee
    level = unsafe c.level
    runs = unsafe c.runs
    runsMax = unsafe c.runs_max
    entries = unsafe c.entries
    bytes = unsafe c.bytes
    filterBytes = unsafe c.filter_bytes
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Level.self)
    unsafe c.pointee.level = level
    unsafe c.pointee.runs = runs
    unsafe c.pointee.runs_max = runsMax
    unsafe c.pointee.entries = entries
    unsafe c.pointee.bytes = bytes
    unsafe c.pointee.filter_bytes = filterBytes
  }
}

/// One file of the value log.
package struct SegmentInfo: WireMessage, Hashable {
  package var id: UInt64
  package var state: String
  package var bytes: UInt64
  package var liveBytes: UInt64
  package var pages: UInt64
  package var score: Double

  package init(
    id: UInt64 = 0,
    state: String = "",
    bytes: UInt64 = 0,
    liveBytes: UInt64 = 0,
    pages: UInt64 = 0,
    score: Double = 0
  ) {
    self.id = id
    self.state = state
    self.bytes = bytes
    self.liveBytes = liveBytes
    self.pages = pages
    self.score = score
  }
}

extension SegmentInfo: ProtobufMessage {
  static var defaults: SegmentInfo { SegmentInfo() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__SegmentInfo())
    unsafe varve__v1__segment_info__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SegmentInfo.self).pointee
    id = unsafe c.id
    state = try unsafe ProtobufText.string(c.state)
    bytes = unsafe c.bytes
    liveBytes = unsafe c.live_bytes
    pages = unsafe c.pages
    score = unsafe c.score
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SegmentInfo.self)
    unsafe c.pointee.id = id
    unsafe c.pointee.state = unsafe arena.text(state)
    unsafe c.pointee.bytes = bytes
    unsafe c.pointee.live_bytes = liveBytes
    unsafe c.pointee.pages = pages
    unsafe c.pointee.score = score
  }
}

/// A distribution of durations in microseconds.
package struct Latency: WireMessage, Hashable {
  package var name: String
  package var count: UInt64
  package var p50Micros: Double
  package var p99Micros: Double
  package var p999Micros: Double
  package var maxMicros: Double

  package init(
    name: String = "",
    count: UInt64 = 0,
    p50Micros: Double = 0,
    p99Micros: Double = 0,
    p999Micros: Double = 0,
    maxMicros: Double = 0
  ) {
    self.name = name
    self.count = count
    self.p50Micros = p50Micros
    self.p99Micros = p99Micros
    self.p999Micros = p999Micros
    self.maxMicros = maxMicros
  }
}

extension Latency: ProtobufMessage {
  static var defaults: Latency { Latency() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Latency())
    unsafe varve__v1__latency__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Latency.self).pointee
    name = try unsafe ProtobufText.string(c.name)
    count = unsafe c.count
    p50Micros = unsafe c.p50_us
    p99Micros = unsafe c.p99_us
    p999Micros = unsafe c.p999_us
    maxMicros = unsafe c.max_us
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Latency.self)
    unsafe c.pointee.name = unsafe arena.text(name)
    unsafe c.pointee.count = count
    unsafe c.pointee.p50_us = p50Micros
    unsafe c.pointee.p99_us = p99Micros
    unsafe c.pointee.p999_us = p999Micros
    unsafe c.pointee.max_us = maxMicros
  }
}
