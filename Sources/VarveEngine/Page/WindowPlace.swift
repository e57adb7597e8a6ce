// The place of a page in the prefix order. Chains are cut into windows of 32 pages; a page's path
// record is keyed by its window's anchor and the digests of the pages from there to it (DESIGN §5).

package import VarveBase

/// A window and a position in it. A hint made permanent at the put: lookups may use it, no answer
/// depends on it.
///
/// The digests of the pages before this one are a prefix of `path`, an array that all pages of one
/// batch share, so that a place costs no allocation of its own.
package struct WindowPlace: Sendable {
  /// What siblings are told apart by: two in a window that agree in these cost the older one its
  /// path record (docs/decisions/0010).
  package static let digestBytes = 3
  package static let anchorBytes = 16

  /// First 16 bytes of the id of the last page before the window; zero at the root.
  package let anchor0: UInt64
  package let anchor1: UInt64
  /// Position in the window, 0 ..< 32.
  package private(set) var index: UInt8
  /// At least `index` × 3 bytes: the first 3 bytes of the ids of the window's pages before this.
  package let path: [UInt8]

  package init(anchor0: UInt64, anchor1: UInt64, index: UInt8, path: [UInt8]) {
    precondition(Int(index) < Limits.windowPages, "window index \(index) is not below 32")
    precondition(path.count >= Int(index) * Self.digestBytes, "path is shorter than its index")
    self.anchor0 = anchor0
    self.anchor1 = anchor1
    self.index = index
    self.path = path
  }

  /// The first place of a window that follows `last` (zero: the root, or a floating window).
  package init(firstAfter last: PageID) {
    self.init(anchor0: last.word0, anchor1: last.word1, index: 0, path: [])
  }

  /// The window has no page before it, or nothing is known of it.
  package var isAtRoot: Bool { anchor0 == 0 && anchor1 == 0 }

  /// The digests before this page, without what the shared array holds beyond them.
  package var ownPath: ArraySlice<UInt8> { path[0..<Int(index) * Self.digestBytes] }

  /// Moves to the next page of the window. The path must hold the digest of the page that stands
  /// here.
  mutating func advance() {
    precondition(Int(index) + 1 < Limits.windowPages, "the window ends here")
    precondition(
      path.count >= (Int(index) + 1) * Self.digestBytes, "the path ends before the next page")
    index += 1
  }

  /// The place right after the page `id` that stands here.
  package func next(after id: PageID) -> WindowPlace {
    if Int(index) + 1 == Limits.windowPages { return WindowPlace(firstAfter: id) }
    let end = Int(index) * Self.digestBytes
    let digest = id.bytes[0..<Self.digestBytes]
    if path.count >= end + Self.digestBytes, path[end..<end + Self.digestBytes] == digest {
      return WindowPlace(anchor0: anchor0, anchor1: anchor1, index: index + 1, path: path)
    }
    var longer = Array(path[0..<end])
    longer.append(contentsOf: digest)
    return WindowPlace(anchor0: anchor0, anchor1: anchor1, index: index + 1, path: longer)
  }
}

extension WindowPlace: Equatable {
  /// Equal when they name the same key: bytes of a shared path beyond the index do not count.
  package static func == (left: WindowPlace, right: WindowPlace) -> Bool {
    left.anchor0 == right.anchor0 && left.anchor1 == right.anchor1 && left.index == right.index
      && left.ownPath == right.ownPath
  }
}
