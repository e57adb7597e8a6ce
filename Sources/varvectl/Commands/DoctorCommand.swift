// `varvectl doctor`: is the daemon well, and what to do where it is not.

import ArgumentParser
import VarveClient

struct DoctorCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Examine the daemon and say what to do.",
    discussion: """
      Looks at readiness, space, memory, damage, errors and version. With --worker also from the \
      side of an SGLang worker on this host: stores, looks up, reads and verifies 32 pages in a \
      namespace of its own, which is dropped again. Exit code 1 when there is a problem, 4 when \
      there is no daemon to examine.
      """)
  private static let pings = 5

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Also try what a worker on this host would do; needs the right to write.")
  var worker = false

  @Option(help: ArgumentHelp("Size of the pages that --worker tries.", valueName: "size"))
  var pageBytes = ByteSize(bytes: 1 << 20)

  func validate() throws {
    guard pageBytes.bytes >= 1, pageBytes.bytes <= WorkerProbe.pageBytesMax else {
      throw ValidationError(
        "--page-bytes \(pageBytes.bytes) is not within 1 and \(WorkerProbe.pageBytesMax)")
    }
  }

  private struct Answer: Encodable {
    let endpoint: String
    let healthy: Bool
    let findings: [Finding]
  }

  func perform(_ console: Console) throws {
    let endpoint = try global.resolvedEndpoint()
    let findings = try global.withClient { client in
      var nanos: [UInt64] = []
      for _ in 0..<Self.pings { nanos.append(try client.ping()) }
      let median = nanos.sorted()[Self.pings / 2]
      let daemon = Diagnosis(
        stats: try client.stats(), pingMicros: Double(median) / 1000, toolVersion: Tool.version
      ).findings
      guard worker else { return daemon }
      let probe = WorkerProbe(
        pageBytes: Int(pageBytes.bytes), seed: UInt64.random(in: .min ... .max))
      return daemon + WorkerDiagnosis(result: try probe.run(client)).findings
    }
    let problems = findings.count { $0.level == .problem }
    if global.json {
      try console.print(
        try Json.text(
          Answer(endpoint: "\(endpoint)", healthy: problems == 0, findings: findings)))
    } else {
      try console.print("varved at \(endpoint)")
      for finding in findings {
        try console.print("  \(Self.mark(finding.level)) \(finding.what)")
        if !finding.advice.isEmpty { try console.print("       → \(finding.advice)") }
      }
    }
    guard problems == 0 else {
      throw Failure(.error, "\(problems) problem\(problems == 1 ? "" : "s") found")
    }
    if !global.json { try console.print("no problem found") }
  }

  private static func mark(_ level: Finding.Level) -> String {
    switch level {
    case .ok: "ok  "
    case .note: "note"
    case .problem: "BAD "
    }
  }
}
