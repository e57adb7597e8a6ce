// TEMPORARY: stands in for the engine on this branch; replaced by the real one at integration. Keeps
// pages in memory so that the server can be driven end to end.

package import Logging
package import VarveBase
package import VarveFile

package struct LookupAnswer: Sendable {
  package let hitPages: Int
  package let hitBytes: UInt64
  package let present: [UInt8]
}
package struct CompactProgress: Sendable {
  package let stage: String
  package let done: UInt64
  package let total: UInt64
  package let etaSeconds: Double
  package let result: [String: UInt64]
}
package struct LevelStatistics: Sendable {
  package let level: Int, runs: Int, runsMax: Int
  package let entries: UInt64, bytes: UInt64, filterBytes: UInt64
}
package struct SegmentStatistics: Sendable {
  package let id: UInt64, state: String, bytes: UInt64, liveBytes: UInt64, pages: UInt64
  package let score: Double
}
package struct EngineStatistics: Sendable {
  package let capacityBytes: UInt64, diskBytes: UInt64, pages: UInt64, pageBytes: UInt64
  package let evictedPages: UInt64, quarantinedPages: UInt64
  package let levels: [LevelStatistics]
  package let segments: [SegmentStatistics]
}
package struct PutOrder: Sendable {
  package let slice: ChainSlice
  package let pageBytes: [UInt32]
  package let checksums: [UInt64]
  package let durable: Bool
  package let ttlSeconds: UInt64
  package let ask: Bool
  package init(
    slice: ChainSlice, pageBytes: [UInt32], checksums: [UInt64], durable: Bool, ttlSeconds: UInt64,
    ask: Bool
  ) {
    self.slice = slice
    self.pageBytes = pageBytes
    self.checksums = checksums
    self.durable = durable
    self.ttlSeconds = ttlSeconds
    self.ask = ask
  }
}

