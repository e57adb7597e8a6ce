// What the tuner may move. Knobs are a list: the search tries every knob's candidates, the driver
// applies whatever moved, status and metrics print all, so that a new knob is a new name here, a
// term in the cost model and a line where the engine takes it.

/// A knob's name, the same in `varvectl`, the configuration, metrics and the history.
package enum KnobName: String, CaseIterable, Sendable, Hashable {
  /// T: how much larger a level is than the one above it.
  case sizeRatio = "size_ratio"
  /// K: most runs in a level above the last.
  case innerRunsMax = "inner_runs_max"
  /// Z: most runs in the last level.
  case lastRunsMax = "last_runs_max"
  /// Bytes of records gathered before they are flushed to a run.
  case memtableBytes = "memtable_bytes"
  /// Filter bits a name, averaged over all runs (Monkey divides them).
  case filterBits = "filter_bits_per_name"

  /// Whether only whole numbers make sense.
  package var isWhole: Bool { self != .filterBits }

  /// Knobs that move together, as one step.
  static let steps: [[KnobName]] = [
    [.sizeRatio, .innerRunsMax, .lastRunsMax], [.memtableBytes], [.filterBits],
  ]

  /// Those that the tree's layout depends on.
  static let ofLayout: [KnobName] = [.sizeRatio, .innerRunsMax, .lastRunsMax, .memtableBytes]

  /// Its place in `Setting`.
  var index: Int {
    switch self {
    case .sizeRatio: 0
    case .innerRunsMax: 1
    case .lastRunsMax: 2
    case .memtableBytes: 3
    case .filterBits: 4
    }
  }
}

/// A value for every knob.
package struct Setting: Hashable, Sendable {
  private var values: [Double]

  package init(
    sizeRatio: Double, innerRunsMax: Double, lastRunsMax: Double, memtableBytes: Double,
    filterBits: Double
  ) {
    values = [sizeRatio, innerRunsMax, lastRunsMax, memtableBytes, filterBits]
  }

  package subscript(_ name: KnobName) -> Double {
    get { values[name.index] }
    set { values[name.index] = newValue }
  }

  /// The knobs in which the two differ, in the order of their names' list.
  package func differing(from other: Setting) -> [KnobName] {
    KnobName.allCases.filter { self[$0] != other[$0] }
  }
}

/// One knob: where it may stand, and who moves it.
package struct Knob: Hashable, Sendable {
  package let name: KnobName
  /// The values the search tries, rising, not empty. An operator may set any value within the
  /// bounds.
  package let candidates: [Double]
  package let min: Double
  package let max: Double
  /// Held by an operator: the tuner leaves it alone.
  package var isManual: Bool

  package init(
    _ name: KnobName, candidates: [Double], min: Double? = nil, max: Double? = nil,
    isManual: Bool = false
  ) {
    precondition(!candidates.isEmpty, "\(name.rawValue) has no candidates")
    precondition(
      zip(candidates, candidates.dropFirst()).allSatisfy { $0 < $1 },
      "candidates of \(name.rawValue) must rise")
    self.name = name
    self.candidates = candidates
    self.min = min ?? candidates[0]
    self.max = max ?? candidates[candidates.count - 1]
    self.isManual = isManual
    precondition(self.min <= candidates[0], "\(name.rawValue): a candidate below the bound")
    precondition(
      self.max >= candidates[candidates.count - 1], "\(name.rawValue): a candidate over the bound")
  }

  /// The same within narrower bounds; bounds of one value hold it.
  package func within(_ bounds: ClosedRange<Double>) -> Knob {
    precondition(
      bounds.lowerBound >= min && bounds.upperBound <= max, "\(name.rawValue): wider bounds")
    var inside = candidates.filter { bounds.contains($0) }
    if inside.isEmpty { inside = [bounds.lowerBound] }
    return Knob(
      name, candidates: inside, min: bounds.lowerBound, max: bounds.upperBound,
      isManual: isManual || bounds.lowerBound == bounds.upperBound)
  }

  /// Whether an operator may set it to `value`.
  package func allows(_ value: Double) -> Bool { value >= min && value <= max }
}

extension Knob {
  /// The five knobs of the index with the candidates that the tuner tries.
  ///
  /// - Parameter memtableBytes: least and most; candidates are the most, halved twice at most.
  package static func ofIndex(memtableBytes: ClosedRange<Double>) -> [Knob] {
    var memtables = [memtableBytes.upperBound]
    while memtables.count < 3, memtables[0] / 2 >= memtableBytes.lowerBound {
      memtables.insert(memtables[0] / 2, at: 0)
    }
    return [
      Knob(.sizeRatio, candidates: [2, 3, 4, 6, 8, 10, 12, 16]),
      Knob(.innerRunsMax, candidates: [1, 2, 3, 5, 7, 11, 15]),
      Knob(.lastRunsMax, candidates: [1, 2, 3, 5, 7, 11, 15]),
      Knob(
        .memtableBytes, candidates: memtables, min: memtableBytes.lowerBound,
        max: memtableBytes.upperBound),
      Knob(.filterBits, candidates: [4, 6, 8, 10, 12, 14], min: 2, max: 16),
    ]
  }
}
