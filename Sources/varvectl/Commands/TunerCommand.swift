// `varvectl tuner`: the settings that the daemon may move by itself.

import ArgumentParser
import VarveClient
import VarveWire

struct TunerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tuner", abstract: "Show and steer what the daemon tunes by itself.",
    discussion: "Modes: auto moves knobs, observe only says what it would move, manual neither.",
    subcommands: [Status.self, History.self, Auto.self, Observe.self, Manual.self],
    defaultSubcommand: Status.self)

  @OptionGroup var global: GlobalOptions

  struct Status: ToolCommand {
    static let configuration = CommandConfiguration(abstract: "Show the mode and every knob.")
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) throws {
      let status = try global.withClient { try $0.tunerStatus() }
      try TunerReport(status).print(console, json: global.json)
    }
  }

  struct History: ToolCommand {
    static let configuration = CommandConfiguration(abstract: "List the last decisions.")
    @OptionGroup var global: GlobalOptions
    @Option(help: "How many at most; 0: all that are remembered.") var last: UInt32 = 20

    func perform(_ console: Console) throws {
      let decisions = try global.withClient { try $0.tunerHistory(last: last) }
        .map(TunerDecisionReport.init)
      if global.json { return try console.print(try Json.text(decisions)) }
      guard !decisions.isEmpty else { return try console.print("no decisions yet") }
      try console.write(Array(TunerDecisionReport.table(decisions).utf8))
    }
  }

  struct Auto: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let the tuner move knobs: all, or those named.")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "Knobs to give back to the tuner.") var knobs: [String] = []

    func perform(_ console: Console) throws {
      let request = SetTunerRequest(mode: knobs.isEmpty ? "auto" : "", automatic: knobs)
      try TunerReport(try global.withClient { try $0.setTuner(request) })
        .print(console, json: global.json)
    }
  }

  struct Observe: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let the tuner say what it would do, and do nothing.")
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) throws {
      let request = SetTunerRequest(mode: "observe")
      try TunerReport(try global.withClient { try $0.setTuner(request) })
        .print(console, json: global.json)
    }
  }

  struct Manual: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Hold knobs by hand; without any, hold all where they stand.")
    @OptionGroup var global: GlobalOptions
    @Argument(help: ArgumentHelp("Values to hold.", valueName: "knob=value"))
    var settings: [String] = []

    func validate() throws { _ = try values() }

    private func values() throws -> [String: Double] {
      var values: [String: Double] = [:]
      for setting in settings {
        let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let value = Double(parts[1]), value.isFinite
        else { throw ValidationError("\"\(setting)\" is not KNOB=VALUE with a number") }
        guard values.updateValue(value, forKey: String(parts[0])) == nil else {
          throw ValidationError("\(parts[0]) is set twice")
        }
      }
      return values
    }

    func perform(_ console: Console) throws {
      let values = try values()
      let request = SetTunerRequest(mode: values.isEmpty ? "manual" : "", manual: values)
      try TunerReport(try global.withClient { try $0.setTuner(request) })
        .print(console, json: global.json)
    }
  }
}
