// The parser under every split of its bytes, and what it holds while it waits.

import Testing
import VarveBase
import VarveWire

@Suite struct ParserTests {
  /// What comes out of `bytes` when they come in pieces of the sizes that `size` gives.
  static func parse(
    _ bytes: [UInt8], size: () -> Int
  ) throws(FrameError) -> [(Frame, payload: [UInt8])] {
    var parser = FrameParser()
    var frames: [(Frame, payload: [UInt8])] = []
    var start = 0
    while start < bytes.count {
      let piece = Array(bytes[start..<min(bytes.count, start + size())])
      var offset = 0
      while offset < piece.count {
        if parser.payloadRemaining > 0 {
          let count = min(parser.payloadRemaining, piece.count - offset)
          frames[frames.count - 1].payload += piece[offset..<offset + count]
          parser.skip(count)
          offset += count
        } else if let frame = try parser.feed(piece.rawSpan, from: &offset) {
          frames.append((frame, []))
        }
      }
      start += piece.count
    }
    return frames
  }

  @Test func everySplitGivesTheSameFrames() throws {
    let vectors = try Vectors.load().frames
    let bytes = vectors.flatMap(\.bytes)
    let whole = try Self.parse(bytes) { bytes.count }
    #expect(whole.count == vectors.count)
    for size in 1...70 {
      let split = try Self.parse(bytes) { size }
      #expect(split.map(\.0) == whole.map(\.0), "pieces of \(size)")
      #expect(split.map(\.payload) == whole.map(\.payload), "pieces of \(size)")
    }
    var random = SeededRandom("everySplitGivesTheSameFrames")
    for _ in 0..<200 {
      let split = try Self.parse(bytes) { 1 + random.below(90) }
      #expect(split.map(\.0) == whole.map(\.0))
      #expect(split.map(\.payload) == whole.map(\.payload))
    }
  }

  @Test func aHeadThatPromisesMuchReservesNothing() throws {
    var parser = FrameParser()
    let head = FrameRuleTests.head(type: 3, flags: 1, stream: 1, message: 8 << 20)
    var offset = 0
    #expect(try parser.feed(head.rawSpan, from: &offset) == nil)
    #expect(parser.bufferedBytes == 0)
    #expect(parser.wanted == 8 << 20)
    offset = 0
    #expect(try parser.feed([UInt8](repeating: 1, count: 10).rawSpan, from: &offset) == nil)
    #expect(parser.bufferedBytes == 10)
  }

  @Test func theLargestMessagePasses() throws {
    var parser = FrameParser()
    let message = [UInt8](repeating: 7, count: Limits.messageBytesMax)
    let head = FrameRuleTests.head(type: 3, flags: 1, stream: 1, message: 8 << 20)
    var offset = 0
    let frame = try parser.feed((head + message).rawSpan, from: &offset)
    #expect(frame?.message == message)
    #expect(parser.bufferedBytes == 0)
  }

  @Test func anotherProtocolIsRefusedAtItsFirstWrongByte() throws {
    var parser = FrameParser()
    var offset = 0
    #expect(try parser.feed(Array("VR".utf8).rawSpan, from: &offset) == nil)
    offset = 0
    #expect(throws: FrameError.magic(found: Array("VRX".utf8))) {
      try parser.feed(Array("X".utf8).rawSpan, from: &offset)
    }
    offset = 0
    #expect(throws: FrameError.magic(found: Array("VRX".utf8)), "it stays broken") {
      try parser.feed(Array("V".utf8).rawSpan, from: &offset)
    }
  }

  @Test func feedingOverAPayloadTraps() async {
    await #expect(processExitsWith: .failure) {
      var parser = FrameParser()
      let bytes = FrameRuleTests.head(type: 4, stream: 1, payload: 5) + [1, 2, 3, 4, 5]
      var offset = 0
      _ = try parser.feed(bytes.rawSpan, from: &offset)
      _ = try parser.feed(bytes.rawSpan, from: &offset)
    }
  }
}
