// One line of many: start-time fair queueing (Goyal, Vin and Cheng 1996). Each claimant's entries
// keep their order; between claimants cost is shared by weight, however many entries each has.

/// Entries that wait, taken in fair order.
struct FairQueue<Element> {
  private struct Entry {
    let element: Element
    let claimant: Claimant
    /// Virtual time at which it is due.
    let start: UInt64
    /// Breaks ties: who came first.
    let order: UInt64
  }

  /// The entries of one claimant; a head instead of a shift for each one taken.
  private struct Line {
    var entries: [Entry?] = []
    var head = 0
    /// Virtual time at which the last one that came will have been served.
    var finish: UInt64 = 0

    var count: Int { entries.count - head }
    var first: Entry? { head < entries.count ? entries[head] : nil }

    mutating func append(
      _ element: Element, of claimant: Claimant, notBefore now: UInt64, order: UInt64,
      lasting served: UInt64
    ) {
      let start = max(now, finish)
      finish = start + served
      entries.append(Entry(element: element, claimant: claimant, start: start, order: order))
    }

    mutating func removeFirst() {
      entries[head] = nil
      head += 1
      guard head == entries.count || head >= 1024 else { return }
      entries.removeFirst(head)
      head = 0
    }
  }

  private var lines: [UInt32: Line] = [:]
  private var now: UInt64 = 0
  private var arrivals: UInt64 = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  func count(of claimant: Claimant) -> Int { lines[claimant.namespace]?.count ?? 0 }

  /// - Parameter cost: of serving it, in any unit that all entries share, below 2^40.
  mutating func append(_ element: Element, of claimant: Claimant, cost: Int) {
    // Enough digits for every weight; up, so that a share is never passed.
    let weight = UInt64(claimant.weight)
    let served = (UInt64(max(1, cost)) * 1024 + weight - 1) / weight
    lines[claimant.namespace, default: Line()].append(
      element, of: claimant, notBefore: now, order: arrivals, lasting: served)
    arrivals += 1
    count += 1
  }

  /// The entry that is due first; of those whose claimant `mayGo`, as far as its first entry says.
  mutating func popFirst(_ mayGo: (Claimant, Element) -> Bool = { _, _ in true }) -> Element? {
    var due: Entry?
    for line in lines.values {
      guard let first = line.first, mayGo(first.claimant, first.element) else { continue }
      if due.map({ (first.start, first.order) < ($0.start, $0.order) }) ?? true { due = first }
    }
    guard let due else { return nil }
    lines[due.claimant.namespace]?.removeFirst()
    count -= 1
    now = max(now, due.start)
    if count == 0 {
      // Nobody waited: nobody is behind.
      lines.removeAll(keepingCapacity: true)
      now = 0
    } else if let line = lines[due.claimant.namespace], line.count == 0, line.finish <= now {
      lines[due.claimant.namespace] = nil
    }
    return due.element
  }
}
