// The page ids and bytes that stand for the blocks of a trace. The Python package makes the same
// ones (its `trace.py`), so that what one wrote the other verifies; a golden test holds both.

import VarveBase

/// Ids and contents are functions of the trace's name and the block id alone.
///
/// *Page id*: SHA-256 over the 11 ASCII bytes `varve-trace` ‖ name in UTF-8 ‖ block as u64 LE.
///
/// *Page bytes* of the page with id P: bytes 0 ..< 32 are P; byte j from 32 on is
/// R[(o + j) mod 2^20], where o is the first 8 bytes of P as u64 LE modulo 2^20 and R is 2^20
/// bytes: the outputs of SplitMix64 from state 0x5661727665 ("Varve"), each as u64 LE.
struct TracePages: Sendable {
  static let poolBytes = 1 << 20
  private static let poolSeed: UInt64 = 0x56_6172_7665

  let traceName: String
  private let prefix: [UInt8]
  /// R twice over, so that no piece of up to its length has to wrap.
  private let pool: [UInt8]

  init(traceName: String) {
    self.traceName = traceName
    prefix = Array("varve-trace".utf8) + Array(traceName.utf8)
    var generator = SplitMix64(state: Self.poolSeed)
    var once: [UInt8] = []
    once.reserveCapacity(2 * Self.poolBytes)
    while once.count < Self.poolBytes { once.appendLE(generator.next()) }
    pool = once + once
  }

  func id(ofBlock block: Int) -> PageID {
    var message = prefix
    message.appendLE(UInt64(block))
    return PageID.sha256(message)
  }

  /// Appends the `byteCount` bytes of the page `id` to `bytes`.
  func appendContent(of id: PageID, byteCount: Int, to bytes: inout [UInt8]) {
    precondition(byteCount > 0, "a page has at least one byte, not \(byteCount)")
    bytes.append(contentsOf: id.bytes.prefix(byteCount))
    forEachPiece(of: id, byteCount: byteCount) { range in
      bytes.append(contentsOf: pool[range])
      return true
    }
  }

  /// How many of `bytes` are not what the page `id` must hold; 0 is the only good answer.
  func wrongByteCount(_ bytes: RawSpan, of id: PageID) -> Int {
    var expected: [UInt8] = []
    expected.reserveCapacity(bytes.byteCount)
    guard bytes.byteCount > 0 else { return 0 }
    appendContent(of: id, byteCount: bytes.byteCount, to: &expected)
    return unsafe bytes.withUnsafeBytes { found in
      // Sound: a view of the caller's bytes that does not outlive the call.
      if unsafe found.elementsEqual(expected) { return 0 }
      return unsafe zip(found, expected).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
    }
  }

  /// The pieces of the doubled pool that make up the bytes after the id.
  private func forEachPiece(of id: PageID, byteCount: Int, _ body: (Range<Int>) -> Bool) {
    let offset = Int(UInt64(littleEndian: id.word0) % UInt64(Self.poolBytes))
    var at = min(PageID.byteCount, byteCount)
    while at < byteCount {
      let start = (offset + at) % Self.poolBytes
      let length = min(byteCount - at, Self.poolBytes)
      guard body(start..<start + length) else { return }
      at += length
    }
  }
}

/// SplitMix64, the generator of Steele, Lea and Flood (2014): small, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
  private(set) var state: UInt64

  init(state: UInt64) { self.state = state }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
