// What `varvebench net` measures: one cell of its table.

/// An operation, its page size, how many connections do it at once, and whether they wait for
/// answers before they ask again.
struct Cell: Hashable, Sendable {
  enum Operation: String, CaseIterable, Sendable {
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
    /// Hot gets, puts and look-ups by turns, of chains alike.
    case mix
    /// Look-ups alone, then beside hot gets at half of what they reach.
    case lookupUnderBulk = "lookup-under-bulk"

    var isLookup: Bool {
      switch self {
      case .lookup, .lookupExact, .lookupAhead, .lookupUnderBulk: true
      case .getHot, .getCold, .put, .mix: false
      }
    }
  }

  let operation: Operation
  let pageBytes: Int
  /// Pages a call.
  let pages: Int
  let connections: Int
  /// Calls a second of all connections together, due at times of their own (open loop); nil: a
  /// connection asks again when it has its answer (closed loop).
  var rate: Double?
  var mix: Mix?

  init(
    _ operation: Operation, _ pageBytes: Int, _ pages: Int, connections: Int,
    rate: Double? = nil, mix: Mix? = nil
  ) {
    precondition((operation == .mix) == (mix != nil), "a mix has shares, nothing else has")
    self.operation = operation
    self.pageBytes = pageBytes
    self.pages = pages
    self.connections = connections
    self.rate = rate
    self.mix = mix
  }

  var name: String {
    var text = operation.rawValue
    if let mix { text += "-\(mix.name)" }
    text += operation.isLookup ? "-\(pages)" : "-\(Self.text(pageBytes))x\(pages)"
    if !operation.isLookup || connections > 1 { text += "-\(connections)c" }
    if let rate, operation != .lookupUnderBulk { text += "-open\(Int(rate))" }
    return text
  }

  /// Many connections in a closed loop: measured beside both ways to drive them.
  var asksWhatDrivesConnections: Bool {
    operation == .getHot && connections >= 4 && rate == nil
  }

  /// A long cold prefix: measured beside what the disk gives at its best.
  var asksWhatTheDiskGives: Bool {
    operation == .getCold && connections == 1 && pages >= 64
  }

  var callBytes: Int { operation.isLookup ? 0 : pageBytes * pages }

  /// The page size whose pages are sent; look-ups are of pages that nobody fetches.
  var payloadPageBytes: Int { operation.isLookup ? Self.pageBytesLarge : pageBytes }

  private static func text(_ bytes: Int) -> String {
    if bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
    return bytes % 1024 == 0 ? "\(bytes >> 10)KiB" : "\(bytes)B"
  }
}

extension Cell {
  static let pageBytesLarge = 1 << 20
  static let pageBytesSmall = 64 << 10
  static let lookupPageBytes = 4096

  /// Bounds of a cell of one's own. A call is held in memory by both ends.
  static let pageBytesRange = 4096...(16 << 20)
  static let pagesRange = 1...512
  static let connectionsRange = 1...256
  static let callBytesMax = 256 << 20

  /// What `make bench` measures, in the order of the table.
  static let all: [Cell] =
    [
      Cell(.getHot, pageBytesLarge, 32, connections: 1),
      Cell(.getHot, pageBytesLarge, 32, connections: 4),
      Cell(.getHot, pageBytesLarge, 32, connections: 16),
      Cell(.getHot, pageBytesLarge, 1, connections: 1),
      Cell(.getHot, pageBytesLarge, 1, connections: 64, rate: 500),
      Cell(.getHot, pageBytesSmall, 128, connections: 1),
      Cell(.getHot, pageBytesSmall, 1, connections: 256),
      Cell(.getHot, 4 << 20, 8, connections: 1),
      Cell(.getHot, 16 << 20, 2, connections: 1),
      Cell(.getCold, pageBytesLarge, 32, connections: 1),
      Cell(.getCold, pageBytesLarge, 64, connections: 1),
      Cell(.put, pageBytesLarge, 32, connections: 1),
      Cell(.put, pageBytesLarge, 32, connections: 4),
      Cell(.put, pageBytesSmall, 32, connections: 1),
      Cell(.put, 16 << 20, 2, connections: 1),
    ]
    + [nil, 100.0].compactMap { rate in
      Mix(get: 70, put: 10, lookup: 20).map {
        Cell(.mix, pageBytesLarge, 8, connections: 4, rate: rate, mix: $0)
      }
    }
    + [
      Cell(.lookup, lookupPageBytes, 512, connections: 1),
      Cell(.lookupExact, lookupPageBytes, 512, connections: 1),
      Cell(.lookupAhead, lookupPageBytes, 512, connections: 1),
      Cell(.lookupUnderBulk, lookupPageBytes, 512, connections: 1, rate: 500),
    ]
}
