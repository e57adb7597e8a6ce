// A seeded history, crashed before every call that changes the disk, under every survivor model,
// recovered, asked, and crashed again while it recovers.

internal import VarveBase
internal import VarveEngine
package import VarveFile

/// The disk and the promises of one moment.
struct CrashPoint: Sendable {
  let disk: MemoryFileSystem
  let oracle: Oracle
  let kind: FileCall.Kind
  let path: String
  let index: Int
  let millis: UInt64
}

/// A fault left in on purpose: the run must fail.
package struct Canary: Sendable {
  package let name: String
  /// Calls of this kind on paths that contain `path` are claimed done and are not.
  package let kind: FileCall.Kind
  package let path: String

  package static let all: [Canary] = [
    Canary(name: "segments are not synced", kind: .sync, path: ".vlog"),
    Canary(name: "the manifest is not synced", kind: .sync, path: "MANIFEST-"),
    Canary(name: "tables are not synced", kind: .sync, path: ".sst"),
    Canary(name: "new segments' names are not synced", kind: .syncDirectory, path: "/segments"),
    Canary(name: "new tables' names are not synced", kind: .syncDirectory, path: "/tables"),
    Canary(name: "CURRENT is replaced without a sync", kind: .sync, path: "CURRENT"),
    Canary(name: "evicted segments are not unlinked", kind: .remove, path: ".vlog"),
  ]
}

