// What Redis, Valkey and memcached say on the wire, without any I/O: pages of one size lie between
// pieces of text, and which text that is is known before it comes.

/// A batch of gets or sets under keys, for values of one size.
protocol PeerProtocol: Sendable {
  func getRequest(_ keys: [String]) -> [UInt8]
  /// One piece before each value and one behind the last.
  func getAnswer(_ keys: [String], pageBytes: Int) -> [[UInt8]]
  /// The same, of what is sent.
  func setRequest(_ keys: [String], pageBytes: Int) -> [[UInt8]]
  func setAnswer(_ keys: [String]) -> [UInt8]
}

/// RESP2 (redis.io, "Redis serialization protocol specification").
struct RespProtocol: PeerProtocol {
  enum Form: Hashable, Sendable {
    /// One MGET or MSET for all keys.
    case multi
    /// A GET or SET for each, all sent before the first answer is awaited.
    case pipelined
  }

  let get: Form
  let set: Form

  func getRequest(_ keys: [String]) -> [UInt8] {
    switch get {
    case .multi: Self.array(["MGET"] + keys)
    case .pipelined: keys.flatMap { Self.array(["GET", $0]) }
    }
  }

  func getAnswer(_ keys: [String], pageBytes: Int) -> [[UInt8]] {
    let count = get == .multi ? "*\(keys.count)\r\n" : ""
    let first = Array("\(count)$\(pageBytes)\r\n".utf8)
    let between = Array("\r\n$\(pageBytes)\r\n".utf8)
    return [first] + keys.dropFirst().map { _ in between } + [Array("\r\n".utf8)]
  }

  func setRequest(_ keys: [String], pageBytes: Int) -> [[UInt8]] {
    let value = "$\(pageBytes)\r\n"
    return keys.enumerated().map { number, key in
      var text = number == 0 ? "" : "\r\n"
      switch set {
      case .multi:
        if number == 0 { text += "*\(1 + 2 * keys.count)\r\n" + Self.bulk("MSET") }
      case .pipelined: text += "*3\r\n" + Self.bulk("SET")
      }
      return Array((text + Self.bulk(key) + value).utf8)
    } + [Array("\r\n".utf8)]
  }

  func setAnswer(_ keys: [String]) -> [UInt8] {
    let count = set == .multi ? 1 : keys.count
    return Array(String(repeating: "+OK\r\n", count: count).utf8)
  }

  private static func bulk(_ word: String) -> String { "$\(word.utf8.count)\r\n\(word)\r\n" }

  private static func array(_ words: [String]) -> [UInt8] {
    Array(("*\(words.count)\r\n" + words.map(bulk).joined()).utf8)
  }
}

/// memcached's text protocol (its doc/protocol.txt): one get of many keys; sets one after another,
/// all sent before the first answer is awaited.
struct MemcachedProtocol: PeerProtocol {
  func getRequest(_ keys: [String]) -> [UInt8] {
    Array("get \(keys.joined(separator: " "))\r\n".utf8)
  }

  func getAnswer(_ keys: [String], pageBytes: Int) -> [[UInt8]] {
    keys.enumerated().map { number, key in
      Array("\(number == 0 ? "" : "\r\n")VALUE \(key) 0 \(pageBytes)\r\n".utf8)
    } + [Array("\r\nEND\r\n".utf8)]
  }

  func setRequest(_ keys: [String], pageBytes: Int) -> [[UInt8]] {
    keys.enumerated().map { number, key in
      Array("\(number == 0 ? "" : "\r\n")set \(key) 0 0 \(pageBytes)\r\n".utf8)
    } + [Array("\r\n".utf8)]
  }

  func setAnswer(_ keys: [String]) -> [UInt8] {
    Array(String(repeating: "STORED\r\n", count: keys.count).utf8)
  }
}
