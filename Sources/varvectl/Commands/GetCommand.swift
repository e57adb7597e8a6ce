// `varvectl get`: reads pages, verified, to a file or standard output.

import ArgumentParser
import Foundation
import VarveBase
import VarveClient
import VarveWire

struct GetCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Read pages; every byte is verified before it is written.",
    discussion: """
      The pages are written one after another, until the first that is not stored; then the exit \
      code is 3.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var pages: PageSelection

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("Where to write; - is standard output.", valueName: "path"))
  var output = "-"

  func validate() throws {
    guard !global.json || output != "-" else {
      throw ValidationError("--json wants --output FILE: standard output has room for one of both")
    }
  }

  private struct Answer: Encodable {
    let namespace: String
    let pages: Int
    let gotPages: Int
    let gotBytes: Int
    let output: String
  }

  func perform(_ console: Console) throws {
    let ids = try pages.pageIDs()
    let sink = try output == "-" ? nil : FileSink(path: output)
    var gotPages = 0
    var gotBytes = 0
    var trouble: (any Error)?
    var lost = false
    do {
      try global.withClient { client in
        let request = GetRequest(
          namespaceID: try pages.openExisting(client), chain: Chain(pageIDs: ids))
        try client.get(request) { page, status, bytes in
          guard status == .present else {
            lost = lost || status == .dataLoss
            return false
          }
          do {
            let copy = bytes.copy(0, count: bytes.byteCount)
            if let sink { try sink.write(copy) } else { try console.write(copy) }
          } catch {
            trouble = error
            return false
          }
          gotPages += 1
          gotBytes += bytes.byteCount
          return true
        }
      }
      if let trouble { throw trouble }
      if gotPages > 0 { try sink?.keep() } else { sink?.discard() }
    } catch {
      sink?.discard()
      throw error
    }
    if global.json {
      try console.print(
        try Json.text(
          Answer(
            namespace: pages.namespace, pages: ids.count, gotPages: gotPages, gotBytes: gotBytes,
            output: output)))
    }
    guard gotPages == ids.count else {
      let sentence =
        "got \(gotPages) of \(ids.count) pages: \(ids[gotPages].hex) "
        + (lost ? "cannot be read from the daemon's disk" : "is not stored in \(pages.namespace)")
      throw Failure(lost ? .corruption : .notFound, sentence)
    }
  }
}

/// A file that appears under its name only when it is whole.
private final class FileSink {
  private let path: String
  private let partPath: String
  private let file: FileHandle

  init(path: String) throws(Failure) {
    self.path = path
    partPath = path + ".part"
    let made = FileManager.default.createFile(
      atPath: partPath, contents: nil, attributes: [.posixPermissions: 0o600])
    guard made, let file = FileHandle(forWritingAtPath: partPath) else {
      throw Failure(.error, "\(partPath) cannot be made")
    }
    self.file = file
  }

  func write(_ bytes: [UInt8]) throws(Failure) {
    do {
      try file.write(contentsOf: Data(bytes))
    } catch {
      throw Failure(.error, "\(partPath) cannot be written: \(error.localizedDescription)")
    }
  }

  func keep() throws(Failure) {
    try? file.close()
    guard unsafe rename(partPath, path) == 0 else {
      throw Failure(
        .error, "\(path) cannot be made: \(unsafe String(cString: strerror(errno)))")
    }
  }

  func discard() {
    try? file.close()
    try? FileManager.default.removeItem(atPath: partPath)
  }
}
