// Little-endian bytes and page ids as they travel.

import Testing
import VarveBase

@Suite struct BytesTests {
  @Test func integersTravelLeastSignificantFirst() {
    var bytes: [UInt8] = [0xff]
    bytes.appendLE(UInt16(0x0102))
    bytes.appendLE(UInt32(0x0304_0506))
    bytes.appendLE(UInt64(0x0708_090a_0b0c_0d0e))
    #expect(bytes == [0xff, 2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7])
    let span = bytes.rawSpan
    let (short, word, long): (UInt16, UInt32, UInt64) = (span.load(1), span.load(3), span.load(7))
    #expect(short == 0x0102)
    #expect(word == 0x0304_0506)
    #expect(long == 0x0708_090a_0b0c_0d0e)
  }

  @Test func keysTravelMostSignificantFirst() {
    var bytes: [UInt8] = []
    bytes.appendBE(UInt32(0x0102_0304))
    #expect(bytes == [1, 2, 3, 4])
  }

  @Test func storingOverwritesInPlace() {
    var bytes = [UInt8](repeating: 0xee, count: 6)
    bytes.storeLE(UInt32(0x0102_0304), at: 1)
    #expect(bytes == [0xee, 4, 3, 2, 1, 0xee])
  }

  @Test func readingPastTheEndTraps() async {
    await #expect(processExitsWith: .failure) {
      let bytes: [UInt8] = [1, 2, 3]
      _ = bytes.rawSpan.load(0, as: UInt32.self)
    }
  }

  @Test func aPageIDIsItsBytesInOrder() throws {
    let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    let id = try #require(PageID(hex: text))
    #expect(id.bytes == Array(0..<32))
    #expect(id.hex == text)
    #expect(PageID(hex: text.uppercased()) == id)
    #expect(PageID([9] + id.bytes.rawSpan.copy(0, count: 32), at: 1) == id)
    #expect(id.word0 == 0x0706_0504_0302_0100)
    #expect(PageID.zero.bytes == [UInt8](repeating: 0, count: 32))
  }

  @Test func otherTextsAreNoPageID() {
    let digits = String(repeating: "a", count: 64)
    #expect(PageID(hex: digits) != nil)
    for text in [
      "", "a", String(digits.dropLast()), digits + "a", "g" + digits.dropFirst(),
      "+a" + digits.dropFirst(2), " a" + digits.dropFirst(2), "é" + digits.dropFirst(2),
    ] {
      #expect(PageID(hex: text) == nil, "\(text)")
    }
  }

  @Test func alignedBuffersAreAlignedAndZero() {
    let buffer = AlignedBuffer(byteCount: 8192)
    let address = unsafe UInt(bitPattern: buffer.base)
    #expect(address % 4096 == 0)
    let isZero = unsafe buffer.bytes.allSatisfy { $0 == 0 }
    #expect(isZero)
    let count = unsafe buffer.mutableBytes.count
    #expect(count == 8192)
  }
}

extension PageID {
  init(_ bytes: [UInt8], at offset: Int) { self.init(bytes.rawSpan, at: offset) }
}
