// The pages that are sent: incompressible, in touched memory, the same for both sides.

import VarveBase

/// `count` pages of `pageBytes` random bytes in one block of memory. Read-only after init.
@safe final class BenchPages: @unchecked Sendable {
  // Sendable is sound: the memory is written in init alone.
  let pageBytes: Int
  let count: Int
  let checksums: [UInt64]
  private let memory: AlignedBuffer

  /// The same `seed` gives the same pages, in whichever process.
  init(pageBytes: Int, count: Int, seed: UInt64 = 1) {
    precondition(pageBytes % 8 == 0 && pageBytes > 0 && count > 0, "whole words")
    self.pageBytes = pageBytes
    self.count = count
    let rounded = (pageBytes * count + 4095) / 4096 * 4096
    memory = AlignedBuffer(byteCount: rounded)
    unsafe Self.fill(memory.mutableBytes, seed)
    let pages = memory
    checksums = (0..<count).map { index in
      unsafe XXH3.hash(
        UnsafeRawBufferPointer(rebasing: pages.bytes[index * pageBytes..<(index + 1) * pageBytes]))
    }
  }

  /// The bytes of pages `range`, which lie behind each other. Valid while the object lives.
  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      rebasing: memory.bytes[range.lowerBound * pageBytes..<range.upperBound * pageBytes])
  }

  /// xorshift64* (Vigna 2016): 8 random bytes a nanosecond, which no compressor shrinks.
  private static func fill(_ bytes: UnsafeMutableRawBufferPointer, _ seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    unsafe bytes.withMemoryRebound(to: UInt64.self) { words in
      for index in words.indices {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        unsafe words[index] = state &* 0x2545_f491_4f6c_dd1d
      }
    }
  }
}
