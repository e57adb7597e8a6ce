// Pages that some put is writing right now. A second put of such a page sends nothing and shares
// the first one's outcome, so that no page is ever stored twice by a race.

internal import VarveBase

/// The table of pages being put, by name.
final class InFlightPuts: Sendable {
  /// Called once with the first put's outcome and the length it announced.
  typealias Waiter = @Sendable (PageOutcome, UInt32) -> Void

  private struct Entry {
    let rawBytes: UInt32
    var waiters: [Waiter] = []
  }

  private let entries: Locked<[PageName: Entry]>

  init() { entries = Locked([:]) }

  /// Claims `name` for the caller, who must `resolve` it; false when another put holds it.
  func claim(_ name: PageName, rawBytes: UInt32) -> Bool {
    entries.withLock {
      guard $0[name] == nil else { return false }
      $0[name] = Entry(rawBytes: rawBytes)
      return true
    }
  }

  /// Asks to be told when the put that holds `name` ends; false when none holds it any more.
  func wait(for name: PageName, _ waiter: @escaping Waiter) -> Bool {
    entries.withLock {
      guard $0[name] != nil else { return false }
      $0[name]?.waiters.append(waiter)
      return true
    }
  }

  /// Ends the claim and tells everyone who waits. Waiters run on the caller's thread, unlocked.
  func resolve(_ name: PageName, _ outcome: PageOutcome) {
    let entry = entries.withLock { $0.removeValue(forKey: name) }
    guard let entry else { preconditionFailure("a page was resolved that nobody claimed") }
    for waiter in entry.waiters { waiter(outcome, entry.rawBytes) }
  }

  var count: Int { entries.withLock { $0.count } }
}
