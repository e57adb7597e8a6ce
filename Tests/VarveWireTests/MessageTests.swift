// Messages: round trips, the canonical form, and every rule that belongs to a message.

import Testing
import VarveBase
import VarveWire

@Suite struct MessageTests {
  static func roundTrip<Message: WireMessage>(_ message: Message) throws -> Message {
    try Message(decoding: message.encode().rawSpan)
  }

  static func refusal<Message: WireMessage>(
    _ type: Message.Type, _ bytes: [UInt8]
  ) -> WireError? {
    do throws(WireError) {
      _ = try Message(decoding: bytes.rawSpan)
      return nil
    } catch {
      return error
    }
  }

  @Test func everyMessageComesBackAsItWas() throws {
    func check<Message: WireMessage>(_ message: Message) throws {
      let back = try Self.roundTrip(message)
      let same = (back as? AnyHashable) == (message as? AnyHashable)
      #expect(same && message is AnyHashable, "\(message) came back as \(back)")
    }
    for message in MessageSamples.all { try check(message) }
    let kinds = Set(MessageSamples.all.map { "\(type(of: $0))" })
    #expect(kinds == Set(FuzzTests.messages.map { "\($0)" }), "a kind has no sample")
  }

  @Test func defaultsTakeNoBytes() {
    let empty: [any WireMessage] = [
      Chain(), NamespaceOptions(), NamespaceInfo(), OpenNamespaceRequest(), LookupRequest(),
      LookupResponse(), PutHeader(), GetRequest(), PageRun(), PagesRequest(), StatsResponse(),
      Progress(), Hello(), HelloOk(), Window(), Problem(), PutResult(), PutResponse.none,
    ]
    for message in empty { #expect(message.encode() == [], "\(type(of: message))") }
  }

  @Test func fieldsAscendAndNumbersArePacked() {
    let header = PutHeader(
      namespaceID: 1, chain: Chain(tokens: [1, 300], pageTokens: 2), first: 2, count: 3,
      pageBytes: [4, 5], checksum: [6], durable: true, ttlSeconds: 7, ask: true)
    #expect(
      Hex.text(header.encode())
        == "0801" + "12072203" + "01ac02" + "2802" + "1802" + "2003" + "2a020405"
        + "32080600000000000000" + "3801" + "4007" + "4801")
  }

  @Test func mapEntriesAreSortedByKey() {
    let progress = Progress(result: ["b": 2, "a": 1, "é": 3])
    #expect(
      Hex.text(progress.encode())
        == "2a050a01611001" + "2a050a01621002" + "2a060a02c3a91003")
  }

  @Test func unpackedNumbersAndUnknownFieldsAreRead() throws {
    // page_bytes 4, 5 one by one; field 99 of each wire type.
    let bytes = Hex.bytes(
      "2804" + "2805" + "98060a" + "99060102030405060708" + "9a0602ffff" + "9d0601020304")
    let header = try PutHeader(decoding: bytes.rawSpan)
    #expect(header == PutHeader(pageBytes: [4, 5]))
  }

  @Test func brokenBytesAreRefused() {
    for hex in ["08", "0a", "0a05", "0880", "ff", "00", "0b", "0c", "0f", "0a0101", "0d01"] {
      let error = Self.refusal(LookupRequest.self, Hex.bytes(hex))
      #expect(error?.code == .invalidArgument, "\(hex)")
    }
    // A number where a string is due.
    #expect(Self.refusal(NamespaceName.self, [0x08, 1])?.code == .invalidArgument)
  }

  @Test func namesAreUTF8WithoutNUL() {
    let rule = "its bytes must be UTF-8 without NUL"
    for (hex, count) in [("0a03610062", 3), ("0a0100", 1), ("0a01ff", 1), ("0a02c328", 2)] {
      #expect(
        Self.refusal(OpenNamespaceRequest.self, Hex.bytes(hex))
          == .invalid(field: "name", value: UInt64(count), rule: rule), "\(hex)")
    }
    // Deeper: NamespaceOptions.description inside the request.
    #expect(
      Self.refusal(OpenNamespaceRequest.self, Hex.bytes("12033201ff"))
        == .invalid(field: "description", value: 1, rule: rule))
    #expect(Self.refusal(OpenNamespaceRequest.self, Hex.bytes("0a02c3a9")) == nil)
  }

  @Test func fieldsAreCountedToTheirLimit() {
    let most = Limits.messageFieldsMax
    let unknown = [UInt8](repeating: 0x78, count: 1) + [1]
    let full = [[UInt8]](repeating: unknown, count: most).flatMap { $0 }
    #expect(Self.refusal(NamespaceName.self, full) == nil)
    #expect(
      Self.refusal(NamespaceName.self, full + unknown)
        == .overLimit(
          field: "number of fields of NamespaceName", value: UInt64(most + 1),
          limit: "messageFieldsMax", limitValue: UInt64(most)))
    #expect(most > 2 * Limits.pagesMax, "unpacked checksums and sizes of max_pages must fit")
  }

  @Test func aProblemTellsFieldValueAndLimit() {
    let error = WireError.overLimit(
      field: "pages", value: 131_073, limit: "max_pages", limitValue: 131_072)
    #expect(
      error.problem
        == Problem(
          .resourceExhausted, "pages 131073 is over max_pages 131072; send less",
          limit: "max_pages", limitValue: 131_072, value: 131_073))
    #expect(WireError.malformed("x").problem == Problem(.invalidArgument, "x"))
    #expect(Problem(code: 99).status == .unknown)
  }

  @Test func numbersOfTheServicesStand() {
    #expect(Method.allCases.map(\.rawValue) == Array(1...9) + Array(64...76))
    #expect(Method.allCases.map(\.place) == Array(Method.allCases.indices))
    #expect(Method.reportCorrupt.name == "ReportCorrupt")
    #expect(Method.stats.name == "Stats")
    #expect(Method.drain.rawValue == 76)
    #expect(Method.allCases.filter(\.takesData) == [.put])
    #expect(StatusCode.allCases.map(\.rawValue) == Array(0...16))
    #expect(PageStatus.allCases.map(\.rawValue) == Array(0...12))
    #expect(PageStatus(wire: 13) == .unspecified)
    #expect(Codec(wire: 9).rawValue == 9)
  }
}
