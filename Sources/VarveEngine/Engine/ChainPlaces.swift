// From hints to window places. Where the ids from the root are all given, places follow without
// reading anything; else the predecessor's record tells its alignment; else a window of its own.

internal import VarveBase

extension ChainSlice {
  /// The place of page `first` as the hints have it, when the chain is known from its root.
  ///
  /// A wrong `atRoot` gives a place that holds nothing, never a wrong page: every record is
  /// compared by its full id.
  var placeFromRoot: WindowPlace? {
    guard atRoot else { return nil }
    let window = first / Limits.windowPages * Limits.windowPages
    let last = window == 0 ? PageID.zero : ids[window - 1]
    var path: [UInt8] = []
    path.reserveCapacity((first - window) * WindowPlace.digestBytes)
    for id in ids[window..<first] { path.append(contentsOf: id.digest) }
    return WindowPlace(
      anchor0: last.word0, anchor1: last.word1, index: UInt8(first - window), path: path)
  }

  /// The id right before page `first`, if the call named one.
  var predecessor: PageID? { first > 0 ? ids[first - 1] : before.last }

  /// Where a page opens a window when nothing is known of what precedes it: behind the predecessor
  /// named, else behind itself (a floating window that no other chain shares).
  var floatingPlace: WindowPlace {
    WindowPlace(firstAfter: predecessor ?? (count > 0 ? ids[first] : .zero))
  }
}

extension PageID {
  /// The first 3 bytes: how path keys name a page within its window.
  var digest: ArraySlice<UInt8> { bytes[0..<WindowPlace.digestBytes] }
}

/// Places of consecutive pages, each window's digests in one shared array.
struct PlaceCursor {
  private(set) var place: WindowPlace
  private let ids: [PageID]

  /// Starts at `place` for page `ids[start]`; the digests of the rest of its window are laid out at
  /// once, so that the places of one window share one array.
  init(_ place: WindowPlace, ids: [PageID], start: Int) {
    self.ids = ids
    self.place = Self.filled(place, ids: ids, start: start)
  }

  /// Moves behind page `ids[index]`, which stands at the current place.
  mutating func advance(past index: Int) {
    place = place.next(after: ids[index])
    if place.index == 0, index + 1 < ids.count {
      place = Self.filled(place, ids: ids, start: index + 1)
    }
  }

  private static func filled(_ place: WindowPlace, ids: [PageID], start: Int) -> WindowPlace {
    var path = Array(place.ownPath)
    let last = min(ids.count, start + Limits.windowPages - 1 - Int(place.index))
    path.reserveCapacity(path.count + max(0, last - start) * WindowPlace.digestBytes)
    if last > start { for id in ids[start..<last] { path.append(contentsOf: id.digest) } }
    return WindowPlace(
      anchor0: place.anchor0, anchor1: place.anchor1, index: place.index, path: path)
  }
}
