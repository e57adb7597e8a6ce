// What the edits add up to. Pure: no file, no clock.

/// The state of a store as of the last committed batch.
package struct ManifestState: Equatable, Sendable {
  /// Newest first (by `order`).
  package private(set) var tables: [TableSummary] = []
  package private(set) var segments: [UInt64: SegmentEntry] = [:]
  package private(set) var namespaces: [UInt32: NamespaceEntry] = [:]
  package private(set) var replayFrom = LogPosition(segment: 0, offset: 0)
  /// Tables take their numbers from here, never twice.
  package private(set) var nextFile: UInt64 = 1
  package private(set) var nextSegment: UInt64 = 1
  package private(set) var nextNamespace: UInt32 = 1
  package private(set) var lastBirth: UInt64 = 0

  package init() {}

  private struct NamespaceKey: Hashable {
    let tenant: String
    let name: String

    init(_ entry: NamespaceEntry) {
      tenant = entry.tenant
      name = entry.name
    }

    init(tenant: String, name: String) {
      self.tenant = tenant
      self.name = name
    }
  }

  /// Ids by name, so that opening a store with many namespaces stays linear.
  private var namespaceIDs: [NamespaceKey: UInt32] = [:]

  /// The namespace of this name and tenant.
  package func namespace(named name: String, tenant: String = "default") -> NamespaceEntry? {
    namespaceIDs[NamespaceKey(tenant: tenant, name: name)].flatMap { namespaces[$0] }
  }

  package func applying(_ edits: [ManifestEdit]) throws(IndexError) -> ManifestState {
    var copy = self
    for edit in edits { try copy.apply(edit) }
    return copy
  }

  /// Changes the state, or throws `invalidEdit` and leaves it as it was.
  package mutating func apply(_ edit: ManifestEdit) throws(IndexError) {
    switch edit {
    case .addTable(let table): try add(table)
    case .removeTable(let number):
      guard let index = tables.firstIndex(where: { $0.number == number }) else {
        throw .invalidEdit("remove table \(number), which is not there")
      }
      tables.remove(at: index)
    case .addSegment(let number):
      try demand(number >= nextSegment, "add segment \(number), next is \(nextSegment)")
      try demand(number < .max, "add segment \(number), the last number there is")
      segments[number] = SegmentEntry(number: number)
      nextSegment = number + 1
    case .sealSegment(let entry): try seal(entry)
    case .dropSegment(let number):
      try demand(segments[number] != nil, "drop segment \(number), which is not there")
      segments[number] = nil
    case .replayFrom(let position):
      try demand(position >= replayFrom, "replay from \(position), already at \(replayFrom)")
      replayFrom = position
    case .nextFile(let number):
      try demand(number >= nextFile, "next file \(number), already \(nextFile)")
      nextFile = number
    case .nextSegment(let number):
      try demand(number >= nextSegment, "next segment \(number), already \(nextSegment)")
      nextSegment = number
    case .nextNamespace(let id):
      try demand(id >= nextNamespace, "next namespace \(id), already \(nextNamespace)")
      nextNamespace = id
    case .lastBirth(let birth):
      try demand(birth >= lastBirth, "last birth \(birth), already \(lastBirth)")
      lastBirth = birth
    case .createNamespace(let entry): try create(entry)
    case .setNamespace(let entry): try set(entry)
    case .retireNamespace(let id):
      guard let entry = namespaces.removeValue(forKey: id) else {
        throw .invalidEdit("retire namespace \(id), which is not there")
      }
      namespaceIDs[NamespaceKey(entry)] = nil
    }
  }

  private func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws(IndexError) {
    if !holds { throw .invalidEdit(what()) }
  }

  private mutating func add(_ table: TableSummary) throws(IndexError) {
    let number = table.number
    try demand(number > 0 && number < .max, "add table \(number): no such number")
    for other in tables where other.number == number || other.order == table.order {
      throw .invalidEdit(
        "add table \(number) order \(table.order) beside table \(other.number) order \(other.order)"
      )
    }
    let index = tables.firstIndex { $0.order < table.order } ?? tables.count
    tables.insert(table, at: index)
    nextFile = max(nextFile, number + 1)
  }

  private mutating func seal(_ entry: SegmentEntry) throws(IndexError) {
    guard let open = segments[entry.number], !open.isSealed else {
      throw .invalidEdit("seal segment \(entry.number), which is not open")
    }
    try demand(entry.isSealed, "seal segment \(entry.number) with an entry that is not sealed")
    segments[entry.number] = entry
  }

  private mutating func create(_ entry: NamespaceEntry) throws(IndexError) {
    try demand(
      entry.id >= nextNamespace && entry.id < .max,
      "create namespace \(entry.id), next is \(nextNamespace)")
    if let problem = entry.problem { throw .invalidEdit(problem) }
    if let other = namespace(named: entry.name, tenant: entry.tenant) {
      throw .invalidEdit("create namespace \(entry.id) with the name of \(other.id)")
    }
    namespaces[entry.id] = entry
    namespaceIDs[NamespaceKey(entry)] = entry.id
    nextNamespace = entry.id + 1
  }

  private mutating func set(_ entry: NamespaceEntry) throws(IndexError) {
    guard let old = namespaces[entry.id], old.name == entry.name, old.tenant == entry.tenant else {
      throw .invalidEdit("set namespace \(entry.id), which is not there under this name")
    }
    if let problem = entry.problem { throw .invalidEdit(problem) }
    namespaces[entry.id] = entry
  }

  /// The edits that make this state from an empty one: what a new manifest file begins with.
  package func snapshot() -> [ManifestEdit] {
    var edits: [ManifestEdit] = []
    for entry in segments.values.sorted(by: { $0.number < $1.number }) {
      edits.append(.addSegment(entry.number))
      if entry.isSealed { edits.append(.sealSegment(entry)) }
    }
    for table in tables.reversed() { edits.append(.addTable(table)) }
    for entry in namespaces.values.sorted(by: { $0.id < $1.id }) {
      edits.append(.createNamespace(entry))
    }
    edits.append(.nextFile(nextFile))
    edits.append(.nextSegment(nextSegment))
    edits.append(.nextNamespace(nextNamespace))
    edits.append(.lastBirth(lastBirth))
    edits.append(.replayFrom(replayFrom))
    return edits
  }

  /// This state with the namespaces of `copy`, which is of the same age or one edit ahead: what it
  /// has under an id this one never gave out is new, what it lacks of those it knew is retired.
  package func following(_ copy: ManifestState) throws(IndexError) -> ManifestState {
    var edits: [ManifestEdit] = []
    for id in namespaces.keys.sorted() where id < copy.nextNamespace {
      if let entry = copy.namespaces[id] {
        if entry != namespaces[id] { edits.append(.setNamespace(entry)) }
      } else {
        edits.append(.retireNamespace(id))
      }
    }
    for id in copy.namespaces.keys.sorted() where id >= nextNamespace {
      if let entry = copy.namespaces[id] { edits.append(.createNamespace(entry)) }
    }
    edits.append(.nextNamespace(max(nextNamespace, copy.nextNamespace)))
    return try applying(edits)
  }

  /// The same segments, namespaces and numbers without any table: everything is to be taken from
  /// the log again.
  package func withoutTables() -> ManifestState {
    var copy = self
    copy.tables = []
    copy.replayFrom = .start
    return copy
  }

  package func checkInvariants() {
    precondition(namespaceIDs.count == namespaces.count, "names and ids differ in number")
    for (id, entry) in namespaces {
      precondition(id == entry.id && id < nextNamespace, "namespace \(id) out of range")
      precondition(namespaceIDs[NamespaceKey(entry)] == id, "namespace \(id) under no name")
    }
    for (number, entry) in segments {
      precondition(number == entry.number && number < nextSegment, "segment \(number)")
    }
    var last = UInt64.max
    var numbers: Set<UInt64> = []
    for (index, table) in tables.enumerated() {
      precondition(table.number < nextFile, "table \(table.number) above the next file")
      precondition(numbers.insert(table.number).inserted, "table \(table.number) twice")
      precondition(index == 0 || table.order < last, "tables out of order")
      last = table.order
    }
  }
}
