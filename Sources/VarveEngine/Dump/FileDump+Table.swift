// A table as text: properties, then every record in key order.

internal import VarveBase
internal import VarveFile

extension FileDump {
  mutating func dumpTable(_ number: UInt64) {
    let directory = TableDirectory(
      files, path: parent(of: path), cache: BlockCache(budgetBytes: 1 << 20))
    do throws(IndexError) {
      let table = try Table(directory, number: number)
      line(
        "table \(number) version \(TableFormat.version) blocks \(table.properties.blocks) counts "
          + table.properties.counts.numbers.map(String.init).joined(separator: " "))
      if let census = table.properties.census { dump(census) }
      var scanner = TableScanner(table)
      while try scanner.next() {
        line("record \(text(scanner.kind)) key \(hex(scanner.key)) \(text(scanner.record))")
      }
      try table.verify()
    } catch {
      guard case .outdated(_, let found, _) = error else { return damage(error) }
      line(
        "table \(number) version \(found) of an older release: made anew from the segments at the "
          + "next start")
    }
  }

  private mutating func dump(_ census: PageCensus) {
    for (segment, namespaces) in census.segments.sorted(by: { $0.key < $1.key }) {
      for (id, held) in namespaces.sorted(by: { $0.key < $1.key }) {
        let expiring = held.expiring.sorted { $0.key < $1.key }.map {
          " until \($0.key): \(text($0.value))"
        }
        line(
          "holds in segment \(segment) of namespace \(id) \(text(held.lasting))"
            + expiring.joined())
      }
    }
  }

  private func text(_ counts: PageCounts) -> String {
    "\(counts.pages) pages \(counts.bytes) bytes"
  }

  private func text(_ kind: IndexKey.Kind) -> String { kind == .id ? "id" : "path" }

  private func text(_ record: IndexRecord) -> String {
    guard record.kind == .page else {
      return "tombstone \(record.id.hex) sequence \(record.sequence)"
    }
    return "page \(record.id.hex) birth \(record.sequence) \(text(record.location)) put "
      + "\(record.putMillis) expiry \(record.expirySeconds)"
  }

  func text(_ location: Location) -> String {
    "at \(location.segment):\(location.offset) raw \(location.rawBytes) stored "
      + "\(location.storedBytes) xxh3 \(String(location.checksum, radix: 16)) codec "
      + "\(location.codec)"
  }

  func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

extension Table {
  /// A table of which nothing is known but its file: what the manifest would say is taken from its
  /// own properties.
  convenience init(_ directory: TableDirectory, number: UInt64) throws(IndexError) {
    let path = directory.path(of: number)
    let (fileBytes, counts) = try TableParts.counts(directory.files, path, number: number)
    try self.init(
      directory,
      TableSummary(number: number, order: number, fileBytes: fileBytes, counts: counts))
  }
}
