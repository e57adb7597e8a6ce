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
  private let held: Locked<(pages: UInt64, bytes: UInt64)>
  private let retired = Atomic<Bool>(false)

  init(id: UInt32, name: String, options: NamespaceOptions) {
    self.id = id
    self.name = name
    current = Locked(options)
    held = Locked((0, 0))
  }

  /// Those in force now; a put takes them once, when it begins to be worked.
  var options: NamespaceOptions { current.withLock { $0 } }

  /// After the manifest has them.
  func set(_ options: NamespaceOptions) { current.withLock { $0 = options } }

  /// Acquiring: what was done before the retirement is seen by who sees it.
  var isRetired: Bool { retired.load(ordering: .acquiring) }

  func retire() { retired.store(true, ordering: .releasing) }

  func add(pages: UInt64, bytes: UInt64) {
    held.withLock {
      $0.pages += pages
      $0.bytes += bytes
    }
  }

  func remove(pages: UInt64, bytes: UInt64) {
    held.withLock {
      precondition($0.pages >= pages && $0.bytes >= bytes, "more pages leave than were there")
      $0.pages -= pages
      $0.bytes -= bytes
    }
  }

  var pages: UInt64 { held.withLock { $0.pages } }

  var view: NamespaceView {
    var view = NamespaceView()
    let held = held.withLock { $0 }
    view.name = name
    view.id = id
    view.options = options
    view.pages = held.pages
    view.bytes = held.bytes
    view.lookups = lookups.load(ordering: .relaxed)
    view.pagesAsked = pagesAsked.load(ordering: .relaxed)
    view.pagesHit = pagesHit.load(ordering: .relaxed)
    view.bytesIn = bytesIn.load(ordering: .relaxed)
    view.bytesOut = bytesOut.load(ordering: .relaxed)
    return view
  }
}
