// The windows that the path records of a table under way stand in, for its anchor filter.

internal import VarveBase

/// Collects one hash a window; records come in the order of keys, so a window's come together.
struct TableWindows: ~Copyable {
  /// Hashes that memory is taken for at a time.
  private static let step = 4096

  private let ledger: MemoryLedger?
  private var hashes: [UInt64] = []
  private var reservedBytes = 0
  /// There was no memory for all: the table goes without.
  private var isGivenUp = false
  private var last: (namespace: UInt32, anchor0: UInt64, anchor1: UInt64)?

  init(_ ledger: MemoryLedger?) { self.ledger = ledger }

  deinit { ledger?.release(reservedBytes, for: .filter) }

  /// - Parameter key: of a path record.
  mutating func add(_ namespace: UInt32, _ key: [UInt8]) {
    if isGivenUp { return }
    let span = key.rawSpan
    let anchor0: UInt64 = span.load(IndexKey.headBytes)
    let anchor1: UInt64 = span.load(IndexKey.headBytes + 8)
    if let last, last == (namespace, anchor0, anchor1) { return }
    last = (namespace, anchor0, anchor1)
    if hashes.count % Self.step == 0 {
      // The hash, and later its part of the filter.
      let bytes = Self.step * (8 + Int(TableFilter.bitsPerNameMax) / 8) + 64
      guard ledger?.reserve(bytes, for: .filter) != false else {
        isGivenUp = true
        hashes = []
        return
      }
      reservedBytes += bytes
    }
    hashes.append(
      TableFilter.windowHash(namespace: namespace, anchor0: anchor0, anchor1: anchor1))
  }

  /// Says "maybe" to everything where there was no memory for the windows.
  func filter(bitsPerName: Double) -> TableFilter {
    if isGivenUp { return .none }
    var filter = TableFilter(names: hashes.count, bitsPerName: bitsPerName)
    for hash in hashes { filter.insert(hash) }
    return filter
  }
}
