// `varvectl capacity` and `varvectl drain`: what changes the daemon as a whole.

import ArgumentParser
import VarveClient
import VarveWire

struct CapacityCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "capacity", abstract: "Change how much disk the daemon may take, while it runs.",
    discussion: """
      Lowered, the oldest pages go until the store fits; the command waits for that. The change \
      holds until the daemon ends: set 'capacity' in its configuration as well to keep it. \
      Without SIZE the capacity in force is shown.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "Bytes, or a whole number with KiB, MiB, GiB or TiB.")
  var size: ByteSize?

  private struct Answer: Encodable {
    let capacityBytes: UInt64
    let diskBytes: UInt64
  }

  func perform(_ console: Console) throws {
    let answer = try global.withClient { client in
      guard let size else {
        let stats = try client.stats()
        return Answer(capacityBytes: stats.capacityBytes, diskBytes: stats.diskBytes)
      }
      let now = try client.setCapacity(UInt64(size.bytes))
      return Answer(capacityBytes: now.capacityBytes, diskBytes: now.diskBytes)
    }
    try console.print(
      global.json
        ? try Json.text(answer)
        : "capacity \(ByteSize.text(answer.capacityBytes)), "
          + "\(ByteSize.text(answer.diskBytes)) in use")
    if answer.diskBytes > answer.capacityBytes {
      console.note(
        "varvectl: the store is still over its capacity: readers hold on to files that are gone")
    }
  }
}

struct DrainCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Take the daemon out of service, before it is stopped.",
    discussion: """
      From here on /readyz fails, new connections and calls are answered UNAVAILABLE, and calls \
      begun are waited for. The process stays: stop it with its service manager or SIGTERM. Only a \
      restart brings it back. Exit code 1 when calls were still under way at the end of --wait.
      """)
  static let waitSecondsMax: UInt32 = 86_400

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "How long calls are waited for (default: the daemon's drain_seconds).",
      valueName: "seconds"))
  var wait: UInt32?

  private struct Answer: Encodable {
    let drained: Bool
    let inFlight: UInt64
  }

  func validate() throws {
    guard let wait else { return }
    guard (1...Self.waitSecondsMax).contains(wait) else {
      throw ValidationError("--wait \(wait) is not within 1 and \(Self.waitSecondsMax) seconds")
    }
  }

  func perform(_ console: Console) throws {
    // The answer comes at the end of the wait: silence until then is no trouble.
    var patient = global
    patient.timeout = max(global.timeout, Double(wait ?? 3600) + 10)
    let response = try patient.withClient { try $0.drain(timeoutSeconds: wait ?? 0) }
    let answer = Answer(drained: response.drained, inFlight: response.inFlight)
    try console.print(
      global.json
        ? try Json.text(answer)
        : answer.drained
          ? "drained: nothing is under way, the daemon can be stopped"
          : "draining: \(answer.inFlight) calls are still under way")
    guard answer.drained else {
      throw Failure(
        .error, "\(answer.inFlight) calls did not end in time",
        advice: "stopping the daemon waits drain_seconds more and then cuts them off")
    }
  }
}
