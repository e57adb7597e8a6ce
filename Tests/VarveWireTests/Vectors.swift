// The contract's vectors, made independently of this code, as the tests of this target read them.

import Foundation

struct Vectors: Decodable {
  struct Frame: Decodable {
    let what: String
    let hex: String

    var bytes: [UInt8] { Hex.bytes(hex) }
  }

  let frames: [Frame]
  let bad_frames: [Frame]

  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func load() throws -> Vectors {
    let file = root.appending(path: "Tests/Fixtures/vectors.json")
    return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
  }

  /// The vector whose description begins with `what`.
  static func bytes(_ what: String) throws -> [UInt8] {
    let found = try load().frames.filter { $0.what.hasPrefix(what) }
    guard found.count == 1 else { throw Missing(what: what, count: found.count) }
    return found[0].bytes
  }

  struct Missing: Error {
    let what: String
    let count: Int
  }
}

enum Hex {
  /// Bytes of pairs of hexadecimal digits; anything else between them is skipped.
  static func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
  }

  static func text(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
