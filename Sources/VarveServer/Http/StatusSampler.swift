// Fills the status page's history, on a timer of its own.

// Dispatch's sources are not marked Sendable; the sentence at the type says why that is sound.
@unsafe @preconcurrency internal import Dispatch
internal import VarveBase

final class StatusSampler: @unchecked Sendable {
  // Sendable is sound: `timer` is set once, before anyone else has the object, and cancelling it is
  // safe from any thread.
  private let timer: any DispatchSourceTimer

  /// Calls `sample` at once and then every `seconds`, until `stop`.
  init(seconds: Int, _ sample: @escaping @Sendable () -> Void) {
    timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "varve.status"))
    timer.schedule(
      deadline: .now(), repeating: .seconds(seconds), leeway: .milliseconds(seconds * 50))
    timer.setEventHandler(handler: sample)
    timer.activate()
  }

  func stop() { timer.cancel() }
}
