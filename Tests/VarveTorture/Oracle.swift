// The model outside the engine: what was submitted, what was acknowledged and how, what was deleted
// or cleared. A value, so that a copy taken at a crash knows what had been answered until then.

internal import VarveBase

package struct Oracle: Sendable {
  /// One submission of a page.
  package struct Version: Equatable, Sendable {
    let checksum: UInt64
    let rawBytes: UInt32
    /// 0: never.
    let expirySeconds: UInt64

    func isExpired(_ millis: UInt64) -> Bool {
      expirySeconds != 0 && millis / 1000 >= expirySeconds
    }
  }

  /// What was promised of a page.
  struct Promise: Sendable {
    /// One of these is there.
    var versions: [Version]
    /// Survives a crash of the machine, not only of the process.
    var durable: Bool
    /// Where it lay when it was acknowledged.
    var segment: UInt64?
  }

  struct Page: Sendable {
    /// Everything submitted since the last delete that was answered: may be served.
    var allowed: [Version] = []
    /// nil: nothing is promised.
    var promise: Promise?
  }

  /// One life of a namespace, from its creation to clear or drop.
  struct Space: Sendable {
    var id: UInt32
    var pages: [PageID: Page] = [:]
    /// A clear or drop was asked for and not answered: it may be over.
    var isEnding = false
  }

  private(set) var spaces: [String: Space] = [:]
  /// Asked for and not answered: may be there.
  private(set) var opening: Set<String> = []
  /// Ids whose life is over: they never come back.
  private(set) var retired: Set<UInt32> = []
  /// Pages may leave, oldest segment first: the capacity is small, or the disk was full at a start.
  package var mayEvict: Bool
  /// Whether the segments of acknowledged pages are kept in mind, as eviction asks for.
  let tracksSegments: Bool

  /// - Parameter tracksSegments: pages may begin to leave later.
  package init(mayEvict: Bool, tracksSegments: Bool = false) {
    self.mayEvict = mayEvict
    self.tracksSegments = mayEvict || tracksSegments
  }

  // MARK: - Namespaces

  mutating func willOpen(_ name: String) { opening.insert(name) }

  mutating func opened(_ name: String, id: UInt32) {
    opening.remove(name)
    if spaces[name]?.id == id { return }
    if let old = spaces[name] { retired.insert(old.id) }
    spaces[name] = Space(id: id)
  }

  /// What was asked for is there or never will be.
  mutating func settleOpening() { opening.removeAll() }

  mutating func willEnd(_ name: String) { spaces[name]?.isEnding = true }

  /// A clear (`newID`) or drop (nil) was answered.
  mutating func ended(_ name: String, newID: UInt32?) {
    guard let old = spaces.removeValue(forKey: name) else { return }
    retired.insert(old.id)
    if let newID { spaces[name] = Space(id: newID) }
  }

  /// A clear or drop was refused, or a restart shows that it did not happen.
  mutating func goesOn(_ name: String) { spaces[name]?.isEnding = false }

  // MARK: - Pages

  mutating func willPut(_ name: String, _ id: PageID, _ version: Version) {
    spaces[name]?.pages[id, default: Page()].allowed.append(version)
  }

  /// The page's bytes are on the way to the disk under this outcome.
  mutating func stored(
    _ name: String, _ id: PageID, _ version: Version, durable: Bool, segment: UInt64?
  ) {
    spaces[name]?.pages[id]?.promise = Promise(
      versions: [version], durable: durable, segment: segment)
  }

  /// The engine says that a copy of this length was there; a durable put makes it durable.
  mutating func wasPresent(
    _ name: String, _ id: PageID, rawBytes: UInt32, durable: Bool, segment: UInt64?
  ) {
    guard var page = spaces[name]?.pages[id] else { return }
    if var promise = page.promise {
      promise.durable = promise.durable || durable
      page.promise = promise
    } else {
      // Which of those with this length is not told.
      page.promise = Promise(
        versions: page.allowed.filter { $0.rawBytes == rawBytes }, durable: durable,
        segment: segment)
    }
    spaces[name]?.pages[id] = page
  }

  mutating func willDelete(_ name: String, _ ids: ArraySlice<PageID>) {
    for id in ids { spaces[name]?.pages[id]?.promise = nil }
  }

  mutating func deleted(_ name: String, _ ids: ArraySlice<PageID>) {
    for id in ids { spaces[name]?.pages[id] = Page() }
  }

  /// Nothing is promised of this page any more: it was seen to be evicted or expired.
  mutating func forget(_ name: String, _ id: PageID) { spaces[name]?.pages[id]?.promise = nil }

  // MARK: - Disk

  /// Everything acknowledged is on the disk.
  mutating func synced() {
    for name in spaces.keys {
      guard let pages = spaces[name]?.pages else { continue }
      for id in pages.keys { spaces[name]?.pages[id]?.promise?.durable = true }
    }
  }

  /// The machine died: what was not promised as durable may be gone.
  mutating func powerLost() {
    for name in spaces.keys {
      guard let pages = spaces[name]?.pages else { continue }
      for (id, page) in pages where page.promise?.durable == false {
        spaces[name]?.pages[id]?.promise = nil
      }
    }
  }
}
