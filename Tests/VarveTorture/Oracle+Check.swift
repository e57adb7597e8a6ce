// The questions asked after every recovery. An empty answer means that the store is what it
// promised to be.

internal import VarveBase
internal import VarveEngine
internal import VarveFile

extension Oracle {
  /// What is wrong with the store, a sentence each. What had been left open by the crash (a clear
  /// that was not answered) is settled from what is found.
  ///
  /// - Parameter settles: the store was just opened. (What a running store refused to do may still
  ///   be found done after the next start.)
  mutating func check(
    _ engine: Engine, _ pages: Pages, millis: UInt64, settles: Bool = true
  ) -> [String] {
    var problems: [String] = []
    do {
      if let broken = try engine.brokenInvariant() {
        problems.append(broken)
      }
      checkNamespaces(engine, settles, &problems)
      for name in spaces.keys.sorted() {
        try checkPages(name, engine, millis, &problems)
        if problems.isEmpty { try checkChains(name, engine, pages, &problems) }
      }
    } catch {
      problems.append("the check itself was refused: \(error)")
    }
    return problems
  }

  private mutating func checkNamespaces(
    _ engine: Engine, _ settles: Bool, _ problems: inout [String]
  ) {
    let found = Dictionary(
      uniqueKeysWithValues: engine.namespaces().map { ($0.name, $0.id) })
    for (name, id) in found {
      if retired.contains(id) { problems.append("namespace \(name) \(id) came back") }
      if spaces[name] == nil, !opening.contains(name) {
        problems.append("namespace \(name) was never made")
      }
    }
    for (name, space) in spaces {
      switch found[name] {
      case space.id: if settles { goesOn(name) }
      case nil where space.isEnding: ended(name, newID: nil)
      case nil: problems.append("namespace \(name) \(space.id) is lost")
      case let id? where space.isEnding: ended(name, newID: id)
      case let id?: problems.append("namespace \(name) has id \(id), not \(space.id)")
      }
    }
    guard settles else { return }
    for name in opening {
      if let id = found[name], spaces[name] == nil { opened(name, id: id) }
    }
    settleOpening()
  }

  private mutating func checkPages(
    _ name: String, _ engine: Engine, _ millis: UInt64, _ problems: inout [String]
  ) throws {
    guard let space = spaces[name] else { return }
    let ids = space.pages.keys.sorted { $0.word0 < $1.word0 }
    guard !ids.isEmpty else { return }
    let slice = ChainSlice(namespace: space.id, ids: ids, first: 0, count: ids.count)
    let session = try engine.beginGet(slice, sparse: true)
    var index = 0
    while let batch = try session.next(bytesMax: 1 << 20) {
      for page in batch.pages {
        defer { index += 1 }
        guard let expected = space.pages[ids[index]] else { continue }
        let problem =
          switch page.outcome {
          case .present: wrong(batch, page, expected, engine, millis)
          case .dataLoss: "its bytes are damaged" as String?
          default: missing(expected, engine, millis)
          }
        if let problem {
          problems.append("\(name) page \(ids[index].hex.prefix(8)): \(problem)")
        } else if page.outcome != .present {
          forget(name, ids[index])
        }
      }
    }
    if index != ids.count { problems.append("\(name): \(index) of \(ids.count) pages answered") }
  }

  /// What is wrong with a page that is served.
  private func wrong(
    _ batch: GetBatch, _ page: GetPage, _ expected: Page, _ engine: Engine, _ millis: UInt64
  ) -> String? {
    var hash = XXH3.Stream()
    var count = 0
    let pieces = unsafe batch.pieces(of: page)
    for index in unsafe pieces.indices {
      let piece = unsafe pieces[index]
      unsafe hash.update(piece)
      count += piece.count
    }
    let checksum = hash.digest()
    let same = expected.allowed.filter { $0.checksum == checksum && Int($0.rawBytes) == count }
    if same.isEmpty {
      return expected.allowed.isEmpty
        ? "came back after its delete" : "\(count) bytes that were never submitted"
    }
    if same.allSatisfy({ $0.isExpired(millis) }) { return "served after its expiry" }
    // Where the acknowledged one left with its segment, a put that was not answered may be there.
    if let promise = expected.promise, promise.versions.contains(where: { !$0.isExpired(millis) }),
      !promise.versions.contains(where: { $0.checksum == checksum }),
      let missing = missing(expected, engine, millis)
    {
      return "another version than the one acknowledged, which is \(missing)"
    }
    return nil
  }

  /// What is wrong with a page that is absent.
  private func missing(_ expected: Page, _ engine: Engine, _ millis: UInt64) -> String? {
    guard let promise = expected.promise else { return nil }
    // Which of several versions is there was never told: any may have expired.
    if promise.versions.contains(where: { $0.isExpired(millis) }) { return nil }
    let word = promise.durable ? "durable" : "volatile"
    guard mayEvict, let segment = promise.segment else { return "\(word) and lost" }
    let live = engine.liveSegments
    if live.contains(segment) { return "\(word) and lost, its segment \(segment) lives" }
    if let older = live.first, older < segment {
      return "\(word) and lost with segment \(segment), though \(older) is older"
    }
    return nil
  }

  /// Asked by chain, whatever the hint and whether memory may answer, presence is the same; and
  /// what was never put into this namespace is absent.
  private func checkChains(
    _ name: String, _ engine: Engine, _ pages: Pages, _ problems: inout [String]
  ) throws {
    guard let space = spaces[name] else { return }
    for ids in pages.chains {
      var answers: [[UInt8]] = []
      for (atRoot, exact) in [(true, true), (false, true), (true, false), (false, false)] {
        let slice = ChainSlice(
          namespace: space.id, ids: ids, first: 0, count: ids.count, atRoot: atRoot)
        answers.append(try engine.lookup(slice, wantPresent: true, exact: exact).present)
      }
      if answers.contains(where: { $0 != answers[0] }) {
        problems.append("\(name): presence at the root, elsewhere, and both not exact: \(answers)")
      }
      for (index, id) in ids.enumerated()
      where answers[0][index / 8] >> UInt8(index % 8) & 1 == 1 && space.pages[id] == nil {
        problems.append("\(name) page \(id.hex.prefix(8)) was never put, and is there")
      }
    }
  }
}
