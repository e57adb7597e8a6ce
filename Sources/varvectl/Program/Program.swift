// Where the process begins: arguments in, exit code out. All else can be called by tests.

import Foundation

@main
enum Program {
  static func main() {
    // A reader that goes away (`varvectl get … | head`) is told by errno, not by a signal.
    signal(SIGPIPE, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    exit(CommandLineTool.run(arguments, Console.standard).rawValue)
  }
}
