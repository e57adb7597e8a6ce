// The bitmaps of LookupResponse.present and PutResponse.need: bit i % 8, least significant first,
// of byte i / 8 is page first + i.

/// One bit a page.
package struct PageBitmap: Hashable, Sendable {
  package private(set) var bytes: [UInt8]
  package let count: Int

  /// `count` pages, none of them marked.
  package init(count: Int) {
    precondition(count >= 0, "a bitmap of \(count) pages")
    self.count = count
    bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
  }

  /// Reads a bitmap from the wire; nil when it is not as long as `count` pages take, or marks pages
  /// beyond them.
  package init?(bytes: [UInt8], count: Int) {
    guard bytes.count == (count + 7) / 8 else { return nil }
    if count % 8 != 0, let last = bytes.last, last >> UInt8(count % 8) != 0 { return nil }
    self.bytes = bytes
    self.count = count
  }

  package subscript(index: Int) -> Bool {
    get {
      precondition(index >= 0 && index < count, "page \(index) of \(count)")
      return bytes[index / 8] & 1 << UInt8(index % 8) != 0
    }
    set {
      precondition(index >= 0 && index < count, "page \(index) of \(count)")
      let bit: UInt8 = 1 << UInt8(index % 8)
      if newValue { bytes[index / 8] |= bit } else { bytes[index / 8] &= ~bit }
    }
  }

  package var isEmpty: Bool { bytes.allSatisfy { $0 == 0 } }

  /// Number of marked pages.
  package var marked: Int { bytes.reduce(0) { $0 + $1.nonzeroBitCount } }
}
