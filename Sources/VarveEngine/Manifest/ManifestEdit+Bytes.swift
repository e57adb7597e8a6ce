// Bytes of edits: a count, then for each edit a tag and its fields. All numbers are LEB128 but the
// tag; a string is its length and its UTF-8.

internal import VarveBase

/// On disk: never renumber.
private enum Tag: UInt8 {
  case addTable = 1
  case removeTable = 2
  case addSegment = 3
  case sealSegment = 4
  case dropSegment = 5
  case replayFrom = 6
  case nextFile = 7
  case nextSegment = 8
  case nextNamespace = 9
  case lastBirth = 10
  case createNamespace = 11
  case setNamespace = 12
  case retireNamespace = 13
  // Entries with a weight; those without keep the tags that releases before weights know.
  case createWeighted = 14
  case setWeighted = 15
}

extension ManifestEdit {
  static func encode(_ edits: [ManifestEdit]) -> [UInt8] {
    var bytes: [UInt8] = []
    Varint.append(UInt64(edits.count), to: &bytes)
    for edit in edits { edit.append(to: &bytes) }
    return bytes
  }

  /// The edits that fill `bytes` exactly; nil when the bytes are none.
  static func decode(_ bytes: [UInt8]) -> [ManifestEdit]? {
    var reader = EditReader(bytes: bytes)
    guard let count = reader.number(), count <= UInt64(bytes.count) else { return nil }
    var edits: [ManifestEdit] = []
    for _ in 0..<count {
      guard let edit = reader.edit() else { return nil }
      edits.append(edit)
    }
    return reader.at == bytes.count ? edits : nil
  }

  private func append(to bytes: inout [UInt8]) {
    switch self {
    case .addTable(let table): Self.append(.addTable, Self.numbers(table), to: &bytes)
    case .removeTable(let number): Self.append(.removeTable, [number], to: &bytes)
    case .addSegment(let number): Self.append(.addSegment, [number], to: &bytes)
    case .sealSegment(let entry):
      let numbers = [entry.number, entry.bytes, entry.pages, entry.sequenceMax]
      Self.append(.sealSegment, numbers, to: &bytes)
    case .dropSegment(let number): Self.append(.dropSegment, [number], to: &bytes)
    case .replayFrom(let position):
      Self.append(.replayFrom, [position.segment, position.offset], to: &bytes)
    case .nextFile(let number): Self.append(.nextFile, [number], to: &bytes)
    case .nextSegment(let number): Self.append(.nextSegment, [number], to: &bytes)
    case .nextNamespace(let id): Self.append(.nextNamespace, [UInt64(id)], to: &bytes)
    case .lastBirth(let birth): Self.append(.lastBirth, [birth], to: &bytes)
    case .createNamespace(let entry):
      Self.append(.createNamespace, weighted: .createWeighted, entry, to: &bytes)
    case .setNamespace(let entry):
      Self.append(.setNamespace, weighted: .setWeighted, entry, to: &bytes)
    case .retireNamespace(let id): Self.append(.retireNamespace, [UInt64(id)], to: &bytes)
    }
  }

  private static func numbers(_ table: TableSummary) -> [UInt64] {
    [table.number, table.order, UInt64(table.level), table.fileBytes] + table.counts.numbers
  }

  private static func append(_ tag: Tag, _ numbers: [UInt64], to bytes: inout [UInt8]) {
    bytes.append(tag.rawValue)
    for number in numbers { Varint.append(number, to: &bytes) }
  }

  private static func append(
    _ tag: Tag, weighted: Tag, _ entry: NamespaceEntry, to bytes: inout [UInt8]
  ) {
    let options = entry.options
    let numbers = [
      UInt64(entry.id), UInt64(options.pageTokens), UInt64(options.pageBytesMax),
      options.ttlSeconds, UInt64(options.codec),
    ]
    if options.weight == 0 {
      append(tag, numbers, to: &bytes)
    } else {
      append(weighted, [UInt64(options.weight)] + numbers, to: &bytes)
    }
    for text in [entry.name, entry.tenant, options.description] {
      Varint.append(UInt64(text.utf8.count), to: &bytes)
      bytes.append(contentsOf: text.utf8)
    }
  }
}

