// The name of a page. Stands at the bottom of every part: wire, engine and client speak of pages
// by this value and nothing else.

internal import CCrypto

/// 32 bytes that name a page and everything before it: SHA-256(previous id ‖ tokens as u32 LE).
///
/// Held as four native words so that copies and comparisons are register moves; the words are the
/// bytes in memory order, so `withUnsafeBytes(of:)` gives the id as it travels.
package struct PageID: Hashable, Sendable, BitwiseCopyable {
  package static let byteCount = 32

  package let word0: UInt64
  package let word1: UInt64
  package let word2: UInt64
  package let word3: UInt64

  /// The id of "nothing before": all zeros.
  package static let zero = PageID(0, 0, 0, 0)

  @inlinable
  package init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
    self.word0 = word0
    self.word1 = word1
    self.word2 = word2
    self.word3 = word3
  }

  /// Reads 32 bytes at `offset`. A shorter span is a programmer's error.
  @inlinable
  package init(_ bytes: RawSpan, at offset: Int = 0) {
    precondition(offset >= 0 && offset + 32 <= bytes.byteCount, "a page id has 32 bytes")
    self.init(
      unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self),
      unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self),
      unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 16, as: UInt64.self),
      unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
  }

  package init?(hex: String) {
    guard hex.utf8.count == 64 else { return nil }
    // Digit by digit: `UInt8("+a", radix: 16)` is a number, but no two digits.
    let digits = hex.compactMap { $0.isASCII ? $0.hexDigitValue : nil }
    guard digits.count == 64 else { return nil }
    let bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    self.init(bytes.rawSpan)
  }

  /// The 32 bytes, as a fresh array: for messages, logs and tests, not for the data path.
  package var bytes: [UInt8] {
    var copy = self
    return unsafe withUnsafeBytes(of: &copy) { unsafe Array($0) }
  }

  package var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension PageID {
  /// The ids of a token sequence, as SGLang computes them; a last partial page is ignored.
  ///
  /// - Parameters:
  ///   - tokens: the sequence from its root (or from what `seed` names).
  ///   - pageTokens: tokens a page, at least 1.
  ///   - seed: the id before the first page; nil hashes the first page's tokens alone.
  package static func chain(tokens: [UInt32], pageTokens: Int, seed: PageID? = nil) -> [PageID] {
    precondition(pageTokens > 0, "page_tokens \(pageTokens) must be at least 1")
    var ids: [PageID] = []
    ids.reserveCapacity(tokens.count / pageTokens)
    var message: [UInt8] = []
    var previous = seed
    var start = 0
    while start + pageTokens <= tokens.count {
      message.removeAll(keepingCapacity: true)
      if let previous { message.append(contentsOf: previous.bytes) }
      for token in tokens[start..<start + pageTokens] {
        unsafe withUnsafeBytes(of: token.littleEndian) { unsafe message.append(contentsOf: $0) }
      }
      let id = sha256(message)
      ids.append(id)
      previous = id
      start += pageTokens
    }
    return ids
  }

  /// SHA-256 of `bytes`, as an id.
  package static func sha256(_ bytes: [UInt8]) -> PageID {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe bytes.withUnsafeBufferPointer { input in
      unsafe digest.withUnsafeMutableBufferPointer { output in
        _ = unsafe SHA256(input.baseAddress, input.count, output.baseAddress)
      }
    }
    return PageID(digest.rawSpan)
  }
}
