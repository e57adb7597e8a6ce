// `varvectl scrub`: has the daemon read and verify everything it stores.

import ArgumentParser
import VarveClient
import VarveWire

struct ScrubCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "scrub", abstract: "Read every stored page again and verify it, with progress.",
    discussion: """
      The daemon reads past its caches, takes pages out of service that are not what was put (they \
      become misses, never wrong bytes), and names them in its log. It goes on serving meanwhile; \
      --rate bounds what it reads. Ctrl-C ends the scrub. Exit code 5 when something was damaged.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Most bytes read a second (default: the daemon's, 256MiB).", valueName: "size"))
  var rate: ByteSize?

  private struct Answer: Encodable {
    let stage: String
    let result: [String: UInt64]
  }

  func perform(_ console: Console) throws {
    var bar = ProgressBar(console, label: "scrub")
    let last = try global.withClient { client in
      try client.scrub(maxBytesPerSecond: Double(rate?.bytes ?? 0)) { step in
        let bad = (step.result["pages_bad"] ?? 0) + (step.result["headers_bad"] ?? 0)
        bar.update(
          done: step.done, total: step.total, stage: bad == 0 ? "" : "\(bad) BAD",
          estimate: step.etaSeconds > 0 ? step.etaSeconds : nil)
        return true
      }
    }
    bar.finish()
    let result = last?.result ?? [:]
    func number(_ name: String) -> UInt64 { result[name] ?? 0 }
    if global.json {
      try console.print(try Json.text(Answer(stage: last?.stage ?? "", result: result)))
    } else {
      try console.print(
        "scrubbed \(Numbers.grouped(number("pages_checked"))) pages in "
          + "\(Numbers.grouped(number("segments_checked"))) segments, "
          + "\(ByteSize.text(number("bytes_read"))) read: "
          + "\(Numbers.grouped(number("pages_bad"))) bad pages "
          + "(\(Numbers.grouped(number("pages_quarantined"))) taken out of service), "
          + "\(Numbers.grouped(number("headers_bad"))) bad headers")
    }
    guard number("pages_bad") == 0, number("headers_bad") == 0 else {
      throw Failure(
        .corruption, "the store holds damage",
        advice: "the daemon's log names each; pages out of service are misses and are stored anew "
          + "by the next put. Look at the disk (smartctl, the kernel's log)")
    }
  }
}
