// What is measured: the cells of the table, in its order.

/// One line of the table: an operation, its page size, and how many connections do it at once.
struct Cell: Hashable, Sendable {
  enum Operation: String, Sendable {
    /// Pages that lie in memory.
    case getHot = "get-hot"
    /// Pages that lie on disk alone.
    case getCold = "get-cold"
    /// New pages, acknowledged when written.
    case put
    /// How many pages of a chain are there.
    case lookup
    /// The same with every page confirmed, as SGLang's client asks it.
    case lookupExact = "lookup-exact"
    /// The same, and what is not in memory is to be read ahead: here all of it is.
    case lookupAhead = "lookup-ahead"

    var isLookup: Bool {
      switch self {
      case .lookup, .lookupExact, .lookupAhead: true
      case .getHot, .getCold, .put: false
      }
    }
  }

  let operation: Operation
  let pageBytes: Int
  /// Pages a call.
  let pages: Int
  let connections: Int

  var name: String {
    if operation.isLookup { return "\(operation.rawValue)-\(pages)" }
    return "\(operation.rawValue)-\(Self.text(pageBytes))x\(pages)-\(connections)c"
  }

  var callBytes: Int { operation.isLookup ? 0 : pageBytes * pages }

  static let pageBytesLarge = 1 << 20

  static let all: [Cell] = [
    Cell(operation: .getHot, pageBytes: pageBytesLarge, pages: 32, connections: 1),
    Cell(operation: .getHot, pageBytes: pageBytesLarge, pages: 32, connections: 4),
    Cell(operation: .getCold, pageBytes: pageBytesLarge, pages: 32, connections: 1),
    Cell(operation: .put, pageBytes: pageBytesLarge, pages: 32, connections: 1),
    Cell(operation: .put, pageBytes: 64 << 10, pages: 32, connections: 1),
    Cell(operation: .lookup, pageBytes: 4096, pages: 512, connections: 1),
    Cell(operation: .lookupExact, pageBytes: 4096, pages: 512, connections: 1),
    Cell(operation: .lookupAhead, pageBytes: 4096, pages: 512, connections: 1),
  ]

  private static func text(_ bytes: Int) -> String {
    bytes >= 1 << 20 ? "\(bytes >> 20)MiB" : "\(bytes >> 10)KiB"
  }
}
