import Testing

@testable import varvectl

struct TraceReaderTests {
  private static let head = #"{"name": "tiny", "block_tokens": 64, "requests": 3, "more": [1]}"#

  private func requests(_ text: String, name: String = "t.kvt.jsonl") throws -> [TraceRequest] {
    let folder = try TemporaryFolder()
    let reader = try TraceReader(path: try folder.file(name, text))
    var all: [TraceRequest] = []
    while let request = try reader.next() { all.append(request) }
    return all
  }

  @Test func `A request is the kept prefix of its base, then its ranges`() throws {
    let all = try requests(
      """
      \(Self.head)
      [0, 0, 300, 1, -1, 0, [[0, 4], [10, 2]]]
      [5, "a", 1, 1, 0, 5, [[20, 1]]]
      [5.5, null, 1, 1, 1, 2, []]

      """)
    #expect(all.map(\.blocks) == [[0, 1, 2, 3, 10, 11], [0, 1, 2, 3, 10, 20], [0, 1]])
    #expect(all.map(\.timeMillis) == [0, 5, 5])
    #expect(all.map(\.number) == [0, 1, 2])
    #expect(all.map(\.blockCount) == [6, 6, 2])
  }

  @Test func `The head names the trace; the last line needs no line feed; empty lines pass`() throws
  {
    let folder = try TemporaryFolder()
    let path = try folder.file("t.kvt.jsonl", "\(Self.head)\n\n[0,0,1,1,-1,0,[[0,1]]]")
    let reader = try TraceReader(path: path)
    #expect(reader.head == TraceHead(name: "tiny", blockTokens: 64, requests: 3))
    #expect(try reader.next()?.blocks == [0])
    #expect(try reader.next() == nil)
    #expect(try reader.next() == nil)
  }

  @Test(arguments: [
    ("", "line 1: the file is empty"),
    ("[]\n", "line 1: no head"),
    ("{\"block_tokens\": 1}\n", "line 1: no head"),
    ("{\"name\": \"\"}\n", "line 1: name is empty"),
    ("\(head)\nnonsense\n", "line 2: no request"),
    ("\(head)\n{}\n", "line 2: no request"),
    ("\(head)\n[0,0,1,1,-1,0]\n", "line 2: no request"),
    ("\(head)\n[0,0,1,1,-1,0,[],1]\n", "line 2: no request"),
    ("\(head)\n[1e300,0,1,1,-1,0,[]]\n", "line 2: no request"),
    ("\(head)\n[0,0,1,1,-1,0,[[0]]]\n", "line 2: [0] is no range"),
    ("\(head)\n[0,0,1,1,-1,0,[[-1,2]]]\n", "line 2: [-1, 2] is no range"),
    ("\(head)\n[0,0,1,1,-1,0,[[0,-2]]]\n", "line 2: [0, -2] is no range"),
    ("\(head)\n\n[0,0,1,1,0,0,[]]\n", "line 3: base 0 is no earlier request of 0"),
    ("\(head)\n[0,0,1,1,-1,0,[[0,2]]]\n[0,0,1,1,0,3,[]]\n", "line 3: keep 3 is outside the 2"),
    ("\(head)\n[0,0,1,1,-1,0,[[0,2]]]\n[0,0,1,1,0,-1,[]]\n", "line 3: keep -1 is outside the 2"),
    ("\(head)\n[0,0,1,1,-1,0,[[9223372036854775807,2]]]\n", "line 2: [9223372036854775807, 2]"),
  ])
  func `A bad line is refused with its number and the reason`(text: String, reason: String) throws {
    let error = #expect(throws: TraceError.self) { try requests(text) }
    #expect("\(try #require(error))".contains(reason), "\(String(describing: error))")
  }

  @Test func `Blocks of one request are bounded at the limit`() throws {
    let most = TraceReader.blocksMax
    #expect(try requests("\(Self.head)\n[0,0,1,1,-1,0,[[0,\(most)]]]\n").first?.blockCount == most)
    for ranges in ["[0,\(most + 1)]", "[0,\(most)],[0,1]"] {
      #expect(throws: TraceError.self) {
        try requests("\(Self.head)\n[0,0,1,1,-1,0,[\(ranges)]]\n")
      }
    }
    let last = TraceReader.blockIDMax
    #expect(try requests("\(Self.head)\n[0,0,1,1,-1,0,[[\(last),1]]]\n").first?.blocks == [last])
    #expect(throws: TraceError.self) {
      try requests("\(Self.head)\n[0,0,1,1,-1,0,[[\(last + 1),1]]]\n")
    }
  }

  @Test func `Random bytes as a trace end in an error or in requests, never in a trap`() throws {
    var generator = SplitMix64(state: TestSeed.make())
    let alphabet = Array("[]{},:\"0123456789-+eE.\n\\ntrue".utf8)
    for _ in 0..<300 {
      var text = Array("\(Self.head)\n[0,0,1,1,-1,0,[[0,4]]]\n[5,0,1,1,0,2,[[4,2]]]\n".utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let at = Int.random(in: 0..<text.count, using: &generator)
        text[at] = alphabet.randomElement(using: &generator) ?? 0
      }
      do {
        _ = try requests(String(decoding: text, as: UTF8.self))
      } catch is TraceError {
        continue
      }
    }
  }

  @Test func `A trace is found by path, by name and by the name's stem, in order`() throws {
    let first = try TemporaryFolder()
    let second = try TemporaryFolder()
    let path = try first.file("one.kvt.jsonl", "")
    let packed = try second.file("two.kvt.jsonl.zst", "")
    _ = try second.file("one.kvt.jsonl", "")
    let finder = TraceFinder(folders: [first.path, second.path])
    #expect(try finder.path(of: "one") == path)
    #expect(try finder.path(of: "one.kvt.jsonl") == path)
    #expect(try finder.path(of: "two") == packed)
    #expect(try finder.path(of: packed) == packed)
    #expect(throws: TraceError.notFound(name: "three", searched: finder.folders)) {
      try finder.path(of: "three")
    }
    #expect(throws: TraceError.self) { try finder.path(of: first.path) }
  }

  @Test func `The fixtures are searched, then VARVE_TRACES or what lies beside the checkout`() {
    let named = TraceFinder(environment: ["VARVE_TRACES": "there"], checkout: "here")
    #expect(named.folders == ["here/Tests/Fixtures", "there"])
    let beside = TraceFinder(environment: [:], checkout: "/a/b")
    #expect(beside.folders == ["/a/b/Tests/Fixtures", "/a/shared/traces"])
  }
}
