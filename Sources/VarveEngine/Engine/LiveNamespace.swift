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
