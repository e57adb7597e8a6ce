// A store under test together with its oracle: runs operations on the one and tells the other what
// was asked and what was answered.

package import VarveBase
package import VarveEngine
package import VarveFile

/// Used by one thread at a time; the watch of its disk runs on that thread as well.
package final class TortureStore: @unchecked Sendable {
  // Sendable is sound by the rule above: a simulated engine has no thread of its own.
  package let configuration: EngineConfiguration
  let files: any FileSystem
  let clock: ManualClock
  let pages: Pages
  package private(set) var engine: Engine?
  package var oracle: Oracle
  /// What was wrong while operations ran.
  package private(set) var problems: [String] = []
  /// A line for each operation: what the store answered.
  package private(set) var transcript: [String] = []
  private let keepsTranscript: Bool
  /// Calls that met an injected fault so far. An operation may be refused where one met its own.
  private let faultsMet: @Sendable () -> Int
  private var faultsBefore = 0
  private let faultIsFullDisk: Bool
  private var openings: UInt64 = 0
  private var tunings = 0
  private let log = OpeningLog()
  /// What the last opening said was damaged or lost.
  package private(set) var complaints: [String] = []

  package init(
    _ configuration: EngineConfiguration, files: any FileSystem, clock: ManualClock, pages: Pages,
    oracle: Oracle, keepsTranscript: Bool = false,
    faultsMet: @escaping @Sendable () -> Int = { 0 }, faultIsFullDisk: Bool = false
  ) {
    self.configuration = configuration
    self.files = files
    self.clock = clock
    self.pages = pages
    self.oracle = oracle
    self.keepsTranscript = keepsTranscript
    self.faultsMet = faultsMet
    self.faultIsFullDisk = faultIsFullDisk
  }

  package func open() throws {
    var configuration = configuration
    openings += 1
    // Two openings of one store must not share their salts.
    configuration.simulation?.seed ^= openings &* 0x1_0000_0001
    _ = log.take()
    let before = faultsMet()
    defer {
      complaints = log.take()
      // DESIGN §5: a disk found full at the start is answered by evicting, whatever the capacity.
      if faultIsFullDisk, faultsMet() > before { oracle.mayEvict = true }
    }
    engine = try Engine.open(
      configuration, files: files, clock: clock,
      ledger: MemoryLedger(limitBytes: 256 << 20), logger: log.logger)
  }

  package func close() {
    engine?.close()
    engine = nil
  }

  /// The process is gone: nothing more is written.
  package func abandon() { engine = nil }

  package func check(settles: Bool = true) -> [String] {
    guard let engine else { return ["the store is closed"] }
    return oracle.check(engine, pages, millis: clock.wallMillis(), settles: settles)
  }

  // MARK: - Operations

  package func run(_ operations: some Sequence<Operation>) {
    for operation in operations {
      run(operation)
      if !problems.isEmpty { return }
    }
  }

  package func run(_ operation: Operation) {
    faultsBefore = faultsMet()
    let before = syncFailures
    do {
      try perform(operation)
    } catch {
      answer("refused: \(error)")
      if !mayRefuse { problems.append("\(operation) was refused: \(error)") }
    }
    // DESIGN §5: a failed sync takes along what lay beyond the last good one; the store goes on.
    if syncFailures > before { oracle.powerLost() }
  }

  /// This operation met a fault, or an earlier one made the store read-only for good, which DESIGN
  /// §5 asks for after a second failed sync, after one of what a start found, and where the
  /// manifest cannot be written. Nothing else excuses a refusal.
  private var mayRefuse: Bool { metFault || engine?.isWritable == false }

  private var metFault: Bool { faultsMet() > faultsBefore }

  /// Failed syncs of the engine that is open.
  private var syncFailures: UInt64 { engine?.counters.syncFailures.current ?? 0 }

  private func answer(_ line: @autoclosure () -> String) {
    if keepsTranscript { transcript.append(line()) }
  }

  private func perform(_ operation: Operation) throws {
    guard let engine else { return }
    switch operation {
    case .put(let put): try self.put(put, engine)
    case .get(let space, let chain, let atRoot): try get(space, chain, atRoot, engine)
    case .delete(let space, let chain, let first, let count):
      try delete(space, chain, first, count, engine)
    case .clear(let space):
      try end(space) { name in try engine.clearNamespace(name: name) }
    case .drop(let space):
      try end(space) { name in try engine.dropNamespace(name: name) }
    case .flush:
      try engine.flush()
      oracle.synced()
    case .compact(let indexOnly):
      try engine.compact(namespace: nil, indexOnly: indexOnly) { _ in true }
      oracle.synced()
    case .syncStep:
      let before = syncFailures
      engine.syncStep()
      if engine.isWritable, syncFailures == before { oracle.synced() }
    case .indexStep: engine.indexStep()
    case .tune: tune(engine)
    case .advance(let millis): clock.advance(millis: millis)
    case .reopen:
      let wasWritable = engine.isWritable
      let before = engine.counters.syncFailures.current
      close()
      // Closing syncs; it has nobody to tell when that fails.
      if engine.counters.syncFailures.current > before {
        oracle.powerLost()
      } else if wasWritable, !metFault {
        oracle.synced()
      }
      try open()
      // A fault that the check's own reads meet says nothing about the start.
      let opened = faultsMet()
      let wrong = check()
      if faultsMet() == opened { problems += wrong }
    }
  }

  /// Shapes far from each other, one after the other.
  private func tune(_ engine: Engine) {
    let ratios = [2, 16, 3, 4, 7]
    let runs = [1, 15, 2, 3]
    tunings += 1
    engine.tune(
      IndexTuning(
        sizeRatio: ratios[tunings % ratios.count], innerRunsMax: runs[tunings % runs.count],
        lastRunsMax: runs[tunings / 2 % runs.count],
        memtableBytes: tunings % 3 == 0 ? 1 : configuration.memtableBytes,
        filterBitsPerName: Double(tunings * 7 % 21)),
      joining: tunings % 2 == 0)
  }

  private func name(_ space: Int) -> String { "space-\(space)" }

  /// The namespace's id, made if missing.
  private func space(_ number: Int, _ engine: Engine) throws -> (name: String, id: UInt32) {
    let name = name(number)
    oracle.willOpen(name)
    let (view, _) = try engine.openNamespace(
      name: name, options: NamespaceOptions(), mustExist: false)
    oracle.opened(name, id: view.id)
    return (name, view.id)
  }

  private func end(_ number: Int, _ body: (String) throws -> UInt64) throws {
    let name = name(number)
    guard oracle.spaces[name] != nil else { return }
    oracle.willEnd(name)
    let count = try body(name)
    oracle.ended(name, newID: engine?.namespaces().first { $0.name == name }?.id)
    answer("ended \(name) with \(count) pages")
  }

  private func delete(
    _ number: Int, _ chain: Int, _ first: Int, _ count: Int, _ engine: Engine
  ) throws {
    let (name, id) = try space(number, engine)
    let slice = ChainSlice(
      namespace: id, ids: pages.chains[chain], first: first, count: count, atRoot: first % 2 == 0)
    oracle.willDelete(name, slice.asked)
    let removed = try engine.delete(slice)
    oracle.deleted(name, slice.asked)
    answer("deleted \(removed)")
  }

  private func get(_ number: Int, _ chain: Int, _ atRoot: Bool, _ engine: Engine) throws {
    let (_, id) = try space(number, engine)
    let ids = pages.chains[chain]
    let slice = ChainSlice(namespace: id, ids: ids, first: 0, count: ids.count, atRoot: atRoot)
    let hits = try engine.lookup(slice, wantPresent: true)
    let quick = try engine.lookup(slice, wantPresent: true, exact: false)
    let session = try engine.beginGet(slice, sparse: true)
    // Hashes of 44 bits do not collide in a history of this size.
    if quick != hits { answer("memory answers \(quick), the index \(hits)") }
    var line = "get \(hits.hitPages) \(hits.hitBytes) \(hits.present):"
    while let batch = try session.next(bytesMax: 8 << 10) {
      for page in batch.pages { line += " \(page.outcome.rawValue)/\(page.checksum & 0xffff)" }
    }
    answer(line)
  }

  // MARK: - Putting

  private func put(_ put: PutOperation, _ engine: Engine) throws {
    let (name, id) = try space(put.space, engine)
    let ids = pages.chains[put.chain]
    let slice = ChainSlice(
      namespace: id, ids: ids, first: put.first, count: put.count, atRoot: put.atRoot)
    let sent = slice.asked.map { pages.bytes($0, version: put.version) }
    let expiry = put.ttlSeconds == 0 ? 0 : clock.wallMillis() / 1000 + put.ttlSeconds
    let versions = sent.map {
      Oracle.Version(
        checksum: $0.checksum, rawBytes: UInt32($0.bytes.count), expirySeconds: expiry)
    }
    let order = PutOrder(
      slice: slice, pageBytes: versions.map(\.rawBytes), checksums: versions.map(\.checksum),
      durable: put.durable, ttlSeconds: put.ttlSeconds, ask: put.ask)
    for (id, version) in zip(slice.asked, versions) { oracle.willPut(name, id, version) }
    let session = try engine.beginPut(order)
    send(sent, session, put)
    let told = Locked<[PageOutcome]?>(nil)
    session.finish { outcomes in told.withLock { $0 = outcomes } }
    if put.durable { engine.syncStep() }
    guard let outcomes = told.withLock({ $0 }) else {
      problems.append("a put was never answered")
      return
    }
    for (index, outcome) in outcomes.enumerated() {
      try learn(name, slice.ids[put.first + index], versions[index], outcome, put, id, engine)
    }
    answer("put \(outcomes.map(\.rawValue))")
  }

  private func learn(
    _ name: String, _ page: PageID, _ version: Oracle.Version, _ outcome: PageOutcome,
    _ put: PutOperation, _ namespace: UInt32, _ engine: Engine
  ) throws {
    switch outcome {
    case .stored, .alreadyPresent:
      let segment = oracle.tracksSegments ? try engine.segment(of: page, in: namespace) : nil
      if outcome == .stored {
        oracle.stored(name, page, version, durable: put.durable, segment: segment)
      } else {
        oracle.wasPresent(
          name, page, rawBytes: version.rawBytes, durable: put.durable, segment: segment)
      }
    case .checksumMismatch, .lengthMismatch, .sizeConflict, .tooLarge: break
    case .notAttempted:
      if put.damage == nil, !mayRefuse {
        problems.append("a page of a put in order was not attempted")
      }
    default:
      if !mayRefuse, !(oracle.mayEvict && outcome == .noSpace) {
        problems.append("a page of a put ended as \(outcome)")
      }
    }
  }

  /// What a connection does with the bytes of a put.
  private func send(_ pages: [PageBytes], _ session: PutSession, _ put: PutOperation) {
    var left = if case .cutOff(let count) = put.damage { count } else { Int.max }
    for (index, page) in pages.enumerated() {
      let isNeeded = session.need[index / 8] >> UInt8(index % 8) & 1 == 1
      if put.ask, !isNeeded { continue }
      var bytes = page.bytes
      if case .wrongBytes(index) = put.damage { bytes[bytes.count / 2] ^= 1 }
      var at = 0
      while at < bytes.count, left > 0 {
        var count = min(bytes.count - at, left)
        switch session.nextDestination() {
        case .memory(let memory):
          count = min(count, memory.count)
          unsafe memory.copyBytes(from: bytes[at..<at + count])
        case .skip(let most): count = min(count, most)
        case .end: return
        }
        session.received(count)
        at += count
        left -= count
      }
    }
  }
}
