// What a crash run counted, and whether its quotas are full.

internal import VarveBase
internal import VarveEngine
package import VarveFile

/// A store that broke its word, with what it takes to see it again.
package struct Failure: Sendable {
  package let place: String
  package let problems: [String]
}

package struct CrashTally: Sendable {
  package var histories = 0
  /// Of those, the ones crashed before every change they made; of the others a sample was taken.
  package var wholeHistories = 0
  package var points = 0
  package var byKind: [FileCall.Kind: Int] = [:]
  package var byModel: [String: Int] = [:]
  package var byDepth: [Int: Int] = [:]
  /// Counters that tell whether the histories were worth crashing.
  private static let told: Set<String> = [
    "pages_stored_total", "pages_deleted_total", "pages_evicted_total", "segments_dropped_total",
    "memtable_flushes_total", "merges_total", "log_segments_sealed_total", "recovered_pages_total",
  ]

  /// What the stores did on the way, by the names of their counters.
  package var events: [String: UInt64] = [:]
  package var failures: [Failure] = []

  package init() {}

  package var recoveries: Int { byDepth.values.reduce(0, +) }

  /// Kinds of call that every history makes.
  package static let kinds: [FileCall.Kind] = [
    .create, .write, .sync, .rename, .remove, .syncDirectory,
  ]

  /// Each kind of call has had its share: half of an equal one, since the calls before which a
  /// store crashes are as frequent as they are.
  package func isFull(_ target: Int) -> Bool {
    recoveries >= target
      && Self.kinds.allSatisfy { byKind[$0, default: 0] >= target / (2 * Self.kinds.count) }
  }

  /// The failures of a run without any but that came across too little: its silence means nothing.
  package var failuresToSee: [Failure] {
    var missed = Self.told.filter { events[$0, default: 0] == 0 }.sorted().map {
      "no history did anything that counts as \($0)"
    }
    if wholeHistories == 0 { missed.append("no history was crashed at every change it made") }
    return missed.isEmpty ? [] : [Failure(place: "the run as a whole", problems: missed)]
  }

  /// Adds what the open store counted since it was opened.
  mutating func count(_ store: TortureStore) {
    guard let engine = store.engine else { return }
    for counter in engine.allCounters where Self.told.contains(counter.name) {
      events[counter.name, default: 0] += counter.current
    }
  }

  package mutating func add(_ other: CrashTally) {
    histories += other.histories
    wholeHistories += other.wholeHistories
    points += other.points
    byKind.merge(other.byKind, uniquingKeysWith: +)
    byModel.merge(other.byModel, uniquingKeysWith: +)
    byDepth.merge(other.byDepth, uniquingKeysWith: +)
    events.merge(other.events, uniquingKeysWith: +)
    failures += other.failures
  }

  package var lines: [String] {
    var lines = [
      "\(histories) histories, \(points) crash points, \(recoveries) recoveries",
      "  \(wholeHistories) histories crashed at every change, "
        + "\(histories - wholeHistories) longer ones at a sample of each kind",
    ]
    lines += FileCall.Kind.allCases.compactMap { kind in
      byKind[kind].map { "  before \(kind.rawValue): \($0)" }
    }
    lines += byModel.sorted { $0.key < $1.key }.map { "  survivors \($0.key): \($0.value)" }
    lines += byDepth.sorted { $0.key < $1.key }.map { "  depth \($0.key): \($0.value)" }
    lines += events.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map {
      "  \($0.key): \($0.value)"
    }
    return lines
  }
}
