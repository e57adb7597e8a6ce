// `varvectl dump`: one file of a data directory as text. Offline, takes no lock.

import ArgumentParser
import VarveEngine
import VarveFile

struct DumpCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Print a segment, table, manifest, CURRENT or NAMESPACES as text.",
    discussion: """
      A line for each thing in the file, in its order. What the file is, its name says. Exit code \
      5 when something in it is damaged, with a line that begins with 'damaged'.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "The file.")
  var file: String

  func validate() throws {
    guard !file.isEmpty else { throw ValidationError("FILE is empty") }
  }

  func perform(_ console: Console) throws {
    let files = PosixFileSystem()
    guard (try? files.exists(file)) == true else {
      throw Failure(.notFound, "\(file): no such file")
    }
    var lines: [String] = []
    var dump = FileDump(files, path: file) { lines.append($0) }
    guard dump.run() else {
      throw Failure(
        .usage, "\(file) is named like no file of a data directory",
        advice: "CURRENT, NAMESPACES, MANIFEST-…, ….sst and ….vlog can be dumped")
    }
    try console.print(lines.joined(separator: "\n"))
    guard dump.damages == 0 else {
      throw Failure(.corruption, "\(file): \(dump.damages) place(s) are damaged")
    }
  }
}
