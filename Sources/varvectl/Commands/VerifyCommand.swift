// `varvectl verify`: is all that lies in a data directory as it was written. Offline.

import ArgumentParser
import VarveFile

struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read a data directory at rest and verify every byte.",
    discussion: """
      Checks the manifest, every block of every table, every segment's header, extents and footer, \
      and every page's bytes. Stop the daemon first. Exit code 5 when something is damaged.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "The data directory.")
  var directory: String

  func validate() throws {
    guard !directory.isEmpty else { throw ValidationError("DIRECTORY is empty") }
  }

  func perform(_ console: Console) throws {
    var path = directory
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    var bar = ProgressBar(console, label: "verify")
    var verifier = StoreVerifier(PosixFileSystem(), directory: path) { done, total, stage in
      bar.update(done: done, total: total, stage: stage)
    }
    let report = try verifier.run()
    bar.finish()
    try console.print(global.json ? try Json.text(report) : report.text)
    guard report.corruptions == 0 else {
      throw Failure(
        .corruption, "\(path): \(report.corruptions) corruption(s) found",
        advice: "damaged pages are misses to the daemon, never wrong bytes; keep a copy of the "
          + "directory before starting it if you want to know why")
    }
  }
}
