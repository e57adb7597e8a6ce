// gRPC's own layer: request heads, message prefixes, puts read as they come, gets made by hand.

import Testing
import VarveBase
import VarveWire

@Suite struct GrpcCodecTests {
  private func fields(_ change: (inout Http2Fields) -> Void) -> Http2Fields {
    var fields = Http2Fields()
    fields.method = "POST"
    fields.path = "/varve.v1.Cache/Put"
    fields.contentType = "application/grpc"
    change(&fields)
    return fields
  }

  @Test(arguments: [
    ("1n", 1 as UInt64?), ("2u", 2000), ("3m", 3_000_000), ("4S", 4_000_000_000),
    ("5M", 300_000_000_000), ("1H", 3_600_000_000_000), ("99999999H", UInt64(Int64.max)),
    ("0m", 0), ("", nil), ("5", nil), ("m", nil), ("123456789m", nil), ("-1m", nil), ("1x", nil),
    ("1 m", nil), ("+1m", nil),
  ])
  func timeouts(_ text: String, _ nanos: UInt64?) {
    let head = try? GrpcRequestHead(fields { $0.timeout = text })
    #expect(text.isEmpty ? head?.timeoutNanos == nil && head != nil : head?.timeoutNanos == nanos)
    if !text.isEmpty, nanos == nil { #expect(head == nil) }
  }

  @Test func requestsThatAreNotGrpc() {
    #expect(throws: GrpcRequestHead.Refused.http(status: 405)) {
      try GrpcRequestHead(fields { $0.method = "GET" })
    }
    for type in ["", "text/html", "application/grpc-web", "application/grpcx"] {
      #expect(throws: GrpcRequestHead.Refused.http(status: 415)) {
        try GrpcRequestHead(fields { $0.contentType = type })
      }
    }
    for type in ["application/grpc+proto", "application/grpc;x=y"] {
      #expect(throws: Never.self) { try GrpcRequestHead(fields { $0.contentType = type }) }
    }
  }

  @Test func everyMethodHasItsPath() {
    for method in Method.allCases {
      let service = method.rawValue < 64 ? "Cache" : "Admin"
      #expect(GrpcMethod(path: "/varve.v1.\(service)/\(method.name)") == .call(method))
    }
    #expect(GrpcMethod(path: "/varve.v1.Admin/Put") == nil)
    #expect(GrpcMethod(path: "/grpc.health.v1.Health/Watch") == .healthWatch)
  }

  @Test func messagesEndAtTheirLimit() throws {
    func feed(_ length: Int, flag: UInt8 = 0) throws -> [UInt8]? {
      var reader = GrpcMessageReader()
      let prefix = [flag] + Http2Bytes.number(UInt32(length))
      var offset = 0
      return try unsafe prefix.withUnsafeBytes { bytes in
        try unsafe reader.feed(bytes, from: &offset)
      }
    }
    #expect(try feed(0) == [])
    #expect(try feed(Limits.grpcMessageBytesMax) == nil)
    let tooLong = #expect(throws: GrpcError.self) { try feed(Limits.grpcMessageBytesMax + 1) }
    #expect(tooLong?.problem.status == .resourceExhausted)
    let compressed = #expect(throws: GrpcError.self) { try feed(1, flag: 1) }
    #expect(compressed?.problem.status == .unimplemented)
  }

  /// The body of a put, cut everywhere, gives the same header and the same bytes; no more than a
  /// head of a data message is ever collected.
  @Test func putsReadAlikeHoweverTheyAreCut() throws {
    var random = SeededGenerator("GrpcCodecTests.puts")
    let header = PutHeader(
      namespaceID: 7, chain: Chain(pageIDs: Pages.ids(3)), pageBytes: [5000], checksum: [1, 2, 3])
    var body = Http2Bytes.message(Self.field(1, header.encode()))
    var pages: [[UInt8]] = []
    for page in 0..<3 {
      let bytes = Pages.bytes(5000, page)
      pages.append(bytes)
      for offset in stride(from: 0, to: 5000, by: 1777) {
        let piece = Array(bytes[offset..<min(5000, offset + 1777)])
        let turned = page == 1
        body += Http2Bytes.message(Self.field(2, Self.putData(page, offset, piece, turned: turned)))
      }
    }
    for _ in 0..<100 {
      var reader = GrpcPutReader()
      var found = [[UInt8]](repeating: [], count: 3)
      var page = -1
      var begin = 0
      while begin < body.count {
        let end = min(body.count, begin + Int.random(in: 1...600, using: &random))
        let chunk = Array(body[begin..<end])
        var offset = 0
        while let step = try Self.step(&reader, chunk, &offset) {
          switch step {
          case .header(let got): #expect(got == header)
          case .piece(let number, let offset, _):
            page = Int(number)
            #expect(Int(offset) == found[page].count)
          case .held(let bytes): found[page] += bytes
          case .bytes(let range): found[page] += chunk[range]
          }
        }
        if page != 1 { #expect(reader.collectingBytes <= 2000) }
        begin = end
      }
      #expect(reader.isBetween)
      #expect(found == pages)
    }
  }

  @Test func aPieceEndsAtItsLimit() throws {
    for (count, isFine) in [
      (Limits.grpcPutDataBytesMax, true), (Limits.grpcPutDataBytesMax + 1, false),
    ] {
      for turned in [false, true] {
        let data = Self.putData(0, 0, [UInt8](repeating: 1, count: count), turned: turned)
        let body = Http2Bytes.message(Self.field(2, data))
        var reader = GrpcPutReader()
        var offset = 0
        if isFine {
          let step = try Self.step(&reader, body, &offset)
          #expect(step == .piece(page: 0, offset: 0, count: count))
        } else {
          let error = #expect(throws: GrpcError.self) {
            try Self.step(&reader, body, &offset)
          }
          #expect(error?.problem.limitValue == UInt64(Limits.grpcPutDataBytesMax))
        }
      }
    }
  }

  @Test func garbageInAPutIsRefusedOrRead() {
    var random = SeededGenerator("GrpcCodecTests.garbage")
    for _ in 0..<5000 {
      let message = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random) & (Bool.random(using: &random) ? 0x1f : 0xff)
      }
      let body = Http2Bytes.message(message)
      var reader = GrpcPutReader()
      var offset = 0
      do throws(GrpcError) {
        while let step = try Self.step(&reader, body, &offset) {
          if case .bytes(let range) = step { #expect(range.upperBound <= body.count) }
        }
        #expect(offset == body.count)
      } catch {
        #expect(error.problem.status == .invalidArgument)
      }
    }
  }

  @Test func aPageIsCutAlikeIntoAsFewMessagesAsItCan() {
    let most = Limits.grpcGetMessageBytesMax
    for bytes in [1, 65_536, most - 42, most - 41, most, 3 << 20, 16 << 20, 100 << 20] {
      let piece = GrpcGetMessage.pieceBytes(pageBytes: bytes)
      let pieces = (bytes + piece - 1) / piece
      let head = GrpcGetMessage.head(
        page: .max, pageBytes: .max, checksum: .max, offset: .max, count: piece)
      #expect(head.count - 5 + piece + GrpcGetMessage.tail.count <= most)
      #expect(pieces == (bytes + most - 43) / (most - 42), "\(bytes)")
    }
  }

  @Test func messagesOfErrorsArePercentEncoded() {
    #expect(GrpcStatus.percentEncoded("") == "")
    #expect(GrpcStatus.percentEncoded("a b~") == "a b~")
    #expect(GrpcStatus.percentEncoded(" 100%\n") == "%20100%25%0A")
    #expect(GrpcStatus.percentEncoded("ü ") == "%C3%BC%20")
  }

  // MARK: Making messages

  static func step(
    _ reader: inout GrpcPutReader, _ bytes: [UInt8], _ offset: inout Int
  ) throws(GrpcError) -> GrpcPutReader.Step? {
    let result = unsafe bytes.withUnsafeBytes { memory in
      Result { () throws(GrpcError) in try unsafe reader.next(memory, from: &offset) }
    }
    return try result.get()
  }

  static func varint(_ value: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(bytes.count) + bytes
  }

  /// `turned`: the bytes first, which protobuf allows and no encoder does.
  static func putData(_ page: Int, _ offset: Int, _ bytes: [UInt8], turned: Bool = false) -> [UInt8]
  {
    var numbers: [UInt8] = []
    if page > 0 { numbers += [0x08] + varint(page) }
    if offset > 0 { numbers += [0x10] + varint(offset) }
    return turned ? field(3, bytes) + numbers : numbers + field(3, bytes)
  }
}
