// A seeded history with one fault, at call number i, for every i and each kind of fault: nothing
// crashes, nothing acknowledged is lost, no byte is wrong, and the store opens again without the
// fault.

internal import Synchronization
internal import VarveBase
internal import VarveEngine
package import VarveFile

/// What one call may meet.
package enum FaultKind: String, CaseIterable, Sendable {
  case inputOutput = "EIO"
  case noSpace = "ENOSPC"
  case interrupted = "EINTR"
  case shortRead = "short read"
  case shortWrite = "short write"
  case bitFlip = "bit flip in a read"
  case misdirected = "misdirected read"
  case syncFailsOnce = "sync fails, then claims success"
  case delay = "delay"

  /// Kinds of call it can meet.
  func meets(_ kind: FileCall.Kind) -> Bool {
    switch self {
    case .inputOutput, .interrupted, .delay: true
    case .noSpace:
      [.create, .write, .sync, .createDirectory, .rename, .syncDirectory].contains(kind)
    case .shortRead, .bitFlip, .misdirected: kind == .read
    case .shortWrite: kind == .write
    case .syncFailsOnce: kind == .sync
    }
  }

  func fault(_ call: FileCall, _ dice: inout Dice) -> FaultRule.Fault {
    switch self {
    case .inputOutput: .effect(.fail(Errno.inputOutput))
    case .noSpace: .effect(.fail(Errno.noSpace))
    case .interrupted: .effect(.fail(4))
    case .shortRead: .effect(.cutShort(dice.below(max(1, call.byteCount)), errno: 0))
    case .shortWrite:
      .effect(.cutShort(dice.below(max(1, call.byteCount)), errno: Errno.inputOutput))
    case .bitFlip: .effect(.flipBit(Int(dice.next() >> 8)))
    case .misdirected: .effect(.misdirect(UInt64(dice.below(8)) * 4096))
    case .syncFailsOnce: .failThenClaim(errno: Errno.inputOutput)
    case .delay: .effect(.delay {})
    }
  }
}

/// What is left out on purpose: the run must fail.
package enum FaultCanary: String, CaseIterable, Sendable {
  case errorsUnheard = "a failed write or sync is taken for done"
  case pagesUnchecked = "pages are not compared with their checksums"
  case allDurable = "every acknowledgement is taken for durable"

  /// Turns off what one switch of the whole process turns off; `end` turns it on again.
  package func begin() { PageChecks.areOff.store(self == .pagesUnchecked, ordering: .relaxed) }

  package func end() { PageChecks.areOff.store(false, ordering: .relaxed) }

  /// The faults that can show it.
  fileprivate func tries(_ kind: FaultKind, _ call: FileCall) -> Bool {
    switch self {
    case .errorsUnheard: kind == .inputOutput && (call.kind == .write || call.kind == .sync)
    case .pagesUnchecked: kind == .bitFlip || kind == .misdirected
    case .allDurable: kind == .delay && call.index == 0
    }
  }
}

package struct FaultTally: Sendable {
  package var histories = 0
  package var calls = 0
  package var runs: [String: Int] = [:]
  package var byCall: [FileCall.Kind: Int] = [:]
  package var refusedOpenings = 0
  package var readOnly = 0
  package var failures: [Failure] = []

  package init() {}

  package var runCount: Int { runs.values.reduce(0, +) }

  package mutating func add(_ other: FaultTally) {
    histories += other.histories
    calls += other.calls
    runs.merge(other.runs, uniquingKeysWith: +)
    byCall.merge(other.byCall, uniquingKeysWith: +)
    refusedOpenings += other.refusedOpenings
    readOnly += other.readOnly
    failures += other.failures
  }

  package var lines: [String] {
    ["\(histories) histories of \(calls) calls, \(runCount) runs with one fault"]
      + runs.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
      + FileCall.Kind.allCases.compactMap { kind in
        byCall[kind].map { "  at \(kind.rawValue): \($0)" }
      } + ["  openings refused: \(refusedOpenings), stores read-only: \(readOnly)"]
  }
}

/// Notes every call of a run without faults.
private final class CallList: FileJudge {
  let calls = Locked<[FileCall]>([])
  private let isOver = Locked(false)

  /// The history is over: what the checks call is not listed.
  func end() { isOver.withLock { $0 = true } }

  func judge(_ call: FileCall) -> FaultEffect {
    if !isOver.withLock({ $0 }) { calls.withLock { $0.append(call) } }
    return .pass
  }
}

