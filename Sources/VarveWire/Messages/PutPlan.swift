// A PutHeader whose numbers have been held against each other: what will come, page by page.

package import VarveBase

/// The pages of one Put, in order.
package struct PutPlan: Hashable, Sendable {
  /// The whole chain; the pages put are `range` of it.
  package let chain: [PageID]
  package let range: Range<Int>
  /// Bytes of each page of `range`, at least 1.
  package let pageBytes: [UInt32]
  /// XXH3-64 of each page of `range`.
  package let checksums: [UInt64]

  package var count: Int { range.count }

  /// The bytes of all pages together; `Put` without `ask` sends exactly so many.
  package var totalBytes: UInt64 { pageBytes.reduce(0) { $0 + UInt64($1) } }
}

extension PutHeader {
  /// Checks the header's numbers against each other and hashes tokens. Whether a page is too large
  /// is the namespace's to say, not the message's.
  package func resolve(pagesMax: Int = Limits.pagesMax) throws(WireError) -> PutPlan {
    let ids = try chain.resolve(pagesMax: pagesMax)
    let range = try Chain.range(first: first, count: count, of: ids.count)
    guard checksum.count == range.count else {
      throw .invalid(
        field: "checksum count", value: UInt64(checksum.count),
        rule: "the put has "
          + "\(range.count) pages")
    }
    guard pageBytes.count == range.count || pageBytes.count == 1 else {
      throw .invalid(
        field: "page_bytes count", value: UInt64(pageBytes.count),
        rule: "1 or the number of "
          + "pages, \(range.count)")
    }
    if let index = pageBytes.firstIndex(of: 0) {
      throw .invalid(field: "page_bytes", value: 0, rule: "page \(index) has no bytes")
    }
    let sizes =
      pageBytes.count == range.count
      ? pageBytes : [UInt32](repeating: pageBytes[0], count: range.count)
    return PutPlan(chain: ids, range: range, pageBytes: sizes, checksums: checksum)
  }
}

extension PageRun {
  /// One entry of a run, with what the run's short forms mean written out.
  package struct Page: Hashable, Sendable {
    package let index: UInt32
    package let pageBytes: UInt32
    package let checksum: UInt64
    package let status: PageStatus
  }

  /// The pages of the run; throws when its lists do not fit each other.
  package func pages() throws(WireError) -> [Page] {
    let count = checksum.count
    guard pageBytes.count == count || (pageBytes.count == 1 && count > 0) else {
      throw .invalid(
        field: "page_bytes count", value: UInt64(pageBytes.count),
        rule: "the run has \(count) pages")
    }
    guard status.isEmpty || status.count == count else {
      throw .invalid(
        field: "status count", value: UInt64(status.count), rule: "the run has \(count) pages")
    }
    guard UInt64(first) + UInt64(count) <= UInt64(UInt32.max) else {
      throw .invalid(field: "first", value: UInt64(first), rule: "first + count is over 2^32-1")
    }
    return (0..<count).map { index in
      Page(
        index: first + UInt32(index),
        pageBytes: pageBytes.count == count ? pageBytes[index] : pageBytes[0],
        checksum: checksum[index], status: status.isEmpty ? .present : status[index])
    }
  }
}
