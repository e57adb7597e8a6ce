// A namespace in memory: its options and its running numbers.

internal import Synchronization
internal import VarveBase

/// One live namespace. Clear and Drop retire it; its internal id is never used again.
final class LiveNamespace: Sendable {
  let id: UInt32
  let name: String
  private let current: Locked<NamespaceOptions>

  // Relaxed throughout: numbers for display, nothing is published through them.
  let lookups = Atomic<UInt64>(0)
  let pagesAsked = Atomic<UInt64>(0)
  let pagesHit = Atomic<UInt64>(0)
  let bytesIn = Atomic<UInt64>(0)
  let bytesOut = Atomic<UInt64>(0)
  private let held = Locked(HeldPages())
  private let retired = Atomic<Bool>(false)
  /// Length of every page that ever came here: 0 none yet, `.max` several.
  private let lengths = Atomic<UInt64>(0)
  private let expiring = Atomic<Bool>(false)

  init(id: UInt32, name: String, options: NamespaceOptions) {
    self.id = id
    self.name = name
    current = Locked(options)
  }

  /// Those in force now; a put takes them once, when it begins to be worked.
  var options: NamespaceOptions { current.withLock { $0 } }

  /// After the manifest has them.
  func set(_ options: NamespaceOptions) { current.withLock { $0 = options } }

  /// Acquiring: what was done before the retirement is seen by who sees it.
  var isRetired: Bool { retired.load(ordering: .acquiring) }

  /// A page comes to live here. Before the fingerprint table knows it, so that whoever finds it
  /// there finds this as well; releasing, for the same.
  func note(rawBytes: UInt32, expires: Bool) {
    if expires { expiring.store(true, ordering: .releasing) }
    let length = UInt64(rawBytes)
    if lengths.load(ordering: .relaxed) == length { return }
    let (isFirst, other) = lengths.compareExchange(
      expected: 0, desired: length, ordering: .acquiringAndReleasing)
    if !isFirst, other != length { lengths.store(.max, ordering: .releasing) }
  }

  /// Some page that ever came here had a time to live: only the index knows whether it is over.
  var pagesExpire: Bool { expiring.load(ordering: .acquiring) }

  /// The length of all pages that ever came here; nil when there are several.
  var pageBytesOfAll: UInt32? { UInt32(exactly: lengths.load(ordering: .acquiring)) }

  func retire() { retired.store(true, ordering: .releasing) }

  func change(_ body: (inout HeldPages) -> Void) {
    held.withLock {
      body(&$0)
      precondition($0.lasting.pages >= 0, "more pages leave than were there")
    }
  }

  /// Pages that have not expired.
  func live(at seconds: UInt64) -> PageCounts {
    held.withLock {
      $0.forgetExpired(at: seconds)
      return $0.total
    }
  }

  func view(at seconds: UInt64) -> NamespaceView {
    var view = NamespaceView()
    let held = live(at: seconds)
    view.name = name
    view.id = id
    view.options = options
    view.pages = UInt64(clamping: held.pages)
    view.bytes = UInt64(clamping: held.bytes)
    view.lookups = lookups.load(ordering: .relaxed)
    view.pagesAsked = pagesAsked.load(ordering: .relaxed)
    view.pagesHit = pagesHit.load(ordering: .relaxed)
    view.bytesIn = bytesIn.load(ordering: .relaxed)
    view.bytesOut = bytesOut.load(ordering: .relaxed)
    return view
  }
}
