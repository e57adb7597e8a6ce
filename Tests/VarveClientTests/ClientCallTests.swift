// Connecting, unary calls, and every way in which a connection ends.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@Suite struct ClientCallTests {
  static let quick = ClientOptions(connectMillis: 5_000, timeoutMillis: 150)

  static func failure(_ body: () throws(ClientError) -> Void) -> ClientError? {
    do throws(ClientError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  @Test func helloTellsWhoIsThere() throws {
    let server = try ScriptedServer { end in
      let frame = try end.next()
      let hello = try Hello(decoding: frame.message.rawSpan)
      #expect(hello.versionMin == 1 && hello.versionMax == 1)
      #expect(hello.client == "me" && hello.token == [1, 2])
      try end.send(.helloOk, 0, [], HelloOk(version: 1, server: "varved 9", bootID: "boot"))
    }
    let client = try Client(server.endpoint, options: ClientOptions(name: "me", token: [1, 2]))
    #expect(client.server.server == "varved 9" && client.server.bootID == "boot")
    #expect(client.isOpen)
    #expect(server.finish() == "done")
  }

  @Test func aUnixSocketServesAsWell() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "varve-\(UUID()).sock").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let server = try ScriptedServer(path: path) { end in
      try end.hello()
      let ping = try end.next()
      try end.send(.pong, payload: ping.payload)
    }
    let client = try Client(try Endpoint("unix:\(path)"))
    #expect(try client.ping() > 0)
    #expect(server.finish() == "done")
  }

  @Test func aPingWaitsForItsOwnPong() throws {
    let server = try ScriptedServer { end in
      try end.hello()
      let ping = try end.next()
      try end.send(.pong, payload: [9])
      try end.send(FrameType(rawValue: 50), 0, [], Window(bytes: 1), payload: [1, 2, 3])
      try end.send(.ping, payload: [4, 5])
      let pong = try end.next()
      #expect(pong.header.type == .pong && pong.payload == [4, 5])
      try end.send(.pong, payload: ping.payload)
    }
    let client = try Client(server.endpoint)
    try client.ping([UInt8](repeating: 7, count: 64))
    #expect(
      Self.failure { () throws(ClientError) in try client.ping([UInt8](repeating: 7, count: 65)) }
        == .invalidRequest("a PING of 65 bytes is over pingBytesMax 64"))
    #expect(server.finish() == "done")
  }

  @Test func nobodyThereIsAnErrorOfConnecting() throws {
    // Bound, never accepting: after its close the port is free, and refuses.
    let (descriptor, endpoint) = try ScriptedServer.listen(nil)
    close(descriptor)
    let error = Self.failure { () throws(ClientError) in _ = try Client(endpoint) }
    #expect(error == .connect(endpoint: "\(endpoint)", reason: "Connection refused"))
    #expect(error?.status == .unavailable)
    let missing = Self.failure { () throws(ClientError) in
      _ = try Client(.unix(path: "/nonexistent/varve.sock"))
    }
    #expect(
      missing
        == .connect(endpoint: "unix:/nonexistent/varve.sock", reason: "No such file or directory"))
  }

  @Test func silenceEndsAtTheTimeout() throws {
    let release = Monitor(false)
    let server = try ScriptedServer { end in
      try end.hello()
      _ = try end.next()
      _ = release.wait { $0 ? true : nil }
    }
    let client = try Client(server.endpoint, options: Self.quick)
    let request = LookupRequest(namespaceID: 1)
    let error = Self.failure { () throws(ClientError) in _ = try client.lookup(request) }
    #expect(error == .timeout(doing: "Lookup", millis: 150))
    #expect(client.isOpen == false)
    let again = Self.failure { () throws(ClientError) in _ = try client.lookup(request) }
    #expect(again == error, "a broken connection tells why")
    release.update { $0 = true }
    #expect(server.finish() == "done")
  }

  @Test func aRefusedCallLeavesTheConnection() throws {
    let problem = Problem(
      .resourceExhausted, "too many", limit: "max_pages", limitValue: 10, value: 11)
    let server = try ScriptedServer { end in
      try end.hello()
      let first = try end.next()
      #expect(first.header.stream == 1 && first.header.flags == .last)
      try end.refuse(1, problem)
      let second = try end.next()
      #expect(second.header.stream == 3)
      // An answer of the stream that is over comes late: it is dropped.
      try end.send(.data, 1, .last, payload: [1, 2, 3])
      try end.send(.response, 3, .last, LookupResponse(hitPages: 2))
    }
    let client = try Client(server.endpoint)
    let error = Self.failure { () throws(ClientError) in _ = try client.lookup(LookupRequest()) }
    #expect(error == .problem(problem))
    #expect(try client.lookup(LookupRequest()).hitPages == 2)
    #expect(server.finish() == "done")
  }

  @Test func everyUnaryCallGoesOutUnderItsNumber() throws {
    let calls: [(Method, any WireMessage)] = [
      (.openNamespace, OpenNamespaceResponse(namespaceID: 5, created: true)),
      (.lookup, LookupResponse(hitPages: 1)), (.touch, PagesResponse(affected: 1)),
      (.pin, PagesResponse(affected: 2)), (.unpin, PagesResponse(affected: 3)),
      (.delete, PagesResponse(affected: 4)),
      (.reportCorrupt, ReportCorruptResponse(confirmed: true)),
      (.stats, StatsResponse(pages: 6)), (.flush, FlushResponse()),
      (.listNamespaces, ListNamespacesResponse(namespaces: [NamespaceInfo(name: "n")])),
      (.clearNamespace, PagesResponse(affected: 7)), (.dropNamespace, PagesResponse(affected: 8)),
      (.setNamespace, NamespaceInfo(name: "m")),
      (.setCapacity, SetCapacityResponse(capacityBytes: 9)),
    ]
    let server = try ScriptedServer { end in
      try end.hello()
      for (method, answer) in calls {
        let frame = try end.next()
        #expect(frame.header.method == method.rawValue)
        try end.send(.response, frame.header.stream, .last, answer)
      }
    }
    let client = try Client(server.endpoint)
    #expect(try client.openNamespace("n").namespaceID == 5)
    #expect(try client.lookup(LookupRequest()).hitPages == 1)
    #expect(try client.touch(PagesRequest()) == 1)
    #expect(try client.pin(PagesRequest()) == 2)
    #expect(try client.unpin(PagesRequest()) == 3)
    #expect(try client.delete(PagesRequest()) == 4)
    #expect(try client.reportCorrupt(ReportCorruptRequest()))
    #expect(try client.stats().pages == 6)
    try client.flush()
    #expect(try client.listNamespaces().map(\.name) == ["n"])
    #expect(try client.clearNamespace("n") == 7)
    #expect(try client.dropNamespace("n") == 8)
    #expect(try client.setNamespace("m", options: .init(), fields: []).name == "m")
    #expect(
      try client.unary(.setCapacity, SetCapacityRequest(), as: SetCapacityResponse.self)
        .capacityBytes == 9)
    #expect(server.finish() == "done")
  }

  @Test func aNULInANameIsRefusedBeforeItIsSent() throws {
    let server = try ScriptedServer { try $0.hello() }
    let client = try Client(server.endpoint)
    #expect(
      Self.failure { () throws(ClientError) in _ = try client.openNamespace("a\0b") }
        == .invalidRequest("name holds a NUL"))
    #expect(server.finish() == "done")
  }

  @Test func theWaysInWhichAServerEndsIt() throws {
    let versions = Problem(.failedPrecondition, "no common version")
    let drain = Problem(.unavailable, "draining")
    let cases: [(ClientError, @Sendable (ServerEnd) throws -> Void)] = [
      (
        .goAway(versions),
        { end in
          _ = try end.next()
          try end.send(.goAway, 0, .error, versions)
        }
      ),
      (
        .protocolViolation("PONG in answer to HELLO"),
        { end in
          _ = try end.next()
          try end.send(.pong)
        }
      ),
      (.protocolViolation("version 7 in answer to 1 to 1"), { try $0.hello(HelloOk(version: 7)) }),
      (
        .goAway(drain),
        { end in
          try end.hello()
          try end.send(.goAway, 0, .error, drain)
          _ = try end.next()
        }
      ),
      (
        .connectionLost("Lookup: the server closed the connection"),
        { end in
          try end.hello()
          _ = try end.next()
        }
      ),
      (
        .protocolViolation("bad frame: the magic is [72, 84, 84, 80], not VRV1"),
        { end in
          try end.hello()
          _ = try end.next()
          try end.send(Array("HTTP/1.1 400 Bad Request\r\n\r\n......".utf8))
        }
      ),
      (
        .protocolViolation("Lookup answered by DATA"),
        { end in
          try end.hello()
          _ = try end.next()
          try end.send(.data, 1, .last, payload: [1])
        }
      ),
      (
        .protocolViolation("REQUEST from the server"),
        { end in
          try end.hello()
          _ = try end.next()
          try end.send(.request, 5, .last)
        }
      ),
      (
        .protocolViolation("RESPONSE: LookupResponse: no number at byte 1"),
        { end in
          try end.hello()
          _ = try end.next()
          try end.send(
            FrameHeader(.response, flags: .last, stream: 1, messageBytes: 1).encode() + [8])
        }
      ),
    ]
    for (expected, script) in cases {
      let server = try ScriptedServer(script)
      let error = Self.failure { () throws(ClientError) in
        _ = try Client(server.endpoint).lookup(LookupRequest())
      }
      #expect(error == expected)
      #expect(server.finish() == "done")
    }
  }

  @Test func progressIsFollowedToItsEnd() throws {
    let server = try ScriptedServer { end in
      try end.hello()
      let frame = try end.next()
      #expect(try CompactRequest(decoding: frame.message.rawSpan).indexOnly)
      for done in 1...3 as ClosedRange<UInt64> {
        try end.send(.response, 1, [], Progress(stage: "merge", done: done, total: 3))
      }
      try end.send(.response, 1, .last)
      let second = try end.next()
      try end.send(.response, second.header.stream, [], Progress(stage: "merge", done: 1))
      let cancel = try end.next()
      #expect(cancel.header.type == .cancel && cancel.header.stream == 3)
      try end.refuse(3, Problem(.cancelled, "cancelled by the client"))
    }
    let client = try Client(server.endpoint)
    var seen: [UInt64] = []
    let last = try client.compact(indexOnly: true) {
      seen.append($0.done)
      return true
    }
    #expect(seen == [1, 2, 3] && last?.done == 3)
    let error = Self.failure { () throws(ClientError) in try client.compact { _ in false } }
    #expect(error == .problem(Problem(.cancelled, "cancelled by the client")))
    #expect(client.isOpen)
    #expect(server.finish() == "done")
  }
}
