// Admin method 64: the state of the daemon.

internal import CVarveProto

/// Asks for everything.
package struct StatsRequest: WireMessage, Hashable {
  package init() {}
}

extension StatsRequest: ProtobufMessage {
  static var defaults: StatsRequest { StatsRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__StatsRequest())
    unsafe varve__v1__stats_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) { self.init() }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {}
}

/// Everything the daemon counts; counters bear the names of the metrics, without prefix.
package struct StatsResponse: WireMessage, Hashable {
  package var version: String
  package var uptimeSeconds: UInt64
  package var ready: Bool
  package var writable: Bool
  package var capacityBytes: UInt64
  package var diskBytes: UInt64
  package var memoryBytes: UInt64
  package var memoryLimitBytes: UInt64
  package var pages: UInt64
  package var pageBytes: UInt64
  package var evictedPages: UInt64
  package var quarantinedPages: UInt64
  package var bootID: String
  package var levels: [Level]
  package var segments: [SegmentInfo]
  package var namespaces: [NamespaceInfo]
  package var counters: [String: UInt64]
  package var latencies: [Latency]

  package init(
    version: String = "",
    uptimeSeconds: UInt64 = 0,
    ready: Bool = false,
    writable: Bool = false,
    capacityBytes: UInt64 = 0,
    diskBytes: UInt64 = 0,
    memoryBytes: UInt64 = 0,
    memoryLimitBytes: UInt64 = 0,
    pages: UInt64 = 0,
    pageBytes: UInt64 = 0,
    evictedPages: UInt64 = 0,
    quarantinedPages: UInt64 = 0,
    bootID: String = "",
    levels: [Level] = [],
    segments: [SegmentInfo] = [],
    namespaces: [NamespaceInfo] = [],
    counters: [String: UInt64] = [:],
    latencies: [Latency] = []
  ) {
    self.version = version
    self.uptimeSeconds = uptimeSeconds
    self.ready = ready
    self.writable = writable
    self.capacityBytes = capacityBytes
    self.diskBytes = diskBytes
    self.memoryBytes = memoryBytes
    self.memoryLimitBytes = memoryLimitBytes
    self.pages = pages
    self.pageBytes = pageBytes
    self.evictedPages = evictedPages
    self.quarantinedPages = quarantinedPages
    self.bootID = bootID
    self.levels = levels
    self.segments = segments
    self.namespaces = namespaces
    self.counters = counters
    self.latencies = latencies
  }
}

extension StatsResponse: ProtobufMessage {
  static var defaults: StatsResponse { StatsResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__StatsResponse())
    unsafe varve__v1__stats_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__StatsResponse.self).pointee
    version = try unsafe ProtobufText.string(c.version)
    uptimeSeconds = unsafe c.uptime_seconds
    ready = unsafe c.ready != 0
    writable = unsafe c.writable != 0
    capacityBytes = unsafe c.capacity_bytes
    diskBytes = unsafe c.disk_bytes
    memoryBytes = unsafe c.memory_bytes
    memoryLimitBytes = unsafe c.memory_limit_bytes
    pages = unsafe c.pages
    pageBytes = unsafe c.page_bytes
    evictedPages = unsafe c.evicted_pages
    quarantinedPages = unsafe c.quarantined_pages
    bootID = try unsafe ProtobufText.string(c.boot_id)
    levels = try unsafe ProtobufArray.messages(c.levels, c.n_levels)
    segments = try unsafe ProtobufArray.messages(c.segments, c.n_segments)
    namespaces = try unsafe ProtobufArray.messages(c.namespaces, c.n_namespaces)
    for index in 0..<(unsafe c.n_counters) {
      guard let entry = unsafe c.counters[index] else { continue }
      counters[try unsafe ProtobufText.string(entry.pointee.key)] = unsafe entry.pointee.value
    }
    latencies = try unsafe ProtobufArray.messages(c.latencies, c.n_latencies)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__StatsResponse.self)
    unsafe c.pointee.version = unsafe arena.text(version)
    unsafe c.pointee.uptime_seconds = uptimeSeconds
    unsafe c.pointee.ready = ready ? 1 : 0
    unsafe c.pointee.writable = writable ? 1 : 0
    unsafe c.pointee.capacity_bytes = capacityBytes
    unsafe c.pointee.disk_bytes = diskBytes
    unsafe c.pointee.memory_bytes = memoryBytes
    unsafe c.pointee.memory_limit_bytes = memoryLimitBytes
    unsafe c.pointee.pages = pages
    unsafe c.pointee.page_bytes = pageBytes
    unsafe c.pointee.evicted_pages = evictedPages
    unsafe c.pointee.quarantined_pages = quarantinedPages
    unsafe c.pointee.boot_id = unsafe arena.text(bootID)
    unsafe c.pointee.levels = unsafe arena.messages(levels)
    unsafe c.pointee.n_levels = levels.count
    unsafe c.pointee.segments = unsafe arena.messages(segments)
    unsafe c.pointee.n_segments = segments.count
    unsafe c.pointee.namespaces = unsafe arena.messages(namespaces)
    unsafe c.pointee.n_namespaces = namespaces.count
    var entries: [UnsafeMutablePointer<Varve__V1__StatsResponse__CountersEntry>?] = unsafe []
    for (key, value) in counters.sorted(by: { $0.key < $1.key }) {
      let entry = unsafe arena.place(Varve__V1__StatsResponse__CountersEntry())
      unsafe varve__v1__stats_response__counters_entry__init(entry)
      unsafe entry.pointee.key = unsafe arena.text(key)
      unsafe entry.pointee.value = value
      unsafe entries.append(entry)
    }
    unsafe c.pointee.counters = unsafe arena.array(entries)
    unsafe c.pointee.n_counters = unsafe entries.count
    unsafe c.pointee.latencies = unsafe arena.messages(latencies)
    unsafe c.pointee.n_latencies = latencies.count
  }
}
