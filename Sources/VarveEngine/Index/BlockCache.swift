// What of tables is kept in memory, under one byte budget: filters and block indexes of open tables
// first, data blocks in what they leave, the longest unused leaving first.

package import VarveBase

/// An LRU list of indices into an arena behind one lock, taken once a block, not once a page.
///
/// Filters and block indexes never leave while their table is open: a look-up without them would
/// read blocks to learn that it need not. Where they alone pass the budget, no data block is kept.
package final class BlockCache: Sendable {
  private struct Key: Hashable {
    let table: UInt64
    let block: Int32
  }

  private struct Slot {
    var key: Key
    var block: IndexBlock?
    var older: Int32
    var newer: Int32
  }

  private struct State {
    var slotOf: [Key: Int32] = [:]
    var slots: [Slot] = []
    var free: [Int32] = []
    var newest: Int32 = -1
    var oldest: Int32 = -1
    /// Of data blocks.
    var byteCount = 0
    /// Filters and block indexes of open tables.
    var residentBytes = 0
  }

  package let budgetBytes: Int
  private let ledger: MemoryLedger?
  private let state = Locked(State())

  package init(budgetBytes: Int, ledger: MemoryLedger? = nil) {
    precondition(budgetBytes >= 0, "a budget is not negative")
    self.budgetBytes = budgetBytes
    self.ledger = ledger
  }

  deinit { ledger?.release(state.withLock { $0.byteCount }, for: .blockCache) }

  /// Of data blocks.
  package var byteCount: Int { state.withLock { $0.byteCount } }

  /// Of filters and block indexes.
  package var residentBytes: Int { state.withLock { $0.residentBytes } }

  /// A table's filters and block index come: data blocks make room. The ledger is the caller's.
  func hold(resident bytes: Int) {
    state.withLock { state in
      state.residentBytes += bytes
      makeRoom(0, &state)
    }
  }

  func letGo(resident bytes: Int) {
    state.withLock { state in
      precondition(bytes <= state.residentBytes, "more is let go of than was held")
      state.residentBytes -= bytes
    }
  }

  private func makeRoom(_ bytes: Int, _ state: inout State) {
    while state.byteCount + state.residentBytes + bytes > budgetBytes, state.oldest >= 0 {
      evictOldest(&state)
    }
  }

  func find(table: UInt64, block: Int32) -> IndexBlock? {
    state.withLock { state in
      guard let slot = state.slotOf[Key(table: table, block: block)] else { return nil }
      Self.unlink(slot, &state)
      Self.linkNewest(slot, &state)
      return state.slots[Int(slot)].block
    }
  }

  /// Keeps the block if budget and ledger allow it after the oldest have left.
  func insert(_ block: IndexBlock, table: UInt64, block number: Int32) {
    let bytes = block.byteCount
    state.withLock { state in
      guard bytes <= budgetBytes - state.residentBytes else { return }
      let key = Key(table: table, block: number)
      guard state.slotOf[key] == nil else { return }
      makeRoom(bytes, &state)
      if let ledger, !ledger.reserve(bytes, for: .blockCache) { return }
      state.byteCount += bytes
      let slot = Slot(key: key, block: block, older: -1, newer: -1)
      let index: Int32
      if let reused = state.free.popLast() {
        index = reused
        state.slots[Int(index)] = slot
      } else {
        index = Int32(state.slots.count)
        state.slots.append(slot)
      }
      state.slotOf[key] = index
      Self.linkNewest(index, &state)
    }
  }

  /// Lets go of everything of a table that is no longer in force.
  func remove(table: UInt64) {
    state.withLock { state in
      for (key, slot) in state.slotOf where key.table == table { drop(slot, &state) }
    }
  }

  private func evictOldest(_ state: inout State) { drop(state.oldest, &state) }

  private func drop(_ slot: Int32, _ state: inout State) {
    guard let block = state.slots[Int(slot)].block else { return }
    Self.unlink(slot, &state)
    state.slotOf[state.slots[Int(slot)].key] = nil
    state.slots[Int(slot)].block = nil
    state.free.append(slot)
    state.byteCount -= block.byteCount
    ledger?.release(block.byteCount, for: .blockCache)
  }

  private static func unlink(_ slot: Int32, _ state: inout State) {
    let older = state.slots[Int(slot)].older
    let newer = state.slots[Int(slot)].newer
    if older >= 0 { state.slots[Int(older)].newer = newer } else { state.oldest = newer }
    if newer >= 0 { state.slots[Int(newer)].older = older } else { state.newest = older }
  }

  private static func linkNewest(_ slot: Int32, _ state: inout State) {
    state.slots[Int(slot)].older = state.newest
    state.slots[Int(slot)].newer = -1
    if state.newest >= 0 { state.slots[Int(state.newest)].newer = slot }
    state.newest = slot
    if state.oldest < 0 { state.oldest = slot }
  }

  /// The list, the table and the byte count agree.
  package func checkInvariants() {
    state.withLock { state in
      var bytes = 0
      var count = 0
      var at = state.oldest
      while at >= 0 {
        let slot = state.slots[Int(at)]
        precondition(state.slotOf[slot.key] == at, "a slot under another key")
        bytes += slot.block?.byteCount ?? 0
        count += 1
        at = slot.newer
      }
      precondition(count == state.slotOf.count, "\(count) listed, \(state.slotOf.count) keyed")
      precondition(bytes == state.byteCount, "\(bytes) bytes held, \(state.byteCount) counted")
      precondition(
        bytes <= max(0, budgetBytes - state.residentBytes),
        "\(bytes) bytes of blocks and \(state.residentBytes) beside them over \(budgetBytes)")
    }
  }
}
