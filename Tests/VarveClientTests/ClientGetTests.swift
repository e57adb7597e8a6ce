// Get: runs however they are cut, pages lost on the way, and bytes that do not match.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@Suite struct ClientGetTests {
  static let pages = ClientPutTests.pages
  static let sums = pages.map { XXH3.hash($0) }
  static let joined = pages.flatMap { $0 }
  static let whole = PageRun(pageBytes: [10, 1, 300], checksum: sums)

  /// What a Get of the script delivers: lines "page status byteCount", and its end.
  static func get(
    stopAfter: Int = .max, _ script: @escaping @Sendable (ServerEnd) throws -> Void
  ) throws -> (lines: [String], error: ClientError?) {
    let server = try ScriptedServer { end in
      try end.hello()
      _ = try end.next()
      try script(end)
    }
    let client = try Client(server.endpoint, options: ClientCallTests.quick)
    var lines: [String] = []
    var bytesOf: [Int: [UInt8]] = [:]
    let error = ClientCallTests.failure { () throws(ClientError) in
      let count = try client.get(GetRequest(namespaceID: 7)) { page, status, bytes in
        lines.append("\(page) \(status) \(bytes.byteCount)")
        if status == .present { bytesOf[page] = bytes.copy(0, count: bytes.byteCount) }
        return lines.count < stopAfter
      }
      #expect(count == bytesOf.count)
    }
    for (page, bytes) in bytesOf { #expect(bytes == Self.pages[page % 3]) }
    #expect(server.finish() == "done")
    return (lines, error)
  }

  static let all = ["0 present 10", "1 present 1", "2 present 300"]

  @Test func runsComeHoweverTheyAreCut() throws {
    for cut in [1, 7, 9, 10, 11, 12, 100, 310] {
      for lastCarries in [true, false] {
        let result = try Self.get { end in
          var start = 0
          while start < Self.joined.count {
            let part = Array(Self.joined[start..<min(start + cut, Self.joined.count)])
            let isEnd = start + part.count == Self.joined.count
            let flags: FrameFlags = isEnd && lastCarries ? .last : []
            if start == 0 {
              try end.send(.response, 1, flags, Self.whole, payload: part)
            } else {
              try end.send(.data, 1, flags, payload: part)
            }
            start += part.count
          }
          if !lastCarries { try end.send(.response, 1, .last) }
        }
        #expect(result.lines == Self.all && result.error == nil, "cut \(cut)")
      }
    }
  }

  @Test func severalRunsFollowEachOther() throws {
    let result = try Self.get { end in
      try end.send(
        .response, 1, [], PageRun(pageBytes: [10], checksum: [Self.sums[0]]),
        payload: Self.pages[0])
      // The bytes of a run may all come in DATA.
      try end.send(
        .response, 1, [], PageRun(first: 1, pageBytes: [1, 300], checksum: Array(Self.sums[1...])))
      try end.send(.data, 1, .last, payload: Self.pages[1] + Self.pages[2])
    }
    #expect(result.lines == Self.all && result.error == nil)
  }

  @Test func aGetOfNothingIsNothing() throws {
    let result = try Self.get { try $0.send(.response, 1, .last) }
    #expect(result.lines.isEmpty && result.error == nil)
  }

  @Test func sparsePagesThatAreMissingComeWithoutBytes() throws {
    let run = PageRun(
      pageBytes: [10, 0, 300], checksum: [Self.sums[0], 0, Self.sums[2]],
      status: [.present, .missing, .present])
    let result = try Self.get {
      try $0.send(.response, 1, .last, run, payload: Self.pages[0] + Self.pages[2])
    }
    #expect(result.lines == ["0 present 10", "1 missing 0", "2 present 300"])
    #expect(result.error == nil)
  }

  @Test func aPaddedPageIsLostWhenTheServerSaysSo() throws {
    let result = try Self.get { end in
      let padded = Self.pages[0] + [0] + Self.pages[2]
      try end.send(.response, 1, [], Self.whole, payload: padded)
      try end.send(
        .response, 1, [],
        PageRun(first: 1, pageBytes: [0], checksum: [0], status: [.dataLoss]))
      try end.send(.response, 1, .last)
    }
    #expect(result.lines == ["0 present 10", "2 present 300", "1 dataLoss 0"])
    #expect(result.error == nil)
  }

  @Test func wrongBytesAreNeverDelivered() throws {
    var bad = Self.joined
    bad[10] ^= 1
    let bytes = bad
    let result = try Self.get { try $0.send(.response, 1, .last, Self.whole, payload: bytes) }
    #expect(result.lines == ["0 present 10", "2 present 300"])
    #expect(
      result.error
        == .checksumMismatch(page: 1, expected: Self.sums[1], found: XXH3.hash([bytes[10]])))
  }

  @Test func anErrorInTheMiddleKeepsWhatWasWhole() throws {
    let problem = Problem(.aborted, "reader of a victim too slow")
    let result = try Self.get { end in
      try end.send(.response, 1, [], Self.whole, payload: Array(Self.joined[..<50]))
      try end.refuse(1, problem)
    }
    #expect(result.lines == ["0 present 10", "1 present 1"])
    #expect(result.error == .problem(problem))
  }

  @Test func theCallerMayStop() throws {
    let result = try Self.get(stopAfter: 1) { end in
      try end.send(.response, 1, [], Self.whole, payload: Array(Self.joined[..<50]))
      let cancel = try end.next()
      #expect(cancel.header.type == .cancel && cancel.header.flags == .last)
      try end.refuse(1, Problem(.cancelled, "cancelled by the client"))
    }
    #expect(result.lines == ["0 present 10"] && result.error == nil)
  }

  @Test func answersThatAreNoneEndTheConnection() throws {
    let one = PageRun(pageBytes: [10], checksum: [Self.sums[0]])
    let scripts: [(String, @Sendable (ServerEnd) throws -> Void)] = [
      (
        "end inside a page",
        {
          try $0.send(.response, 1, .last, one, payload: Array(Self.pages[0][..<9]))
        }
      ),
      (
        "1 bytes behind the last page",
        {
          try $0.send(.response, 1, .last, one, payload: Self.pages[0] + [1])
        }
      ),
      ("DATA where RESPONSE is due", { try $0.send(.data, 1, .last, payload: [1]) }),
      (
        "RESPONSE where DATA is due",
        {
          try $0.send(.response, 1, [], one, payload: [1])
          try $0.send(.response, 1, [], one, payload: [1])
        }
      ),
      (
        "page 0 where 1 is due",
        {
          try $0.send(.response, 1, [], one, payload: Self.pages[0])
          try $0.send(.response, 1, [], one, payload: Self.pages[0])
        }
      ),
      (
        "is over 134217728",
        {
          try $0.send(.response, 1, .last, PageRun(pageBytes: [134_217_729], checksum: [1]))
        }
      ),
      (
        "page 0 is there but has no bytes",
        {
          try $0.send(.response, 1, .last, PageRun(pageBytes: [0], checksum: [1]))
        }
      ),
      (
        "page 0 is not there but has bytes",
        {
          try $0.send(
            .response, 1, .last, PageRun(pageBytes: [1], checksum: [1], status: [.missing]),
            payload: [1])
        }
      ),
      (
        "status count 2",
        {
          try $0.send(
            .response, 1, .last,
            PageRun(pageBytes: [1], checksum: [1], status: [.missing, .missing]))
        }
      ),
      ("an empty run", { try $0.send(.response, 1) }),
    ]
    for (text, script) in scripts {
      let result = try Self.get(script)
      guard case .protocolViolation(let what)? = result.error else {
        Issue.record("\(text): \(String(describing: result.error))")
        continue
      }
      #expect(what.contains(text))
    }
  }

  @Test func aConnectionLostInAPageIsAnError() throws {
    let result = try Self.get { end in
      let head = FrameHeader(
        .response, stream: 1, messageBytes: Self.whole.encode().count, payloadBytes: 311)
      try end.send(head.encode() + Self.whole.encode() + Self.joined[..<200])
    }
    #expect(result.lines == ["0 present 10", "1 present 1"])
    #expect(result.error == .connectionLost("Get: the server closed the connection"))
  }
}
