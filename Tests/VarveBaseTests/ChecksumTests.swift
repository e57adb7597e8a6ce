// The CRC32C instruction against the table, on every alignment and length that its loops tell
// apart.

import CLinux
import Testing
import VarveBase

@Suite struct ChecksumTests {
  @Test func instructionAndTableAgree() {
    let bytes = VectorTests.filler(600)
    for start in 0..<16 {
      for count in Array(0...80) + [127, 128, 129, 255, 256, 257, 500] {
        let part = Array(bytes[start..<start + count])
        let table = unsafe part.withUnsafeBytes {
          unsafe varve_crc32c_table(0x1234_5678, $0.baseAddress, $0.count)
        }
        let instruction = CRC32C.checksum(part, seed: 0x1234_5678)
        #expect(instruction == table, "\(count) bytes from \(start)")
      }
    }
  }

  @Test func aSeedContinuesWhereTheFirstPartEnded() {
    let bytes = VectorTests.filler(300)
    let whole = CRC32C.checksum(bytes)
    for cut in [0, 1, 7, 8, 9, 150, 299, 300] {
      let first = CRC32C.checksum(Array(bytes[..<cut]))
      #expect(CRC32C.checksum(Array(bytes[cut...]), seed: first) == whole, "cut at \(cut)")
    }
  }

  @Test func everyFlippedBitIsSeen() {
    var bytes = VectorTests.filler(64)
    let crc = CRC32C.checksum(bytes)
    let hash = XXH3.hash(bytes)
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(CRC32C.checksum(bytes) != crc, "bit \(bit)")
      #expect(XXH3.hash(bytes) != hash, "bit \(bit)")
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }
}