@safe package final class Engine: Sendable {
  struct State {
    var spaces: [String: NamespaceView] = [:]
    var nextID: UInt32 = 1
    var pages: [PageName: (AlignedBuffer, UInt32, UInt64)] = [:]
    var running = 0
  }
  let state = Locked(State())
  let configuration: EngineConfiguration
  package let bootID = "0123456789abcdef0123456789abcdef"
  package var isWritable: Bool { true }
  package var readOnlyReason: String? { nil }
  package let counters: [Counter] = [Counter("engine_stand_in_total", "stand-in")]
  package let latencies: [LatencyHistogram] = [LatencyHistogram("sync_seconds", "stand-in")]
  package func gauges() -> [Gauge] { [Gauge("pages", "Pages", 0)] }

  private init(_ configuration: EngineConfiguration) { self.configuration = configuration }

  package static func open(
    _ configuration: EngineConfiguration, files: any FileSystem, clock: any Clock,
    ledger: MemoryLedger, logger: Logger
  ) throws(EngineOpenError) -> Engine {
    do {
      try files.createDirectory(configuration.directory)
    } catch { throw .io(path: configuration.directory, what: "\(error)") }
    return Engine(configuration)
  }
  package func close() {}

  package func openNamespace(
    name: String, options: NamespaceOptions, mustExist: Bool
  ) throws(EngineError) -> (view: NamespaceView, created: Bool) {
    guard !name.isEmpty, name.utf8.count <= Limits.namespaceNameBytesMax else {
      throw .namespaceNameLength(bytes: name.utf8.count, limit: Limits.namespaceNameBytesMax)
    }
    guard options.pageBytesMax <= configuration.pageBytesMax else {
      throw .pageBytesMaxTooLarge(asked: options.pageBytesMax, limit: configuration.pageBytesMax)
    }
    let most = configuration.pageBytesMax
    return try state.withLock { (state) throws(EngineError) in
      if let view = state.spaces[name] {
        if options.pageTokens != 0, options.pageTokens != view.options.pageTokens {
          throw .optionDisagrees(
            option: "page_tokens", existing: "\(view.options.pageTokens)",
            asked: "\(options.pageTokens)")
        }
        return (view, false)
      }
      if mustExist { throw .namespaceUnknown }
      guard state.spaces.count < Limits.namespacesMax else {
        throw .tooManyNamespaces(limit: Limits.namespacesMax)
      }
      var view = NamespaceView()
      view.name = name
      view.id = state.nextID
      view.options = options
      if view.options.pageBytesMax == 0 { view.options.pageBytesMax = most }
      state.nextID += 1
      state.spaces[name] = view
      return (view, true)
    }
  }
  package func namespace(_ id: UInt32) -> NamespaceView? {
    state.withLock { $0.spaces.values.first { $0.id == id } }
  }
  package func namespaces() -> [NamespaceView] {
    state.withLock { $0.spaces.values.sorted { $0.name < $1.name } }
  }
  package func clearNamespace(name: String) throws(EngineError) -> UInt64 {
    let gone = try dropNamespace(name: name)
    _ = try openNamespace(name: name, options: NamespaceOptions(), mustExist: false)
    return gone
  }
  package func dropNamespace(name: String) throws(EngineError) -> UInt64 {
    try state.withLock { (state) throws(EngineError) in
      guard let view = state.spaces.removeValue(forKey: name) else { throw .namespaceUnknown }
      let names = state.pages.keys.filter { $0.namespace == view.id }
      for name in names { state.pages[name] = nil }
      return UInt64(names.count)
    }
  }

  private func check(_ slice: ChainSlice) throws(EngineError) {
    guard namespace(slice.namespace) != nil else { throw .namespaceUnknown }
  }
  private func page(_ slice: ChainSlice, _ offset: Int) -> (AlignedBuffer, UInt32, UInt64)? {
    let name = PageName(namespace: slice.namespace, id: slice.ids[slice.first + offset])
    return state.withLock { $0.pages[name] }
  }

  package func lookup(
    _ slice: ChainSlice, wantPresent: Bool, exact: Bool, prefetch: Bool
  ) throws(EngineError) -> LookupAnswer {
    try check(slice)
    var bits = [UInt8](repeating: 0, count: wantPresent ? (slice.count + 7) / 8 : 0)
    var hit = 0
    var bytes: UInt64 = 0
    for offset in 0..<slice.count {
      guard let found = page(slice, offset) else { continue }
      if hit == offset {
        hit += 1
        bytes += UInt64(found.1)
      }
      if wantPresent { bits[offset / 8] |= 1 << UInt8(offset % 8) }
    }
    return LookupAnswer(hitPages: hit, hitBytes: bytes, present: bits)
  }
  package func beginGet(_ slice: ChainSlice, sparse: Bool) throws(EngineError) -> GetSession {
    try check(slice)
    return GetSession(pagesMax: slice.count) { [self] offset in
      guard let found = page(slice, offset) else {
        return sparse ? GetPage(index: slice.first + offset, outcome: .missing) : nil
      }
      return GetPage(
        index: slice.first + offset, outcome: .present, rawBytes: found.1, checksum: found.2,
        memory: found.0)
    }
  }
  package func beginPut(_ request: PutOrder) throws(EngineError) -> PutSession {
    try check(request.slice)
    return PutSession(self, request, namespace(request.slice.namespace)?.options.pageBytesMax ?? 0)
  }
  package func delete(_ slice: ChainSlice) throws(EngineError) -> Int {
    try check(slice)
    var count = 0
    for id in slice.asked {
      let name = PageName(namespace: slice.namespace, id: id)
      if state.withLock({ $0.pages.removeValue(forKey: name) }) != nil { count += 1 }
    }
    return count
  }
  package func reportCorrupt(_ namespace: UInt32, _ id: PageID) throws(EngineError) -> Bool {
    guard self.namespace(namespace) != nil else { throw .namespaceUnknown }
    return false
  }
  package func flush() throws(EngineError) {}
  package func compact(
    namespace: String?, indexOnly: Bool, progress: (CompactProgress) -> Bool
  ) throws(EngineError) {
    if let namespace, !namespaces().contains(where: { $0.name == namespace }) {
      throw .namespaceUnknown
    }
    _ = progress(CompactProgress(stage: "index", done: 1, total: 1, etaSeconds: 0, result: [:]))
  }
  package func statistics() -> EngineStatistics {
    EngineStatistics(
      capacityBytes: configuration.capacityBytes, diskBytes: 0,
      pages: state.withLock { UInt64($0.pages.count) }, pageBytes: 0, evictedPages: 0,
      quarantinedPages: 0, levels: [], segments: [])
  }
  package func background(_ job: @escaping @Sendable () -> Void) throws(EngineError) {
    StandInPool.run(job)
  }
}

