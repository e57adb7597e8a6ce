// Identity is (namespace, page id). Hints say where to look first and never what is there.

import Testing
import VarveBase
import VarveEngine

@Suite struct EngineHintTests {
  /// Ways to tell the engine of the same pages.
  enum Hint: CaseIterable {
    case right, absent, truncated, gapped, random, wrongRoot
  }

  func slice(
    _ ids: [PageID], _ first: Int, _ count: Int, _ hint: Hint, _ namespace: UInt32,
    _ random: inout SeededRandom
  ) -> ChainSlice {
    let asked = Array(ids[first..<first + count])
    let before = Array(ids[max(0, first - 32)..<first])
    func bare(_ before: [PageID], atRoot: Bool = false) -> ChainSlice {
      ChainSlice(
        namespace: namespace, ids: asked, first: 0, count: count, before: before, atRoot: atRoot)
    }
    switch hint {
    case .right:
      return ChainSlice(namespace: namespace, ids: ids, first: first, count: count, atRoot: true)
    case .absent: return bare([])
    case .truncated: return bare(Array(before.suffix(2)))
    case .gapped: return bare(before.enumerated().filter { $0.offset % 3 != 2 }.map(\.element))
    case .random:
      return bare(
        (0..<5).map { _ in PageID(random.next(), random.next(), random.next(), random.next()) })
    case .wrongRoot: return bare([], atRoot: true)
    }
  }

  /// The same pages put and asked with every kind of hint, through flushes, merges and a restart.
  @Test(arguments: Hint.allCases) func noAnswerDependsOnAHint(put: Hint) throws {
    let seed = 4711 + UInt64(Hint.allCases.firstIndex(of: put) ?? 0)
    var random = SeededRandom(seed)
    let store = try TestStore()
    let namespace = try store.namespace()
    let ids = chain(seed, 150)
    let branch = Array(ids[0..<40]) + chain(seed + 1000, 60)
    var stored: Set<PageID> = []
    func page(_ id: PageID) -> TestPage { TestPage(id, bytes: 600) }
    for round in 0..<40 {
      let sequence = Bool.random(using: &random) ? ids : branch
      let first = Int.random(in: 0..<sequence.count, using: &random)
      let count = Int.random(in: 1...min(50, sequence.count - first), using: &random)
      let part = slice(sequence, first, count, put, namespace, &random)
      let outcomes = try store.put(part.asked.map(page), in: part)
      for (id, outcome) in zip(part.asked, outcomes) {
        #expect(
          outcome == (stored.contains(id) ? .alreadyPresent : .stored), "seed \(seed) \(round)")
        stored.insert(id)
      }
      if round % 9 == 5 { try store.engine.flush() }
      if round == 30 { try store.reopen() }
    }
    try check(store, [ids, branch], stored, namespace, &random, seed)
    try store.engine.compact(namespace: nil, indexOnly: false) { _ in true }
    try check(store, [ids, branch], stored, namespace, &random, seed)
  }

  private func check(
    _ store: TestStore, _ chains: [[PageID]], _ stored: Set<PageID>, _ namespace: UInt32,
    _ random: inout SeededRandom, _ seed: UInt64
  ) throws {
    for sequence in chains {
      for hint in Hint.allCases {
        for _ in 0..<6 {
          let first = Int.random(in: 0..<sequence.count, using: &random)
          let count = Int.random(in: 1...sequence.count - first, using: &random)
          let part = slice(sequence, first, count, hint, namespace, &random)
          let run = part.asked.prefix { stored.contains($0) }
          let answer = try store.engine.lookup(part, wantPresent: true)
          #expect(answer.hitPages == run.count, "seed \(seed) \(hint)")
          for (index, id) in part.asked.enumerated() {
            let bit = answer.present[index / 8] >> UInt8(index % 8) & 1 == 1
            #expect(bit == stored.contains(id), "seed \(seed) \(hint)")
          }
          let got = try store.get(part).map(\.1)
          #expect(got == run.map { TestPage($0, bytes: 600).bytes }, "seed \(seed) \(hint)")
        }
      }
    }
  }
}
