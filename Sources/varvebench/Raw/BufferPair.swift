// Two aligned buffers and a thread that works on one while the socket works on the other: disk and
// socket overlap, as they do in the daemon.

import VarveBase
import VarveFile

/// Used by one thread; its jobs run on another, one after the other.
final class BufferPair: Sendable {
  typealias Job = @Sendable (AlignedBuffer) -> Bool

  private struct State {
    var jobs: [(buffer: Int, job: Job)] = []
    var isBusy = [false, false]
    var hasFailed = false
    var isOver = false
  }

  let buffers: [AlignedBuffer]
  private let state = Monitor(State())

  init(byteCount: Int) {
    buffers = [AlignedBuffer(byteCount: byteCount), AlignedBuffer(byteCount: byteCount)]
    let (state, buffers) = (state, buffers)
    _ = NamedThread("raw-disk") {
      while let next = Self.next(state) {
        let isGood = next.job(buffers[next.buffer])
        state.update {
          $0.isBusy[next.buffer] = false
          if !isGood { $0.hasFailed = true }
        }
      }
    }
  }

  private static func next(_ state: Monitor<State>) -> (buffer: Int, job: Job)? {
    state.wait { state -> (buffer: Int, job: Job)?? in
      if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
      return state.isOver ? .some(nil) : nil
    } ?? nil
  }

  /// The buffer belongs to the job until `wait` returned.
  func submit(_ buffer: Int, _ job: @escaping Job) {
    state.update {
      precondition(!$0.isBusy[buffer], "buffer \(buffer) is in use")
      $0.isBusy[buffer] = true
      $0.jobs.append((buffer, job))
    }
  }

  /// Waits for the buffer's job; false when any job has failed.
  func wait(_ buffer: Int) -> Bool {
    state.wait { $0.isBusy[buffer] ? nil : !$0.hasFailed } ?? false
  }

  /// Ends the thread behind the jobs submitted.
  func end() { state.update { $0.isOver = true } }
}
