// Aligned buffers and a disk thread for each: the disk works on some while the socket works on one,
// as in the daemon, whose I/O threads are as many.

import VarveBase
import VarveFile

/// Used by one thread; its jobs run on others, begun in the order they were submitted.
final class BufferRing: Sendable {
  typealias Job = @Sendable (AlignedBuffer) -> Bool

  private struct State {
    var jobs: [(buffer: Int, job: Job)] = []
    var isBusy = [Bool](repeating: false, count: BufferRing.count)
    var hasFailed = false
    var isOver = false
  }

  /// As varved's io_threads.
  static let count = 4

  let buffers: [AlignedBuffer]
  private let state = Monitor(State())

  init(byteCount: Int) {
    buffers = (0..<Self.count).map { _ in AlignedBuffer(byteCount: byteCount) }
    let (state, buffers) = (state, buffers)
    for _ in 0..<Self.count {
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

  /// Waits for all jobs.
  func waitForAll() -> Bool { (0..<Self.count).allSatisfy { wait($0) } }

  /// Ends the threads behind the jobs submitted.
  func end() { state.update { $0.isOver = true } }
}

/// A ring made when it is first asked for. For one thread.
final class LazyRing {
  private let byteCount: Int
  private var made: BufferRing?

  init(byteCount: Int) { self.byteCount = byteCount }

  var ring: BufferRing {
    if let made { return made }
    let ring = BufferRing(byteCount: byteCount)
    made = ring
    return ring
  }

  func end() { made?.end() }
}
