// One round of one side: connections that begin together, ask until the time is over, and end with
// their last whole answer. Every side is driven by this, so all are clocked alike.

import Foundation
import VarveBase
import VarveFile

/// What a connection did in a round.
struct Work: Hashable, Sendable {
  var calls = 0
  var bytes = 0
  var pages = 0
  /// Of one call, from asking to the first byte of its answer; nil where that was not clocked.
  var firstByteNanos: UInt64?
}

/// One connection of a round: made on its own thread, before the clock starts.
protocol Load {
  /// Calls that are not counted, before the clock: buffers and memory on the way are touched.
  mutating func warm() throws
  /// One call; nil: there is nothing more to ask for, the round ends early.
  mutating func call() throws -> Work?
}

extension Load {
  mutating func warm() throws {}
}

/// Connections of a round that do the same.
struct Lane: Sendable {
  let connections: Int
  /// Calls a second of all of them together; nil: a closed loop.
  var rate: Double?
  var spacing = OpenSchedule.Spacing.poisson
  let make: @Sendable (_ connection: Int) throws -> any Load
}

enum Round {
  /// What the threads of a lane have done, and how long each call took.
  fileprivate struct Tally {
    var work = Work()
    var nanos: [UInt64] = []
    var firstByteNanos: [UInt64] = []
    var unservedCount = 0
  }

  private struct State {
    var readyCount = 0
    var endedCount = 0
    var began: UInt64?
    var tallies: [Tally]
    var failure: Failure?
  }

  /// Runs `connections` loads for about `seconds`; `pid` is the process that serves them, nil where
  /// none does.
  static func run(
    connections: Int, rate: Double? = nil, seconds: Double, pid: Int32?,
    _ make: @escaping @Sendable (_ connection: Int) throws -> any Load
  ) throws -> Sample {
    try run(
      [Lane(connections: connections, rate: rate, make: make)], seconds: seconds, pid: pid)[0]
  }

  /// Runs all lanes at once. Each sample's processor time is that of the whole round.
  static func run(_ lanes: [Lane], seconds: Double, pid: Int32?) throws -> [Sample] {
    let state = Monitor(State(tallies: lanes.map { _ in Tally() }))
    let length = UInt64(seconds * 1e9)
    for (number, lane) in lanes.enumerated() {
      for connection in 0..<lane.connections {
        _ = NamedThread("bench-\(connection)") {
          var tally = Tally()
          do {
            var load = try lane.make(connection)
            try load.warm()
            state.update { $0.readyCount += 1 }
            if let began = state.wait({ $0.failure == nil ? $0.began : .some(0) }), began > 0 {
              try lane.drive(&load, connection, began, length, &tally)
            }
          } catch {
            state.update { $0.failure = $0.failure ?? error as? Failure ?? Failure("\(error)") }
          }
          state.update {
            $0.tallies[number].add(tally)
            $0.endedCount += 1
          }
        }
      }
    }
    let count = lanes.reduce(0) { $0 + $1.connections }
    _ = state.wait { $0.readyCount == count || $0.failure != nil ? true : nil }
    let pressure = PressureMeter()
    let server = try pid.map(ProcessClock.seconds(of:)) ?? 0
    let client = ProcessClock.ownSeconds()
    let began = SystemClock().monotonicNanos()
    state.update { $0.began = began }
    let (tallies, failure) =
      state.wait { $0.endedCount == count ? ($0.tallies, $0.failure) : nil } ?? ([], nil)
    if let failure { throw failure }
    var whole = Sample()
    whole.seconds = Double(SystemClock().monotonicNanos() - began) / 1e9
    whole.serverCPU = try pid.map(ProcessClock.seconds(of:)).map { $0 - server } ?? 0
    whole.clientCPU = ProcessClock.ownSeconds() - client
    whole.pressure = pressure.end()
    return try tallies.map { tally in
      guard tally.work.calls > 0 else {
        throw Failure("a round ended without a call: give it more seconds")
      }
      var sample = whole
      (sample.calls, sample.bytes) = (tally.work.calls, tally.work.bytes)
      sample.pages = tally.work.pages
      sample.latency = Percentiles(nanos: tally.nanos)
      if !tally.firstByteNanos.isEmpty {
        sample.firstByte = Percentiles(nanos: tally.firstByteNanos)
      }
      sample.unserved = tally.unservedCount
      return sample
    }
  }
}

extension Round.Tally {
  fileprivate mutating func add(_ other: Self) {
    work.calls += other.work.calls
    work.bytes += other.work.bytes
    work.pages += other.work.pages
    nanos += other.nanos
    firstByteNanos += other.firstByteNanos
    unservedCount += other.unservedCount
  }

  fileprivate mutating func add(_ done: Work, nanos: UInt64) {
    work.calls += done.calls
    work.bytes += done.bytes
    work.pages += done.pages
    self.nanos.append(nanos)
    if let first = done.firstByteNanos { firstByteNanos.append(first) }
  }
}

extension Lane {
  /// A call that is late by so many rounds is given up: a server that falls behind would otherwise
  /// be asked for ever.
  private static let lateRoundsMax: UInt64 = 2

  fileprivate func drive(
    _ load: inout any Load, _ connection: Int, _ began: UInt64, _ length: UInt64,
    _ tally: inout Round.Tally
  ) throws {
    let clock = SystemClock()
    tally.nanos.reserveCapacity(1 << 14)
    guard let rate else {
      var now = clock.monotonicNanos()
      while now < began + length, let done = try load.call() {
        let end = clock.monotonicNanos()
        tally.add(done, nanos: end - now)
        now = end
      }
      return
    }
    var schedule = OpenSchedule(
      callsPerSecond: rate / Double(connections), seed: UInt64(connection) + 1, spacing: spacing,
      phase: Double(connection) / Double(connections))
    while true {
      let due = schedule.next()
      guard due < length else { return }
      Pause.until(began + due)
      if clock.monotonicNanos() > began + length * Self.lateRoundsMax {
        tally.unservedCount += 1
        continue
      }
      guard let done = try load.call() else { return }
      tally.add(done, nanos: clock.monotonicNanos() - began - due)
    }
  }
}

/// Waiting for a moment of the monotonic clock.
enum Pause {
  /// Threads wake up to 50 µs late (the kernel's timer slack): the last stretch is not slept.
  private static let awakeNanos: UInt64 = 80_000

  static func until(_ nanos: UInt64) {
    let clock = SystemClock()
    while true {
      let now = clock.monotonicNanos()
      guard now < nanos else { return }
      guard nanos - now > awakeNanos else {
        sched_yield()
        continue
      }
      let pause = nanos - now - awakeNanos
      var time = timespec(
        tv_sec: Int(pause / 1_000_000_000), tv_nsec: Int(pause % 1_000_000_000))
      _ = unsafe nanosleep(&time, nil)
    }
  }
}
