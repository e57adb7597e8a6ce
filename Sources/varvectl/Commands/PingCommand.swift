// `varvectl ping`: is the daemon there, how far away, and which one is it.

import ArgumentParser
import VarveClient
import VarveWire

struct PingCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping", abstract: "Measure the way to the daemon and back.")
  static let countMax = 1_000_000

  @OptionGroup var global: GlobalOptions

  @Option(help: "How many times.")
  var count = 3

  func validate() throws {
    guard count >= 1, count <= Self.countMax else {
      throw ValidationError("--count \(count) is not within 1 and \(Self.countMax)")
    }
  }

  private struct Answer: Encodable {
    let endpoint: String
    let server: String
    let bootId: String
    let version: UInt32
    let count: Int
    let minMicros: Double
    let medianMicros: Double
    let maxMicros: Double
  }

  func perform(_ console: Console) throws {
    let endpoint = try global.resolvedEndpoint()
    let answer = try global.withClient { client in
      var micros: [Double] = []
      for _ in 0..<count { micros.append(Double(try client.ping()) / 1000) }
      micros.sort()
      return Answer(
        endpoint: "\(endpoint)", server: client.server.server, bootId: client.server.bootID,
        version: client.server.version, count: count, minMicros: micros[0],
        medianMicros: micros[micros.count / 2], maxMicros: micros[micros.count - 1])
    }
    if global.json { return try console.print(try Json.text(answer)) }
    try console.print(
      "\(answer.endpoint): \(answer.server), protocol \(answer.version), boot \(answer.bootId)")
    try console.print(
      "\(count) pings: \(Numbers.fixed(answer.minMicros, 0)) µs at least, "
        + "\(Numbers.fixed(answer.medianMicros, 0)) median, "
        + "\(Numbers.fixed(answer.maxMicros, 0)) at most")
  }
}