package struct FaultRun: Sendable {
  package let seed: UInt64
  package let slot: Int
  package let canary: FaultCanary?
  /// Calls whose number this divides meet faults.
  private let every: Int
  private let history: History
  private let configuration: EngineConfiguration
  private let mayEvict: Bool

  package init(seed: UInt64, slot: Int = 0, canary: FaultCanary? = nil, every: Int = 1) {
    self.every = every
    self.seed = seed
    self.slot = slot
    self.canary = canary
    var dice = Dice(Dice.mix(seed, 8))
    mayEvict = dice.oneIn(3)
    configuration = CrashRun.configuration(&dice, seed: seed, mayEvict: mayEvict)
    history = History(seed: seed, length: 16 + dice.below(16), pageBytesMax: 6000)
  }

  package func run() -> FaultTally {
    var tally = FaultTally()
    tally.histories = 1
    let list = CallList()
    _ = once(list, nil)
    let calls = list.calls.withLock { $0 }
    tally.calls = calls.count
    for call in calls where call.index % every == 0 {
      for kind in FaultKind.allCases
      where kind.meets(call.kind) && canary?.tries(kind, call) != false {
        var dice = Dice(Dice.mix(seed, UInt64(call.index) &* 16 &+ UInt64(kind.number)))
        let place =
          "seed \(seed), \(kind.rawValue) at call \(call.index) (\(call.kind.rawValue) "
          + "\(lastName(of: call.path)) at \(call.offset))"
        CaseNote.set(slot, place)
        let fault =
          canary == .errorsUnheard ? .effect(.claimDone) : kind.fault(call, &dice)
        let result = once(FaultRules([FaultRule(nil, nth: call.index, fault: fault)]), kind)
        tally.runs[kind.rawValue, default: 0] += 1
        tally.byCall[call.kind, default: 0] += 1
        if result.wasRefused { tally.refusedOpenings += 1 }
        if result.wasReadOnly { tally.readOnly += 1 }
        if !result.problems.isEmpty {
          tally.failures.append(Failure(place: place, problems: result.problems))
          if tally.failures.count > (canary == nil ? 5 : 0) { return tally }
        }
      }
    }
    return tally
  }

  private struct Result {
    var problems: [String] = []
    var wasRefused = false
    var wasReadOnly = false
  }

  /// The whole history under one judge, then the checks: as it is, after a kill, after a power cut.
  private func once(_ judge: some FileJudge, _ kind: FaultKind?) -> Result {
    var result = Result()
    let disk = MemoryFileSystem()
    let clock = ManualClock()
    let rules = judge as? FaultRules
    let store = TortureStore(
      configuration, files: FaultyFileSystem(disk, judge: judge), clock: clock,
      pages: history.pages,
      oracle: Oracle(mayEvict: mayEvict, tracksSegments: kind == .noSpace),
      faultsMet: { rules?.hitCount ?? 0 }, faultIsFullDisk: kind == .noSpace)
    for operation in history.operations {
      if store.engine == nil { open(store, &result) }
      store.run(operation)
      if !result.problems.isEmpty { return result }
    }
    (judge as? CallList)?.end()
    rules?.clear()
    result.problems += store.problems
    result.wasReadOnly = store.engine?.isWritable == false
    if canary == .allDurable { store.oracle.synced() }
    if UInt64(disk.usedBytes) > configuration.capacityBytes {
      result.problems.append("\(disk.usedBytes) bytes are over the capacity")
    }
    // A store that lost its log's end has said so; it is asked again after the restart.
    if result.problems.isEmpty, store.engine != nil {
      result.problems += store.check(settles: false)
    }
    let oracle = store.oracle
    let killed = disk.killClone()
    let cut = disk.crashClone(.none)
    store.abandon()
    result.problems += reopened(killed, oracle, clock, "killed")
    var after = oracle
    after.powerLost()
    result.problems += reopened(cut, after, clock, "after a power cut")
    return result
  }

  private func open(_ store: TortureStore, _ result: inout Result) {
    do {
      try store.open()
    } catch {
      // The one fault is over: the next opening must do.
      result.wasRefused = true
      do {
        try store.open()
      } catch {
        result.problems.append("never opens again: \(error)")
      }
    }
  }

  private func reopened(
    _ disk: MemoryFileSystem, _ oracle: Oracle, _ clock: ManualClock, _ word: String
  ) -> [String] {
    let store = TortureStore(
      configuration, files: disk, clock: ManualClock(wallMillis: clock.wallMillis()),
      pages: history.pages, oracle: oracle)
    do {
      try store.open()
    } catch {
      return ["\(word): recovery was refused: \(error)"]
    }
    return store.check().map { "\(word): \($0)" }
  }
}

extension FaultKind {
  fileprivate var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