/// Reads edits; every step gives nil where the bytes end or make no sense.
private struct EditReader {
  let bytes: [UInt8]
  var at = 0

  mutating func number() -> UInt64? {
    var moved = at
    let number = Varint.read(bytes.rawSpan, &moved, end: bytes.count)
    at = moved
    return number
  }

  mutating func number32() -> UInt32? { number().flatMap { UInt32(exactly: $0) } }

  mutating func numbers(_ count: Int) -> [UInt64]? {
    var numbers: [UInt64] = []
    for _ in 0..<count {
      guard let number = number() else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  mutating func byte() -> UInt8? { number().flatMap { UInt8(exactly: $0) } }

  mutating func text() -> String? {
    guard let count = number(), count <= UInt64(bytes.count - at) else { return nil }
    let end = at + Int(count)
    guard let text = String(validating: bytes[at..<end], as: UTF8.self) else { return nil }
    at = end
    return text
  }

  mutating func edit() -> ManifestEdit? {
    guard at < bytes.count, let tag = Tag(rawValue: bytes[at]) else { return nil }
    at += 1
    switch tag {
    case .addTable: return table().map(ManifestEdit.addTable)
    case .removeTable: return number().map(ManifestEdit.removeTable)
    case .addSegment: return number().map(ManifestEdit.addSegment)
    case .sealSegment:
      guard let all = numbers(4) else { return nil }
      return .sealSegment(
        SegmentEntry(
          number: all[0], isSealed: true, bytes: all[1], pages: all[2], sequenceMax: all[3]))
    case .dropSegment: return number().map(ManifestEdit.dropSegment)
    case .replayFrom:
      guard let all = numbers(2) else { return nil }
      return .replayFrom(LogPosition(segment: all[0], offset: all[1]))
    case .nextFile: return number().map(ManifestEdit.nextFile)
    case .nextSegment: return number().map(ManifestEdit.nextSegment)
    case .nextNamespace: return number32().map(ManifestEdit.nextNamespace)
    case .lastBirth: return number().map(ManifestEdit.lastBirth)
    case .createNamespace: return namespace().map(ManifestEdit.createNamespace)
    case .setNamespace: return namespace().map(ManifestEdit.setNamespace)
    case .retireNamespace: return number32().map(ManifestEdit.retireNamespace)
    case .createWeighted: return weighted().map(ManifestEdit.createNamespace)
    case .setWeighted: return weighted().map(ManifestEdit.setNamespace)
    }
  }

  private mutating func table() -> TableSummary? {
    guard let number = number(), let order = self.number(), let level = byte(),
      let fileBytes = self.number(), let all = numbers(9)
    else { return nil }
    return TableSummary(
      number: number, order: order, level: level, fileBytes: fileBytes,
      counts: TableCounts(all))
  }

  private mutating func weighted() -> NamespaceEntry? {
    // 0 has the tags without.
    guard let weight = number32(), weight > 0, var entry = namespace() else { return nil }
    entry.options.weight = weight
    return entry
  }

  private mutating func namespace() -> NamespaceEntry? {
    guard let id = number32(), let pageTokens = number32(), let pageBytesMax = number32(),
      let ttlSeconds = number(), let codec = byte(), let name = text(), let tenant = text(),
      let description = text()
    else { return nil }
    var options = NamespaceOptions()
    options.pageTokens = pageTokens
    options.pageBytesMax = pageBytesMax
    options.ttlSeconds = ttlSeconds
    options.codec = codec
    options.description = description
    return NamespaceEntry(id: id, name: name, tenant: tenant, options: options)
  }
}
