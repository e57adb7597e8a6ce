// Parses the arguments, performs the command and turns every way to end into one of six exit codes.

import ArgumentParser

/// A command that varvectl performs.
protocol ToolCommand: ParsableCommand {
  /// Throws `Failure`, and a parser's `ValidationError` for arguments that do not fit together.
  func perform(_ console: Console) throws
}

enum CommandLineTool {
  /// Performs what `arguments` (without the program's name) ask for.
  static func run(_ arguments: [String], _ console: Console) -> ExitStatus {
    do {
      var parsed = try VarveCtl.parseAsRoot(arguments)
      if parsed is VarveCtl { return commandMissing(arguments, console) }
      guard let command = parsed as? any ToolCommand else {
        // The parser's own commands, `help` above all: they end by throwing what is to be shown.
        try parsed.run()
        return .success
      }
      do {
        try command.perform(console)
        return .success
      } catch let problem as ValidationError {
        return refuse("\(problem.message)", console)
      }
    } catch let failure as Failure {
      console.note("varvectl: \(failure.sentence)")
      if let advice = failure.advice { console.note("  \(advice)") }
      return failure.status
    } catch {
      return explain(error, console)
    }
  }

  private static func commandMissing(_ arguments: [String], _ console: Console) -> ExitStatus {
    guard arguments.isEmpty else { return refuse("a command is missing", console) }
    console.note(VarveCtl.helpMessage())
    return .usage
  }

  /// What the parser throws: help and version are results, all else is wrong use.
  private static func explain(_ error: any Error, _ console: Console) -> ExitStatus {
    let text = VarveCtl.fullMessage(for: error)
    guard VarveCtl.exitCode(for: error) == .success else {
      console.note(text.replacingPrefix("Error: ", with: "varvectl: "))
      return .usage
    }
    do { try console.print(text) } catch { return error.status }
    return .success
  }

  private static func refuse(_ sentence: String, _ console: Console) -> ExitStatus {
    console.note("varvectl: \(sentence)")
    console.note("  'varvectl help' lists the commands and their options")
    return .usage
  }
}

extension String {
  fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
  }
}