@safe package final class GetPage: Sendable {
  package let index: Int
  package let outcome: PageOutcome
  package let rawBytes: UInt32
  package let checksum: UInt64
  let memory: AlignedBuffer?
  package var pieces: [UnsafeRawBufferPointer] {
    guard let memory else { return unsafe [] }
    return unsafe [UnsafeRawBufferPointer(rebasing: memory.bytes[0..<Int(rawBytes)])]
  }
  init(
    index: Int, outcome: PageOutcome, rawBytes: UInt32 = 0, checksum: UInt64 = 0,
    memory: AlignedBuffer? = nil
  ) {
    self.index = index
    self.outcome = outcome
    self.rawBytes = rawBytes
    self.checksum = checksum
    self.memory = memory
  }
}

@safe package final class GetSession: @unchecked Sendable {
  package let pagesMax: Int
  private let page: (Int) -> GetPage?
  private var next = 0
  init(pagesMax: Int, page: @escaping (Int) -> GetPage?) {
    self.pagesMax = pagesMax
    self.page = page
  }
  package func next(bytesMax: Int) throws(EngineError) -> [GetPage]? {
    var pages: [GetPage] = []
    var bytes = 0
    while next < pagesMax, pages.isEmpty || bytes < bytesMax {
      guard let found = page(next) else {
        next = pagesMax
        break
      }
      pages.append(found)
      bytes += Int(found.rawBytes)
      next += 1
    }
    return pages.isEmpty ? nil : pages
  }
}

@safe package final class PutSession: @unchecked Sendable {
  @safe package enum Destination {
    case memory(UnsafeMutableRawBufferPointer)
    case skip(Int)
    case end
  }
  package let need: [UInt8]
  private let engine: Engine
  private let order: PutOrder
  private var outcomes: [PageOutcome]
  private var buffers: [AlignedBuffer?]
  private let sent: [Int]
  private var at = 0
  private var within = 0

  init(_ engine: Engine, _ order: PutOrder, _ bytesMax: UInt32) {
    self.engine = engine
    self.order = order
    outcomes = Array(repeating: .notAttempted, count: order.slice.count)
    buffers = Array(repeating: nil, count: order.slice.count)
    var bits = [UInt8](repeating: 0, count: (order.slice.count + 7) / 8)
    var sent: [Int] = []
    for offset in 0..<order.slice.count {
      let name = PageName(
        namespace: order.slice.namespace, id: order.slice.ids[order.slice.first + offset])
      if let found = engine.state.withLock({ $0.pages[name] }) {
        outcomes[offset] = found.1 == order.pageBytes[offset] ? .alreadyPresent : .sizeConflict
      } else if order.pageBytes[offset] > bytesMax {
        outcomes[offset] = .tooLarge
      } else {
        bits[offset / 8] |= 1 << UInt8(offset % 8)
        buffers[offset] = AlignedBuffer(
          byteCount: (Int(order.pageBytes[offset]) + 4095) / 4096 * 4096)
      }
      if !order.ask || buffers[offset] != nil { sent.append(offset) }
    }
    need = bits
    self.sent = sent
  }

  package func nextDestination() -> Destination {
    guard at < sent.count else { return .end }
    let rest = Int(order.pageBytes[sent[at]]) - within
    guard let buffer = buffers[sent[at]] else { return .skip(rest) }
    return unsafe .memory(
      UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[within..<within + rest]))
  }
  package func received(_ count: Int) {
    within += count
    guard within == Int(order.pageBytes[sent[at]]) else { return }
    let offset = sent[at]
    if let buffer = buffers[offset] {
      let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer.bytes[0..<within])
      if unsafe XXH3.hash(bytes) == order.checksums[offset] {
        outcomes[offset] = .stored
        let name = PageName(
          namespace: order.slice.namespace, id: order.slice.ids[order.slice.first + offset])
        let value = (buffer, order.pageBytes[offset], order.checksums[offset])
        engine.state.withLock { $0.pages[name] = value }
      } else {
        outcomes[offset] = .checksumMismatch
      }
    }
    at += 1
    within = 0
  }
  package func finish(_ done: @escaping @Sendable ([PageOutcome]) -> Void) {
    if at < sent.count, within > 0, buffers[sent[at]] != nil { outcomes[sent[at]] = .lengthMismatch }
    let outcomes = outcomes
    StandInPool.run { done(outcomes) }
  }
}
