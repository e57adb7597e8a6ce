// The disk of crash tests: in memory, with a look before every call that changes it, and a way to
// stop the world there.

internal import VarveBase

/// Files in memory that a test watches, stops and crashes.
///
/// `files` is what the program under test is given. Before each call that changes the disk, `watch`
/// is told; it may take a clone right there. Once stopped, every further change fails and does
/// nothing, as if the machine had gone.
package final class CrashableFileSystem: Sendable {
  /// Told before the call happens, with no lock held.
  package typealias Watch = @Sendable (CrashableFileSystem, FileCall) -> Void

  private final class Recorder: FileJudge {
    struct State {
      var counts: [FileCall.Kind: Int] = [:]
      var changes = 0
      var stopsAt: Int?
      var watch: (@Sendable (FileCall) -> Void)?
    }

    let state = Locked(State())

    func judge(_ call: FileCall) -> FaultEffect {
      guard call.kind.changesDisk else { return .pass }
      let (stopped, watch) = state.withLock { state in
        let stopped = state.stopsAt.map { state.changes >= $0 } ?? false
        if !stopped {
          state.counts[call.kind, default: 0] += 1
          state.changes += 1
        }
        return (stopped, state.watch)
      }
      if stopped { return .fail(Errno.inputOutput) }
      watch?(call)
      return .pass
    }
  }

  package let disk: MemoryFileSystem
  package let files: FaultyFileSystem
  private let recorder = Recorder()

  /// - Parameter disk: what is there already.
  package init(_ disk: MemoryFileSystem = MemoryFileSystem()) {
    self.disk = disk
    files = FaultyFileSystem(disk, judge: recorder)
  }

  /// Calls `watch` before every change from here on; nil: no more.
  package func watch(_ watch: Watch?) {
    guard let watch else { return recorder.state.withLock { $0.watch = nil } }
    let told: @Sendable (FileCall) -> Void = { [weak self] call in
      if let self { watch(self, call) }
    }
    recorder.state.withLock { $0.watch = told }
  }

  /// Changes so far, by kind of call; none after the world stopped.
  package var counts: [FileCall.Kind: Int] { recorder.state.withLock { $0.counts } }

  package var changeCount: Int { recorder.state.withLock { $0.changes } }

  /// Change number `count` (from 0) and all behind it fail and do nothing.
  package func stop(atChange count: Int) { recorder.state.withLock { $0.stopsAt = count } }

  package var isStopped: Bool {
    recorder.state.withLock { state in state.stopsAt.map { state.changes >= $0 } ?? false }
  }

  package func crashClone(_ survival: CrashSurvival) -> CrashableFileSystem {
    CrashableFileSystem(disk.crashClone(survival))
  }
}
