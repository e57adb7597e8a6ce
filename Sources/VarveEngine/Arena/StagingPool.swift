// The staging buffers of all uploads: size classes, touched once, used again. Bounded by its own
// limit and by the memory ledger; full means "try again" to the client, never growth.

package import VarveBase

/// Gives and takes back `ExtentBuffer`s, shared fairly between namespaces.
package final class StagingPool: Sendable {
  private struct State {
    var free: [Int: [ExtentBuffer]] = [:]
    /// Bytes of all buffers, lent and free.
    var heldBytes = 0
    var lentCount = 0
    /// Bytes of buffers lent, in all and by namespace.
    var lentBytes = 0
    var lentTo: [UInt32: Int] = [:]

    mutating func lend(_ bytes: Int, to claimant: Claimant) {
      lentCount += 1
      lentBytes += bytes
      lentTo[claimant.namespace, default: 0] += bytes
    }

    mutating func takeBack(_ bytes: Int, from claimant: Claimant) {
      precondition(lentCount > 0, "more buffers came back than went out")
      lentCount -= 1
      lentBytes -= bytes
      let left = (lentTo[claimant.namespace] ?? 0) - bytes
      precondition(left >= 0, "more bytes came back from \(claimant) than it had")
      lentTo[claimant.namespace] = left == 0 ? nil : left
    }
  }

  private let ledger: MemoryLedger
  private let byteCountMax: Int
  private let state = Locked(State())

  /// - Parameter byteCountMax: bytes of all its buffers together.
  package init(ledger: MemoryLedger, byteCountMax: Int) {
    precondition(byteCountMax > 0, "a pool has room")
    self.ledger = ledger
    self.byteCountMax = byteCountMax
  }

  deinit { state.withLock { ledger.release($0.heldBytes, for: .staging) } }

  /// The class that holds `payloadBytes`: a power of two of 64 KiB … 16 MiB; beyond, its own size.
  static func classBytes(_ payloadBytes: Int) -> Int {
    if payloadBytes > Limits.extentPayloadBytesMax { return SegmentFormat.padded(payloadBytes) }
    var size = Limits.stagingClassBytesMin
    while size < payloadBytes { size *= 2 }
    return size
  }

  /// A buffer for at least `payloadBytes`; nil when the budget is used up by buffers now in use, or
  /// the claimant's share of it by its own.
  ///
  /// - Parameter isLuxury: nil as well when less than a quarter of the budget would be left.
  package func take(
    payloadBytes: Int, for claimant: Claimant = .engine, isLuxury: Bool = false
  ) -> ExtentBuffer? {
    precondition(payloadBytes > 0, "an extent has payload")
    let size = Self.classBytes(payloadBytes)
    let needed = ExtentBuffer.reservedBytes(payloadBytesMax: size)
    let reserved = state.withLock { state -> ExtentBuffer?? in
      let free = byteCountMax - state.lentBytes
      if isLuxury, free - needed < byteCountMax / 4 { return nil }
      let held = state.lentTo[claimant.namespace] ?? 0
      guard FairShare.admits(claimant, held: held, adding: needed, free: free) else { return nil }
      if let buffer = state.free[size]?.popLast() {
        state.lend(needed, to: claimant)
        return .some(buffer)
      }
      guard makeRoom(needed, &state) else { return nil }
      state.heldBytes += needed
      state.lend(needed, to: claimant)
      return .some(nil)
    }
    guard let reserved else { return nil }
    // Made outside the lock: touching 16 MiB for the first time takes milliseconds.
    return reserved ?? ExtentBuffer(payloadBytesMax: size)
  }

  /// Takes a buffer back. Ones beyond the largest class are not kept.
  package func give(_ buffer: ExtentBuffer, from claimant: Claimant = .engine) {
    state.withLock { state in
      state.takeBack(buffer.reservedBytes, from: claimant)
      if buffer.payloadBytesMax > Limits.extentPayloadBytesMax {
        drop(buffer, &state)
      } else {
        state.free[buffer.payloadBytesMax, default: []].append(buffer)
      }
    }
  }

  package var heldBytes: Int { state.withLock { $0.heldBytes } }
  package var lentCount: Int { state.withLock { $0.lentCount } }

  /// Reserves `bytes`, freeing idle buffers of other classes where that helps, largest first.
  private func makeRoom(_ bytes: Int, _ state: inout State) -> Bool {
    while true {
      if state.heldBytes + bytes <= byteCountMax, ledger.reserve(bytes, for: .staging) {
        return true
      }
      guard let largest = state.free.filter({ !$0.value.isEmpty }).keys.max(),
        let idle = state.free[largest]?.popLast()
      else { return false }
      drop(idle, &state)
    }
  }

  private func drop(_ buffer: ExtentBuffer, _ state: inout State) {
    state.heldBytes -= buffer.reservedBytes
    ledger.release(buffer.reservedBytes, for: .staging)
  }
}
