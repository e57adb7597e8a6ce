// `varvectl flush` and `varvectl compact`: work that the daemon would do by itself, now.

import ArgumentParser
import VarveClient
import VarveWire

struct FlushCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "flush", abstract: "Return when all that was acknowledged is on the disk.")

  @OptionGroup var global: GlobalOptions

  private struct Answer: Encodable { let flushed = true }

  func perform(_ console: Console) throws {
    try global.withClient { try $0.flush() }
    try console.print(global.json ? try Json.text(Answer()) : "flushed")
  }
}

struct CompactCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact", abstract: "Merge the tables of the index, with progress.")

  @OptionGroup var global: GlobalOptions

  @Option(help: ArgumentHelp("Only this namespace.", valueName: "name"))
  var namespace = ""

  @Flag(help: "Leave the value log alone.")
  var indexOnly = false

  private struct Answer: Encodable {
    let stage: String
    let done: UInt64
    let total: UInt64
    let result: [String: UInt64]
  }

  func perform(_ console: Console) throws {
    var bar = ProgressBar(console, label: "compact")
    let last = try global.withClient { client in
      try client.compact(namespace: namespace, indexOnly: indexOnly) { step in
        bar.update(
          done: step.done, total: step.total, stage: step.stage,
          estimate: step.etaSeconds > 0 ? step.etaSeconds : nil)
        return true
      }
    }
    bar.finish()
    if global.json {
      return try console.print(
        try Json.text(
          Answer(
            stage: last?.stage ?? "", done: last?.done ?? 0, total: last?.total ?? 0,
            result: last?.result ?? [:])))
    }
    try console.print("compacted")
    for (name, value) in (last?.result ?? [:]).sorted(by: { $0.key < $1.key }) {
      try console.print("  \(name): \(Numbers.grouped(value))")
    }
  }
}
