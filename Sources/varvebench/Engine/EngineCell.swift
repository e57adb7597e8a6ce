// What `varvebench engine` measures: an operation in this process, with pages of one size.

struct EngineCell: Hashable, Sendable {
  enum Operation: String, CaseIterable, Sendable {
    /// Pages that lie in memory, copied out and verified.
    case getHot = "get-hot"
    /// Pages that lie on disk alone, verified.
    case getCold = "get-cold"
    /// New pages, verified, acknowledged when written.
    case put
  }

  let operation: Operation
  let pageBytes: Int

  /// Pages a call: 32, but no more than 16 MiB, which is what an extent holds.
  var pages: Int { min(32, (16 << 20) / pageBytes) }
  var callBytes: Int { pages * pageBytes }

  var name: String {
    let size = pageBytes >= 1 << 20 ? "\(pageBytes >> 20)MiB" : "\(pageBytes >> 10)KiB"
    return "\(operation.rawValue)-\(size)"
  }

  /// Callers at once: what hides the disk's latency, the same for all sides.
  var workers: Int { operation == .getHot ? 1 : 4 }

  static let pageSizes = [64 << 10, 1 << 20, 4 << 20]

  static let all = pageSizes.flatMap { bytes in
    Operation.allCases.map { EngineCell(operation: $0, pageBytes: bytes) }
  }

  static let hotBytes = 96 << 20
  /// Read in turn, over and over, beside an arena a fifth as large: nothing is there when its turn
  /// comes again.
  static let coldBytes = 1 << 30
  static let arenaBytes = 192 << 20

  var hotCalls: Int { Self.hotBytes / callBytes }
  var coldCalls: Int { Self.coldBytes / callBytes }
}