package struct CrashRun: Sendable {
  package static let depthMax = 3
  /// Crash points taken of one history unless told otherwise: of a longer one, evenly by kind of
  /// call. Every third history that does not evict is so short that all of its points are taken.
  package static let pointsMax = 240

  package let seed: UInt64
  package let canary: Canary?
  /// Where the run notes what it is at (see `CaseNote`).
  package let slot: Int
  private let history: History
  private let configuration: EngineConfiguration
  private let mayEvict: Bool
  private let pointsMax: Int

  package init(
    seed: UInt64, canary: Canary? = nil, slot: Int = 0, pointsMax: Int = CrashRun.pointsMax
  ) {
    self.seed = seed
    self.pointsMax = pointsMax
    self.canary = canary
    self.slot = slot
    var dice = Dice(Dice.mix(seed, 7))
    mayEvict = dice.oneIn(3)
    configuration = Self.configuration(&dice, seed: seed, mayEvict: mayEvict)
    let length = dice.below(30)
    var other = Dice(Dice.mix(seed, 11))
    let isShort = !mayEvict && other.oneIn(3)
    history = History(
      seed: seed, length: isShort ? 2 + length / 4 : (mayEvict ? 60 : 20) + length,
      pageBytesMax: !mayEvict && dice.oneIn(2) ? 2000 : 24_000)
  }

  /// For manifests of a store that evicts: little, so that a file too many shows at once.
  private static let reservedBytes = 64 << 10

  static func configuration(
    _ dice: inout Dice, seed: UInt64, mayEvict: Bool
  ) -> EngineConfiguration {
    // Where pages are to leave, segments are small and few.
    let segment = UInt64(64 << 10) << UInt64(mayEvict ? 0 : dice.below(3))
    let count = mayEvict ? 8 + dice.below(6) : 400
    let reserved = mayEvict ? Self.reservedBytes : Limits.manifestBytesReserved
    var configuration = EngineConfiguration(
      directory: "/data", capacityBytes: UInt64(reserved) + segment * UInt64(count))
    configuration.manifestBytesReserved = reserved
    configuration.segmentBytes = UInt32(segment)
    configuration.arenaBytes = (64 << 10) * (1 + dice.below(4))
    configuration.stagingBytes = 4 << 20
    configuration.memtableBytes = [1, 2 << 10, 16 << 10, 1 << 20][dice.below(4)]
    configuration.blockCacheBytes = dice.oneIn(2) ? 0 : 64 << 10
    configuration.tableBlockBytes = [1, 200, 16 << 10][dice.below(3)]
    configuration.manifestRollBytes = [1, 1000, mayEvict ? 16 << 10 : 1 << 20][dice.below(3)]
    configuration.shape = IndexShape(
      sizeRatio: 2 + dice.below(3), innerRunsMax: 1 + dice.below(3),
      lastRunsMax: 1 + dice.below(3))
    configuration.directIO = dice.oneIn(2)
    configuration.simulation = EngineConfiguration.Simulation(seed: seed)
    return configuration
  }

  // MARK: - The history

  /// Everything of one seed. `isEnough` is asked between crash points.
  package func run(isEnough: (CrashTally) -> Bool = { _ in false }) -> CrashTally {
    var tally = CrashTally()
    tally.histories = 1
    let all = live(&tally)
    let points = chosen(all)
    var isWhole = points.count == all.count
    for point in points {
      tally.points += 1
      var dice = Dice(Dice.mix(seed, UInt64(point.index) + 100))
      for model in CrashSurvival.models(seed: dice.next()) {
        crash(point, model, depth: 1, &dice, &tally)
      }
      crash(point, nil, depth: 1, &dice, &tally)
      if tally.failures.count > 5 || isEnough(tally) {
        isWhole = false
        break
      }
    }
    tally.wholeHistories = isWhole ? 1 : 0
    return tally
  }

  /// Runs the history once, taking the disk and the oracle before every change.
  private func live(_ tally: inout CrashTally) -> [CrashPoint] {
    let crashable = CrashableFileSystem()
    let clock = ManualClock()
    let store = TortureStore(
      configuration, files: files(crashable), clock: clock, pages: history.pages,
      oracle: Oracle(mayEvict: mayEvict))
    let points = Locked<[CrashPoint]>([])
    let overrun = Locked<String?>(nil)
    let capacity = configuration.capacityBytes
    crashable.watch { disk, call in
      let used = disk.disk.usedBytes
      if UInt64(used) > capacity { overrun.withLock { $0 = "\(used) bytes before \(call)" } }
      points.withLock {
        $0.append(
          CrashPoint(
            disk: disk.disk.killClone(), oracle: store.oracle, kind: call.kind, path: call.path,
            index: $0.count, millis: clock.wallMillis()))
      }
    }
    CaseNote.set(slot, "seed \(seed), the history itself")
    var problems: [String] = []
    do {
      try store.open()
      store.run(history.operations)
      problems = store.problems + store.check()
      tally.count(store)
    } catch {
      problems.append("the first opening was refused: \(error)")
    }
    crashable.watch(nil)
    if let overrun = overrun.withLock({ $0 }) { problems.append("over capacity: \(overrun)") }
    if !problems.isEmpty {
      tally.failures.append(Failure(place: "seed \(seed), before any crash", problems: problems))
    }
    store.abandon()
    return points.withLock { $0 }
  }

  /// All, or as many of each kind of call as there is room for. Points of one kind differ little
  /// in a history that makes thousands of them.
  private func chosen(_ points: [CrashPoint]) -> [CrashPoint] {
    guard points.count > pointsMax else { return points }
    var dice = Dice(Dice.mix(seed, 9))
    var left = Dictionary(grouping: points.shuffled(using: &dice), by: \.kind)
    var chosen: [CrashPoint] = []
    while chosen.count < pointsMax {
      for kind in FileCall.Kind.allCases {
        if let point = left[kind]?.popLast() { chosen.append(point) }
      }
    }
    return chosen.sorted { $0.index < $1.index }
  }

  private func files(_ crashable: CrashableFileSystem) -> any FileSystem {
    guard let canary else { return crashable.files }
    let rule = FaultRule(canary.kind, path: canary.path, times: .max / 2, .claimDone)
    return FaultyFileSystem(crashable.files, judge: FaultRules([rule]))
  }

  // MARK: - Crashing and recovering

  /// - Parameter model: nil: the process is killed, and the kernel keeps what it had.
  private func crash(
    _ point: CrashPoint, _ model: CrashSurvival?, depth: Int, _ dice: inout Dice,
    _ tally: inout CrashTally
  ) {
    let place =
      "seed \(seed), call \(point.index) (\(point.kind.rawValue) \(lastName(of: point.path))), "
      + "survivors \(model?.name ?? "killed"), depth \(depth)"
    CaseNote.set(slot, place)
    let crashable = CrashableFileSystem(
      model.map { point.disk.crashClone($0) } ?? point.disk.killClone())
    var oracle = point.oracle
    if let model, model != .all { oracle.powerLost() }
    tally.byKind[point.kind, default: 0] += 1
    tally.byModel[model?.name ?? "killed", default: 0] += 1
    tally.byDepth[depth, default: 0] += 1
    let (problems, next) = recover(
      crashable, oracle, point, again: depth < Self.depthMax ? 1 + dice.below(24) : nil, &dice,
      &tally)
    if !problems.isEmpty {
      tally.failures.append(Failure(place: place, problems: problems))
    } else if let next {
      let models = CrashSurvival.models(seed: dice.next())
      let number = dice.below(models.count + 1)
      crash(next, number < models.count ? models[number] : nil, depth: depth + 1, &dice, &tally)
    }
  }

  /// - Parameter again: the change of the recovery before which the disk is taken.
  private func recover(
    _ crashable: CrashableFileSystem, _ oracle: Oracle, _ point: CrashPoint, again: Int?,
    _ dice: inout Dice, _ tally: inout CrashTally
  ) -> (problems: [String], next: CrashPoint?) {
    var configuration = configuration
    configuration.simulation?.seed = dice.next()
    let clock = ManualClock(wallMillis: point.millis)
    let store = TortureStore(
      configuration, files: files(crashable), clock: clock, pages: history.pages, oracle: oracle)
    let next = Locked<CrashPoint?>(nil)
    let capacity = configuration.capacityBytes
    let overrun = Locked(false)
    crashable.watch { disk, call in
      if UInt64(disk.disk.usedBytes) > capacity { overrun.withLock { $0 = true } }
      guard disk.changeCount == again else { return }
      let found = CrashPoint(
        disk: disk.disk.killClone(), oracle: oracle, kind: call.kind, path: call.path,
        index: point.index, millis: point.millis)
      next.withLock { $0 = found }
    }
    do {
      try store.open()
    } catch {
      return (["recovery was refused: \(error)"], nil)
    }
    crashable.watch(nil)
    var problems = store.complaints.map { "nothing was damaged, and recovery says: \($0)" }
    problems += store.check()
    tally.count(store)
    if overrun.withLock({ $0 }) { problems.append("over capacity while recovering") }
    if problems.isEmpty, dice.oneIn(8) { problems = live(on: store, &dice) }
    return (problems, next.withLock { $0 })
  }

  /// The recovered store is as good as any: it takes more of the history and another restart.
  private func live(on store: TortureStore, _ dice: inout Dice) -> [String] {
    let start = dice.below(history.operations.count)
    store.run(history.operations[start...].prefix(6))
    if store.problems.isEmpty { store.run(.reopen) }
    return store.problems.isEmpty
      ? store.check() : store.problems.map { "after recovery: \($0)" }
  }
}
