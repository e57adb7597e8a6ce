// Frames that are none, through a real socket: GOAWAY with INVALID_ARGUMENT, the connection closed,
// everyone else undisturbed.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct FrameErrorTests {
  private static func altered(
    _ frame: [UInt8], _ offset: Int, _ byte: UInt8, seals: Bool = true
  ) -> [UInt8] {
    var frame = frame
    frame[offset] = byte
    if seals { frame.storeLE(CRC32C.checksum(Array(frame[0..<28])), at: 28) }
    return frame
  }

  /// What is sent after HELLO, and what the GOAWAY's message must say.
  static let badFrames: [(String, [UInt8], String)] = {
    let ping = RawClient.frame(.ping)
    let stats = RawClient.frame(.request, flags: .last, method: .stats, stream: 1)
    let hello = RawClient.frame(.hello, Hello(versionMin: 1, versionMax: 1).encode())
    var long = stats
    long.storeLE(UInt32(Limits.messageBytesMax + 1), at: 12)
    long.storeLE(CRC32C.checksum(Array(long[0..<28])), at: 28)
    var payload = RawClient.frame(.data, stream: 1)
    payload.storeLE(UInt64(Limits.payloadBytesMax + 1), at: 16)
    payload.storeLE(CRC32C.checksum(Array(payload[0..<28])), at: 28)
    return [
      ("magic", altered(ping, 0, 0x58), "magic"),
      ("checksum", altered(ping, 28, ping[28] ^ 1, seals: false), "CRC32C"),
      ("reserved", altered(ping, 24, 1), "reserved field is 1"),
      ("unknown flag", altered(stats, 5, 0x81), "flags 129"),
      ("REQUEST with the error flag", altered(stats, 5, 3), "flags 3"),
      ("header too long", long, "8388609 bytes is over 8388608"),
      ("payload too long", payload, "16777217 bytes is over 16777216"),
      (
        "PING too long", RawClient.frame(.ping, payload: Pages.bytes(65, 1)),
        "65 bytes is over 64"
      ),
      ("payload of a REQUEST", altered(stats, 16, 1), "REQUEST with a payload of 1"),
      (
        "even stream", RawClient.frame(.request, flags: .last, method: .stats, stream: 2),
        "stream id 2 is even"
      ),
      ("REQUEST not rising", stats + stats, "REQUEST id 1 is not above the last, 1"),
      ("second HELLO", hello, "second HELLO"),
      ("DATA never opened", RawClient.frame(.data, stream: 7), "stream 7, never opened"),
      ("DATA on stream 0", RawClient.frame(.data), "DATA on stream 0"),
      (
        "RESPONSE from the client", RawClient.frame(.response, stream: 1), "not come from this side"
      ),
      (
        "WINDOW over 2^63-1",
        RawClient.frame(.request, method: .put, stream: 1, [0x0a, 0xff])
          + RawClient.frame(.window, stream: 1, Window(bytes: 1 << 63).encode()), "2^63-1"
      ),
    ]
  }()

  @Test(arguments: badFrames.indices)
  func badFramesEndTheirConnectionAlone(_ index: Int) throws {
    let (name, bytes, words) = Self.badFrames[index]
    let server = try TestServer()
    let bystander = try server.client()
    let raw = try server.raw()
    try raw.hello()
    try raw.send(bytes)
    let problem = try lastProblem(raw)
    #expect(problem?.status == .invalidArgument, "\(name)")
    #expect(problem?.message.contains(words) == true, "\(name): \(problem?.message ?? "none")")
    try bystander.ping()
    #expect(server.server.metrics.badFrames.current <= 1)
  }

  /// Reads to the end; the problem of the GOAWAY that must be the last frame.
  private func lastProblem(_ raw: RawClient) throws -> Problem? {
    var last: RawFrame?
    while let frame = try raw.next() { last = frame }
    guard last?.header.type == .goAway else { return nil }
    return last?.problem
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", "bad frame: the magic"),
    ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "TLS is not served by this version"),
  ])
  func otherProtocolsAreToldSo(_ opening: String, _ words: String) throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.send(Array(opening.utf8))
    let problem = try lastProblem(raw)
    #expect(problem?.status == .invalidArgument)
    #expect(problem?.message.contains(words) == true, "\(problem?.message ?? "none")")
  }

  @Test func aFrameBeforeHelloIsBad() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.send(.ping)
    #expect(try lastProblem(raw)?.message.contains("PING before HELLO") == true)
  }

  @Test func versionsThatDisagreeAreBothNamed() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.send(.hello, Hello(versionMin: 7, versionMax: 9).encode())
    let problem = try lastProblem(raw)
    #expect(problem?.status == .failedPrecondition)
    #expect(problem?.message.contains("7 to 9") == true)
    #expect(problem?.message.contains("1 to 1") == true)
  }

  @Test func helloHasALimitJudgedBeforeItsBytesCome() throws {
    let server = try TestServer()
    let raw = try server.raw()
    var head = RawClient.frame(.hello)
    head.storeLE(UInt32(Limits.helloBytesMax + 1), at: 12)
    head.storeLE(CRC32C.checksum(Array(head[0..<28])), at: 28)
    try raw.send(head)
    #expect(try lastProblem(raw)?.value == UInt64(Limits.helloBytesMax + 1))
  }

  @Test func silenceBeforeHelloEndsTheConnection() throws {
    let server = try TestServer { $0.handshakeSeconds = 1 }
    let raw = try server.raw()
    let problem = try lastProblem(raw)
    #expect(problem?.status == .deadlineExceeded)
    #expect(problem?.message.contains("no HELLO within 1000 ms") == true)
  }

  @Test func aFrameLeftUnfinishedEndsItsConnection() throws {
    let server = try TestServer { $0.stallSeconds = 1 }
    let idle = try server.raw()
    try idle.hello()
    let raw = try server.raw()
    try raw.hello()
    try raw.send(Array(RawClient.frame(.ping).prefix(20)))
    #expect(try lastProblem(raw)?.message.contains("nothing came for 1000 ms") == true)
    // Silence between frames is no stall.
    try idle.send(.ping, payload: [1, 2, 3])
    #expect(try idle.frame().payload == [1, 2, 3])
  }

  @Test func garbageEndsItsConnectionAlone() throws {
    let server = try TestServer()
    let bystander = try server.client()
    var generator = SeededGenerator("frame garbage")
    for round in 0..<40 {
      let raw = try server.raw()
      if round % 2 == 0 { try raw.hello() }
      let count = Int.random(in: 1...500, using: &generator)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if round % 4 == 0 {
        bytes = RawClient.frame(.ping, payload: bytes.prefix(64).map { $0 }) + bytes
      }
      try? raw.send(bytes)
      raw.finishSending()
      while let frame = try raw.next() { _ = frame }
    }
    try bystander.ping()
    #expect(server.wait { server.server.openConnections <= 1 })
  }

  @Test func connectionsOverTheLimitAreToldAndTheOthersGoOn() throws {
    let server = try TestServer { $0.connectionsMax = 2 }
    let first = try server.client()
    let second = try server.client()
    let refused = try server.raw()
    let problem = try lastProblem(refused)
    #expect(problem?.status == .resourceExhausted)
    #expect(problem?.limitValue == 2)
    #expect(problem?.message.contains("2 connections are open") == true)
    try first.ping()
    second.close()
    #expect(server.wait { server.server.openConnections == 1 })
    try server.client().ping()
  }

  @Test func whileRecoveringConnectionsAreToldToComeBack() throws {
    let server = try TestServer(opens: false)
    let raw = try server.raw()
    // Until its first bytes say which protocol it speaks, nobody can be told anything.
    try raw.send(.hello, Hello(versionMin: 1, versionMax: 1, client: "early").encode())
    let problem = try lastProblem(raw)
    #expect(problem?.status == .unavailable)
    #expect(problem?.message.contains("recovering") == true)
  }

  @Test func unknownTypesOnStreamZeroAreIgnoredAndOnOthersRefused() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.hello()
    let odd = FrameType(rawValue: 77)
    try raw.send(odd, [1, 2, 3], payload: Pages.bytes(5000, 1))
    try raw.send(odd, stream: 5, [1], payload: Pages.bytes(70_000, 2))
    try raw.send(.ping)
    let answer = try raw.frame()
    #expect(answer.header.stream == 5)
    #expect(answer.problem?.status == .unimplemented)
    #expect(try raw.frame().header.type == .pong)
  }
}
