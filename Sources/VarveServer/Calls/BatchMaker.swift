// Making the next batch of a get, whichever protocol asked for it: at once where all its pages lie
// in memory, else when there is room for them and a thread that may wait for the disk.

internal import VarveBase
internal import VarveEngine

/// The way from a get to its batches. Asked for one at a time.
struct BatchMaker: Sendable {
  enum Outcome {
    /// Nil: the answer is over.
    case made(GetBatch?)
    /// The call ends with this.
    case failed(Refusal)
    /// Nothing was begun: too many wait already. With bytes still to be sent it is tried again
    /// after them.
    case notNow(Refusal)
    /// Nobody wanted it any more.
    case abandoned
  }

  let session: GetSession
  let context: RequestContext?
  let clock: any Clock

  /// What a batch that cannot be made at once waits for.
  enum WaitNeeded: Error { case thread, room }

  /// The outcome if nobody has to wait for it; else what it waits for, and nothing is begun.
  func now() -> Result<Outcome, WaitNeeded> {
    do throws(EngineError) {
      switch try session.nextIfHot(bytesMax: Limits.getBatchBytes) {
      case .made(let batch): return .success(.made(batch))
      case .cold: return .failure(.thread)
      case .noRoom: return .failure(.room)
      }
    } catch {
      return .success(.failed(Refusal(error)))
    }
  }

  /// Has the batch made on a thread of the engine's pool, which `later` gets the outcome on; else
  /// gives the outcome.
  func wait(
    for needed: WaitNeeded, while isWanted: @escaping @Sendable () -> Bool,
    later: @escaping @Sendable (Outcome) -> Void
  ) -> Outcome? {
    let since = clock.monotonicNanos()
    do throws(EngineError) {
      switch needed {
      case .thread:
        try session.whenThread(bytesMax: readBytesMax) {
          read(nil, since: since, isWanted, later)
        }
      case .room:
        try session.whenRoom(bytesMax: readBytesMax) { promise in
          read(promise, since: since, isWanted, later)
        }
      }
      return nil
    } catch {
      return .notNow(Refusal(error))
    }
  }

  private var readBytesMax: Int {
    min(Limits.getBatchBytes, max(Limits.getFirstReadBytes, session.bytesGiven))
  }

  private func read(
    _ promise: RoomPromise?, since: UInt64, _ isWanted: @escaping @Sendable () -> Bool,
    _ later: @escaping @Sendable (Outcome) -> Void
  ) {
    context?.add(since: since, to: .queue)
    guard isWanted() else { return later(.abandoned) }
    do throws(EngineError) {
      let pages = try measured(.disk, of: context) { () throws(EngineError) in
        try session.read(bytesMax: readBytesMax, promise)
      }
      if case .made(let batch) = pages { return later(.made(batch)) }
    } catch {
      return later(.failed(Refusal(error)))
    }
    if let outcome = wait(for: .room, while: isWanted, later: later) { later(outcome) }
  }
}
