// How many pages of which namespace each segment holds, as one part of the index changes it: every
// memtable and every table carries its own, and their sum over all parts is what is there. So the
// start adds up a few numbers a table and reads no record for it.

internal import VarveBase

/// Counts by segment and namespace. A page counts where its record enters the index; whoever ends
/// it (a delete, a newer copy) takes it away in the part that holds the ending word.
///
/// A part must not be thrown away while its census says anything of a live segment: merging adds
/// the census of all inputs.
package struct PageCensus: Equatable, Sendable {
  package private(set) var segments: [UInt64: [UInt32: HeldPages]] = [:]

  package init() {}

  package var isEmpty: Bool { segments.isEmpty }

  mutating func add(_ page: PageRecord) {
    change(page.location.segment, page.name.namespace) { $0.add(page) }
  }

  mutating func remove(_ page: PageRecord) {
    change(page.location.segment, page.name.namespace) { $0.remove(page) }
  }

  mutating func add(_ held: HeldPages, segment: UInt64, namespace: UInt32) {
    change(segment, namespace) { $0.add(held) }
  }

  mutating func add(_ other: PageCensus) {
    for (segment, namespaces) in other.segments {
      for (namespace, held) in namespaces { add(held, segment: segment, namespace: namespace) }
    }
  }

  /// What still counts: segments and namespaces that live, pages that have not expired.
  func limited(
    at seconds: UInt64, to isLive: (_ segment: UInt64, _ namespace: UInt32) -> Bool
  ) -> PageCensus {
    var result = PageCensus()
    for (segment, namespaces) in segments {
      for (namespace, held) in namespaces where isLive(segment, namespace) {
        var kept = held
        kept.forgetExpired(at: seconds)
        result.add(kept, segment: segment, namespace: namespace)
      }
    }
    return result
  }

  /// Nothing is below zero, as it must be of a whole index.
  var isSane: Bool {
    segments.values.allSatisfy { namespaces in
      namespaces.values.allSatisfy { held in
        ([held.lasting] + held.expiring.values).allSatisfy { $0.pages >= 0 && $0.bytes >= 0 }
      }
    }
  }

  /// Of all parts; nil where a table was written before there was a census.
  static func sum(of tables: [Table]) -> PageCensus? {
    var sum = PageCensus()
    for table in tables {
      guard let census = table.properties.census else { return nil }
      sum.add(census)
    }
    return sum
  }

  private mutating func change(
    _ segment: UInt64, _ namespace: UInt32, _ body: (inout HeldPages) -> Void
  ) {
    body(&segments[segment, default: [:]][namespace, default: HeldPages()])
    guard segments[segment]?[namespace]?.isEmpty == true else { return }
    segments[segment]?[namespace] = nil
    if segments[segment]?.isEmpty == true { segments[segment] = nil }
  }
}

// MARK: - Bytes

// Behind the keys of a table's properties. All numbers LEB128, those that may be below zero in
// zigzag form; segments, namespaces and seconds rise, and the first two and the last are written as
// the difference from the one before.
//
//   segments; for each: number, namespaces; for each: id, pages, bytes (that never expire),
//   seconds; for each: second, pages, bytes

extension PageCensus {
  /// No encoding of it is longer.
  package var byteCountMax: Int {
    let number = Varint.byteCountMax
    return segments.values.reduce(number) { bytes, namespaces in
      namespaces.values.reduce(bytes + 2 * number) { $0 + (4 + 3 * $1.expiring.count) * number }
    }
  }

  func append(to bytes: inout [UInt8]) {
    Varint.append(UInt64(segments.count), to: &bytes)
    var lastSegment: UInt64 = 0
    for (segment, namespaces) in segments.sorted(by: { $0.key < $1.key }) {
      Varint.append(segment - lastSegment, to: &bytes)
      lastSegment = segment
      Varint.append(UInt64(namespaces.count), to: &bytes)
      var lastID: UInt32 = 0
      for (id, held) in namespaces.sorted(by: { $0.key < $1.key }) {
        Varint.append(UInt64(id - lastID), to: &bytes)
        lastID = id
        Self.append(held, to: &bytes)
      }
    }
  }

  private static func append(_ held: HeldPages, to bytes: inout [UInt8]) {
    append(held.lasting, to: &bytes)
    Varint.append(UInt64(held.expiring.count), to: &bytes)
    var last: UInt64 = 0
    for (expiry, counts) in held.expiring.sorted(by: { $0.key < $1.key }) {
      Varint.append(expiry - last, to: &bytes)
      last = expiry
      append(counts, to: &bytes)
    }
  }

  private static func append(_ counts: PageCounts, to bytes: inout [UInt8]) {
    Varint.append(signed: counts.pages, to: &bytes)
    Varint.append(signed: counts.bytes, to: &bytes)
  }

  /// Reads from `at` to the end of `bytes`; nil when they are no census.
  init?(_ bytes: RawSpan, at: Int) {
    var reader = CensusReader(at: at)
    guard let census = reader.census(bytes), reader.at == bytes.byteCount else { return nil }
    self = census
  }
}

/// Every step gives nil where the bytes end or do not rise.
private struct CensusReader {
  var at: Int

  private mutating func number(_ bytes: RawSpan) -> UInt64? {
    Varint.read(bytes, &at, end: bytes.byteCount)
  }

  private mutating func signed(_ bytes: RawSpan) -> Int64? {
    Varint.readSigned(bytes, &at, end: bytes.byteCount)
  }

  /// The number that lies so far above `last`; the first may be 0.
  private mutating func risen(_ bytes: RawSpan, from last: UInt64?) -> UInt64? {
    guard let step = number(bytes), step > 0 || last == nil else { return nil }
    let (sum, overflows) = (last ?? 0).addingReportingOverflow(step)
    return overflows ? nil : sum
  }

  private mutating func counts(_ bytes: RawSpan) -> PageCounts? {
    guard let pages = signed(bytes), let size = signed(bytes) else { return nil }
    // Sums over many tables must stay within 64 bits.
    guard pages.magnitude < 1 << 48, size.magnitude < 1 << 56 else { return nil }
    return PageCounts(pages: pages, bytes: size)
  }

  mutating func census(_ bytes: RawSpan) -> PageCensus? {
    guard let count = number(bytes) else { return nil }
    var census = PageCensus()
    var segment: UInt64?
    for _ in 0..<count {
      segment = risen(bytes, from: segment)
      guard let segment, let namespaces = number(bytes) else { return nil }
      var id: UInt64?
      for _ in 0..<namespaces {
        id = risen(bytes, from: id)
        guard let id, let id32 = UInt32(exactly: id), let held = held(bytes) else { return nil }
        census.add(held, segment: segment, namespace: id32)
      }
    }
    return census
  }

  private mutating func held(_ bytes: RawSpan) -> HeldPages? {
    guard let lasting = counts(bytes), let count = number(bytes) else { return nil }
    var held = HeldPages()
    held.add(lasting, expiry: 0)
    var expiry: UInt64?
    for _ in 0..<count {
      expiry = risen(bytes, from: expiry)
      guard let expiry, expiry > 0, let counts = counts(bytes) else { return nil }
      held.add(counts, expiry: expiry)
    }
    return held
  }
}
