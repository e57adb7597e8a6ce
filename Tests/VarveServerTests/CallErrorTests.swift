// The contract's error table, call by call: status, message with value and limit, and the scope:
// that stream alone, nothing partial stored.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct CallErrorTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let method: Method
    let message: [UInt8]
    let status: StatusCode
    let words: [String]
    var value: UInt64?

    init(
      _ name: String, _ method: Method, _ message: [UInt8], _ status: StatusCode, _ words: [String],
      value: UInt64? = nil
    ) {
      testDescription = name
      self.method = method
      self.message = message
      self.status = status
      self.words = words
      self.value = value
    }
  }

  private static func chain(_ count: Int) -> Chain { Chain(pageIDs: Pages.ids(count)) }

  /// Namespace 1 is the one that `rows` finds open.
  private static func lookup(_ change: (inout LookupRequest) -> Void) -> [UInt8] {
    var request = LookupRequest(namespaceID: 1, chain: chain(4))
    change(&request)
    return request.encode()
  }

  private static func put(_ change: (inout PutHeader) -> Void) -> [UInt8] {
    var header = PutHeader(
      namespaceID: 1, chain: chain(2), pageBytes: [4], checksum: [1, 2])
    change(&header)
    return header.encode()
  }

  private static func open(_ change: (inout OpenNamespaceRequest) -> Void) -> [UInt8] {
    var request = OpenNamespaceRequest(name: "other")
    change(&request)
    return request.encode()
  }

  /// `page_ids` of a length that no `Chain` can encode.
  private static func oddIDs(_ count: Int) -> [UInt8] {
    let chain = [0x0a, UInt8(count)] + [UInt8](repeating: 7, count: count)
    return [0x08, 0x01, 0x12, UInt8(chain.count)] + chain
  }

  static let lookups: [Row] = [
    Row("no protobuf", .lookup, [0xff, 0xff], .invalidArgument, ["LookupRequest"]),
    Row(
      "ids not a multiple of 32", .lookup, oddIDs(33), .invalidArgument, ["33", "multiple of 32"]),
    Row(
      "range beyond the chain", .lookup, lookup { ($0.first, $0.count) = (3, 2) },
      .invalidArgument, ["first + count 5", "the chain has 4 pages"]),
    Row(
      "first beyond the chain", .lookup, lookup { $0.first = 5 }, .invalidArgument,
      ["first + count 5"]),
    Row(
      "first + count over 2^32", .lookup, lookup { ($0.first, $0.count) = (.max, .max) },
      .invalidArgument, ["8589934590"]),
    Row(
      "ids and tokens", .lookup,
      lookup { ($0.chain.tokens, $0.chain.pageTokens) = ([1], 1) }, .invalidArgument,
      ["both set"]),
    Row(
      "tokens without page_tokens", .lookup, lookup { $0.chain = Chain(tokens: [1, 2]) },
      .invalidArgument, ["page_tokens 0"]),
    Row(
      "33 ids before", .lookup, lookup { $0.chain.before = Pages.ids(33) }, .invalidArgument,
      ["before 33", "at most 32"]),
    Row(
      "one page over max_pages", .lookup,
      lookup {
        $0.chain = Chain(
          tokens: [UInt32](repeating: 1, count: Limits.pagesMax + 1), pageTokens: 1)
      }, .resourceExhausted, ["131073", "max_pages 131072", "send less"], value: 131_073),
    Row(
      "unknown namespace", .lookup, lookup { $0.namespaceID = 99 }, .notFound,
      ["unknown namespace"]),
    Row("namespace 0", .lookup, lookup { $0.namespaceID = 0 }, .notFound, ["unknown namespace"]),
    Row(
      "get of an unknown namespace", .get, GetRequest(namespaceID: 99, chain: chain(1)).encode(),
      .notFound, ["unknown namespace"]),
    Row(
      "delete in an unknown namespace", .delete,
      PagesRequest(namespaceID: 99, chain: chain(1)).encode(), .notFound, ["unknown namespace"]),
    Row(
      "get beyond the chain", .get, GetRequest(namespaceID: 1, chain: chain(1), count: 2).encode(),
      .invalidArgument, ["first + count 2"]),
  ]

  static let puts: [Row] = [
    Row(
      "checksums missing", .put, put { $0.checksum = [1] }, .invalidArgument,
      ["checksum has 1 entries for 2 pages"], value: 1),
    Row(
      "page_bytes too few", .put, put { $0.pageBytes = [] }, .invalidArgument,
      ["page_bytes has 0 entries for 2 pages"]),
    Row(
      "page_bytes too many", .put, put { $0.pageBytes = [1, 2, 3] }, .invalidArgument,
      ["page_bytes has 3 entries for 2 pages"], value: 3),
    Row(
      "page_bytes 0", .put, put { $0.pageBytes = [4, 0] }, .invalidArgument,
      ["page_bytes of page 1 is 0"]),
    Row(
      "ttl over the limit", .put, put { $0.ttlSeconds = Limits.ttlSecondsMax + 1 },
      .invalidArgument, ["ttl_seconds 3155760001", "3155760000"],
      value: Limits.ttlSecondsMax + 1),
    Row(
      "unknown namespace", .put, put { $0.namespaceID = 4711 }, .notFound, ["unknown namespace"]),
    Row(
      "range beyond the chain", .put, put { $0.count = 3 }, .invalidArgument,
      ["the chain has 2 pages"]),
  ]

  static let namespaces: [Row] = [
    Row("empty name", .openNamespace, open { $0.name = "" }, .invalidArgument, ["0 bytes"]),
    Row(
      "long name", .openNamespace,
      open { $0.name = String(repeating: "n", count: Limits.namespaceNameBytesMax + 1) },
      .invalidArgument, ["1025", "1024"]),
    Row(
      "quota", .openNamespace, open { $0.options.quotaBytes = 5 }, .unimplemented,
      ["quota_bytes 5"]),
    Row(
      "codec PLANES", .openNamespace, open { $0.options.codec = .planes }, .unimplemented,
      ["codec PLANES"]),
    Row(
      "unknown codec", .openNamespace, open { $0.options.codec = .unknown(9) }, .invalidArgument,
      ["codec 9"]),
    Row(
      "page_bytes_max over half a segment", .openNamespace,
      open { $0.options.pageBytesMax = (2 << 20) + 1 }, .invalidArgument,
      ["2097153", "2097152"], value: 2_097_153),
    Row(
      "description too long", .openNamespace,
      open { $0.options.description = String(repeating: "d", count: 4097) }, .invalidArgument,
      ["4097", "4096"], value: 4097),
    Row(
      "weight over the limit", .openNamespace, open { $0.options.weight = 101 },
      .invalidArgument, ["weight 101", "100"], value: 101),
    Row(
      "ttl over the limit", .openNamespace, open { $0.options.ttlSeconds = .max },
      .invalidArgument, ["ttl_seconds"]),
    Row(
      "must exist", .openNamespace, open { $0.mustExist = true }, .notFound,
      ["unknown namespace"]),
    Row(
      "options disagree", .openNamespace,
      open { ($0.name, $0.options.pageTokens) = ("test", 77) }, .failedPrecondition,
      ["page_tokens", "64", "77"]),
    Row(
      "clear of an unknown one", .clearNamespace, NamespaceName(name: "nobody").encode(), .notFound,
      ["unknown namespace"]),
    Row(
      "drop of an unknown one", .dropNamespace, NamespaceName(name: "nobody").encode(), .notFound,
      ["unknown namespace"]),
    Row(
      "compaction of an unknown one", .compact, CompactRequest(namespace: "nobody").encode(),
      .notFound, ["unknown namespace"]),
  ]

  static let later: [Row] = [
    Method.touch, .pin, .unpin,
  ].map { Row($0.name, $0, [], .unimplemented, ["\($0.name) is not supported"]) }

  @Test(arguments: lookups + puts + namespaces + later)
  func rows(_ row: Row) throws {
    let server = try TestServer()
    let client = try server.client()
    var options = NamespaceOptions()
    options.pageTokens = 64
    #expect(try client.openNamespace("test", options: options).namespaceID == 1)
    let raw = try server.raw()
    try raw.hello()
    try raw.send(
      .request, flags: row.method == .put ? [] : .last, method: row.method, stream: 1, row.message)
    let frame = try raw.frame()
    let problem = try #require(frame.problem)
    #expect(frame.header.stream == 1)
    #expect(frame.header.flags == [.last, .error])
    #expect(problem.status == row.status, "\(problem.message)")
    for word in row.words { #expect(problem.message.contains(word), "\(problem.message)") }
    if let value = row.value { #expect(problem.value == value) }
    // The DATA of a refused put is read and dropped; the connection and the store go on.
    if row.method == .put {
      try raw.send(.data, flags: .last, method: .put, stream: 1, payload: Pages.bytes(4096, 1))
    }
    try raw.send(.request, flags: .last, method: .stats, stream: 3)
    let stats = try StatsResponse(decoding: try raw.frame().message.rawSpan)
    #expect(stats.pages == 0)
    #expect(stats.namespaces.map(\.name) == ["test"])
    #expect(stats.counters["problems_total{code=\"\(row.status.name)\"}"] == 1)
  }

  @Test func limitsOfFieldsAreTakenAtTheirEdges() throws {
    let server = try TestServer()
    let client = try server.client()
    var options = NamespaceOptions()
    options.pageBytesMax = 2 << 20
    options.description = String(repeating: "d", count: Limits.descriptionBytesMax)
    options.ttlSeconds = Limits.ttlSecondsMax
    let name = String(repeating: "n", count: Limits.namespaceNameBytesMax)
    let id = try client.openNamespace(name, options: options).namespaceID
    let tokens = (0..<UInt32(Limits.pagesMax)).map { $0 }
    let most = LookupRequest(
      namespaceID: id, chain: Chain(before: Pages.ids(32), tokens: tokens, pageTokens: 1),
      wantPresent: true)
    #expect(try client.lookup(most).present.count == Limits.pagesMax / 8)
  }

  @Test func unknownMethodsAnswerOnTheirStream() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.hello()
    var frame = RawClient.frame(.request, flags: .last, stream: 1, [1, 2, 3])
    frame.storeLE(UInt16(40), at: 6)
    frame.storeLE(CRC32C.checksum(Array(frame[0..<28])), at: 28)
    try raw.send(frame)
    let answer = try raw.frame()
    #expect(answer.problem?.status == .unimplemented)
    #expect(answer.problem?.message.contains("40") == true)
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
  }

  @Test func streamsOverTheLimitAreRefusedAlone() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let header = PutHeader(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1], checksum: [0])
    for index in 0...UInt32(Limits.streamsMax) {
      try raw.send(.request, method: .put, stream: index * 2 + 1, header.encode())
    }
    let refused = try raw.frame()
    #expect(refused.header.stream == UInt32(Limits.streamsMax) * 2 + 1)
    #expect(refused.problem?.status == .resourceExhausted)
    #expect(refused.problem?.value == UInt64(Limits.streamsMax + 1))
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
  }
}
