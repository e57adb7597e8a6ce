// Pages of one namespace in one place, counted by when they expire: a page counts until the second
// of its expiry and never again, whatever becomes of its record.

internal import VarveBase

/// Pages and their raw bytes. Below zero where a part of the index ended more than it brought.
package struct PageCounts: Equatable, Sendable {
  package var pages: Int64
  package var bytes: Int64

  package init(pages: Int64 = 0, bytes: Int64 = 0) {
    self.pages = pages
    self.bytes = bytes
  }

  var isZero: Bool { pages == 0 && bytes == 0 }

  static func += (left: inout PageCounts, right: PageCounts) {
    left.pages += right.pages
    left.bytes += right.bytes
  }

  static prefix func - (counts: PageCounts) -> PageCounts {
    PageCounts(pages: -counts.pages, bytes: -counts.bytes)
  }
}

/// Two that hold the same are equal, however they came to it.
package struct HeldPages: Equatable, Sendable {
  /// Pages that never expire.
  private(set) var lasting = PageCounts()
  /// The others, by the second from which on they are absent.
  private(set) var expiring: [UInt64: PageCounts] = [:]

  var isEmpty: Bool { lasting.isZero && expiring.isEmpty }

  /// All of them; those that live, once `forgetExpired` was called.
  var total: PageCounts { expiring.values.reduce(into: lasting) { $0 += $1 } }

  func live(at seconds: UInt64) -> PageCounts {
    expiring.reduce(into: lasting) { if $1.key > seconds { $0 += $1.value } }
  }

  mutating func add(_ page: PageRecord) { add(Self.one(page), expiry: page.expirySeconds) }

  mutating func remove(_ page: PageRecord) { add(-Self.one(page), expiry: page.expirySeconds) }

  private static func one(_ page: PageRecord) -> PageCounts {
    PageCounts(pages: 1, bytes: Int64(page.location.rawBytes))
  }

  /// - Parameter expiry: 0: never.
  mutating func add(_ counts: PageCounts, expiry: UInt64) {
    guard expiry != 0 else { return lasting += counts }
    var sum = expiring[expiry] ?? PageCounts()
    sum += counts
    expiring[expiry] = sum.isZero ? nil : sum
  }

  mutating func add(_ other: HeldPages) {
    lasting += other.lasting
    for (expiry, counts) in other.expiring { add(counts, expiry: expiry) }
  }

  mutating func remove(_ other: HeldPages) {
    lasting += -other.lasting
    for (expiry, counts) in other.expiring { add(-counts, expiry: expiry) }
  }

  /// What expired never counts again. (Where it is taken away later all the same, it is below zero
  /// until this is called again.)
  mutating func forgetExpired(at seconds: UInt64) {
    if expiring.isEmpty { return }
    expiring = expiring.filter { $0.key > seconds }
  }
}
