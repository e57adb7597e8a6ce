// The contract's vectors for page ids and checksums, made independently of this code.

import Foundation
import Testing
import VarveBase

struct BaseVectors: Decodable {
  struct PageIDs: Decodable {
    let tokens: String
    let page_tokens: Int
    let seed: String
    let ids: [String]

    /// "1..200" or "0, 4294967295, 5".
    var numbers: [UInt32] {
      let ends = tokens.components(separatedBy: "..").compactMap { UInt32($0) }
      if ends.count == 2 { return Array(ends[0]...ends[1]) }
      return tokens.components(separatedBy: ", ").compactMap { UInt32($0) }
    }
  }

  struct Hash: Decodable {
    let length: Int
    let xxh3_64: String
  }

  struct CRC: Decodable {
    let ascii: String?
    let hex: String?
    let crc32c: String

    var bytes: [UInt8] {
      if let ascii { return Array(ascii.utf8) }
      let digits = (hex ?? "").compactMap(\.hexDigitValue)
      return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
      }
    }
  }

  let page_ids: [PageIDs]
  let xxh3_64_seed0: [Hash]
  let crc32c: [CRC]

  static func load() throws -> BaseVectors {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/vectors.json")
    return try JSONDecoder().decode(BaseVectors.self, from: Data(contentsOf: file))
  }
}

@Suite struct VectorTests {
  @Test func pageIDsAreSGLangsHashes() throws {
    let vectors = try BaseVectors.load().page_ids
    #expect(vectors.count == 4)
    for vector in vectors {
      let ids = PageID.chain(
        tokens: vector.numbers, pageTokens: vector.page_tokens, seed: PageID(hex: vector.seed))
      #expect(ids.map(\.hex) == vector.ids, "\(vector.tokens) by \(vector.page_tokens)")
    }
  }

  @Test func aPartialPageHasNoID() {
    #expect(PageID.chain(tokens: [1, 2, 3], pageTokens: 4).isEmpty)
    #expect(PageID.chain(tokens: [1, 2, 3, 4], pageTokens: 4).count == 1)
    #expect(PageID.chain(tokens: [1, 2, 3, 4, 5, 6, 7], pageTokens: 4).count == 1)
  }

  /// The vectors' filler: byte i is (i × 131 + 7) mod 256.
  static func filler(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 * 131 + 7) }
  }

  @Test func xxh3IsTheReferences() throws {
    let vectors = try BaseVectors.load().xxh3_64_seed0
    #expect(vectors.count == 12)
    for vector in vectors {
      let hash = XXH3.hash(Self.filler(vector.length))
      #expect(hash == UInt64(vector.xxh3_64, radix: 16), "\(vector.length) bytes")
    }
  }

  @Test func xxh3InPiecesIsTheSame() {
    let bytes = Self.filler(70_000)
    for piece in [1, 63, 64, 255, 256, 1024, 69_999, 70_000] {
      var stream = XXH3.Stream()
      // A first use that is thrown away: `reset` must leave nothing of it.
      unsafe bytes.withUnsafeBytes { unsafe stream.update($0) }
      stream.reset()
      var start = 0
      while start < bytes.count {
        let end = min(start + piece, bytes.count)
        unsafe bytes[start..<end].withUnsafeBytes { unsafe stream.update($0) }
        start = end
      }
      let digest = stream.digest()
      #expect(digest == XXH3.hash(bytes), "in pieces of \(piece)")
    }
  }

  @Test func crc32cIsCastagnolis() throws {
    let vectors = try BaseVectors.load().crc32c
    #expect(vectors.count == 4)
    for vector in vectors {
      #expect(CRC32C.checksum(vector.bytes) == UInt32(vector.crc32c, radix: 16))
    }
  }
}
