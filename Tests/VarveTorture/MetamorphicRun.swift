// One seeded history over every option set: what the store answers must not depend on them.

internal import VarveBase
internal import VarveEngine
internal import VarveFile

package struct MetamorphicTally: Sendable {
  package var histories = 0
  package var runs = 0
  package var answers = 0
  package var failures: [Failure] = []

  package init() {}

  package mutating func add(_ other: MetamorphicTally) {
    histories += other.histories
    runs += other.runs
    answers += other.answers
    failures += other.failures
  }
}

package struct MetamorphicRun: Sendable {
  package let seed: UInt64
  package let slot: Int
  /// One option set answers otherwise: the run must fail.
  package let isCanary: Bool
  private let history: History

  package init(seed: UInt64, slot: Int = 0, isCanary: Bool = false) {
    self.seed = seed
    self.slot = slot
    self.isCanary = isCanary
    history = History(seed: seed, length: 80, pageBytesMax: 16_000)
  }

  package func run() -> MetamorphicTally {
    var tally = MetamorphicTally()
    tally.histories = 1
    var expected: [String] = []
    for (index, set) in OptionSet.all.enumerated() {
      let place = "seed \(seed), \(set.name)"
      CaseNote.set(slot, place)
      var (answers, problems) = run(set)
      if isCanary, index == 1, !answers.isEmpty { answers.removeLast() }
      if index == 0 { expected = answers }
      if problems.isEmpty, answers != expected { problems = [difference(expected, answers)] }
      tally.runs += 1
      tally.answers += answers.count
      if !problems.isEmpty { tally.failures.append(Failure(place: place, problems: problems)) }
    }
    return tally
  }

  private func run(_ set: OptionSet) -> (answers: [String], problems: [String]) {
    let store = TortureStore(
      set.configuration, files: MemoryFileSystem(totalBytes: 8 << 30, hasDirect: set.hasDirect),
      clock: ManualClock(), pages: history.pages, oracle: Oracle(mayEvict: false),
      keepsTranscript: true)
    do {
      try store.open()
    } catch {
      return ([], ["the store does not open: \(error)"])
    }
    for operation in history.operations {
      store.run([set.turnsHints ? turned(operation) : operation])
      store.run(set.between)
    }
    let problems = store.problems + store.check()
    store.close()
    return (store.transcript, problems)
  }

  private func turned(_ operation: Operation) -> Operation {
    switch operation {
    case .put(var put):
      put.atRoot.toggle()
      return .put(put)
    case .get(let space, let chain, let atRoot):
      return .get(space: space, chain: chain, atRoot: !atRoot)
    default: return operation
    }
  }

  private func difference(_ expected: [String], _ found: [String]) -> String {
    for (index, (one, other)) in zip(expected, found).enumerated() where one != other {
      return "answer \(index) is \(other.prefix(120)), not \(one.prefix(120))"
    }
    return "\(found.count) answers, not \(expected.count)"
  }
}
