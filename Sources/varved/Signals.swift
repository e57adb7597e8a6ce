// SIGTERM and SIGINT drain; a second one ends the process at once. The watchdog's heartbeat beats
// on the same queue, so a queue that hangs is noticed by the service manager.

import Dispatch
import Foundation
import VarveServer

final class Signals: @unchecked Sendable {
  // Sendable is sound: after `start` everything happens on `queue`.
  private let queue = DispatchQueue(label: "varve.signals")
  private let server: Server
  private let notifier: ServiceNotifier
  private var sources: [any DispatchSourceSignal] = []
  private var watchdog: (any DispatchSourceTimer)?
  private var isStopping = false

  init(server: Server, notifier: ServiceNotifier) {
    self.server = server
    self.notifier = notifier
  }

  func start() {
    for number in [SIGTERM, SIGINT] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [self] in stop() }
      source.activate()
      sources.append(source)
    }
  }

  /// Half the interval asked for, as sd_watchdog_enabled(3) advises.
  func startWatchdog() {
    guard let micros = notifier.watchdogMicros else { return }
    queue.async { [self] in
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(
        deadline: .now(), repeating: .microseconds(Int(min(micros / 2, 3_600_000_000))))
      timer.setEventHandler { [self] in
        // Takes the locks that accepting takes: a daemon that hangs in one of them misses its beat.
        server.touchLocks()
        notifier.send("WATCHDOG=1")
      }
      timer.activate()
      watchdog = timer
    }
  }

  private func stop() {
    if isStopping { exit(ExitCode.failure.rawValue) }
    isStopping = true
    notifier.send("STOPPING=1")
    // A thread of its own: the queue must stay free for the second signal and the heartbeat.
    let isStarted = VarveServer.Thread.start("varve-drain") { [server] in
      server.stop()
      exit(ExitCode.stopped.rawValue)
    }
    if !isStarted { exit(ExitCode.failure.rawValue) }
  }
}
