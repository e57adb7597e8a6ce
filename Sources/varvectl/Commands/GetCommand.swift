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

  /// What came: the leading pages, and whether the one after them is damaged rather than missing.
  private struct Outcome {
    var pages = 0
    var bytes = 0
    var isLost = false
  }

  func perform(_ console: Console) throws {
    let ids = try pages.pageIDs()
    let sink = try output == "-" ? nil : FileSink(path: output)
    let outcome: Outcome
    do {
      outcome = try global.withClient { client in
        try fetch(ids, client) { bytes throws(Failure) in
          if let sink { try sink.write(bytes) } else { try console.write(bytes) }
        }
      }
      if outcome.pages > 0 { try sink?.keep() } else { sink?.discard() }
    } catch {
      sink?.discard()
      throw error
    }
    if global.json {
      let answer = Answer(
        namespace: pages.namespace, pages: ids.count, gotPages: outcome.pages,
        gotBytes: outcome.bytes, output: output)
      try console.print(try Json.text(answer))
    }
    guard outcome.pages == ids.count else {
      let why =
        outcome.isLost
        ? "cannot be read from the daemon's disk" : "is not stored in \(pages.namespace)"
      throw Failure(
        outcome.isLost ? .corruption : .notFound,
        "got \(outcome.pages) of \(ids.count) pages: \(ids[outcome.pages].hex) \(why)")
    }
  }

  private func fetch(
    _ ids: [PageID], _ client: Client, _ write: ([UInt8]) throws(Failure) -> Void
  ) throws -> Outcome {
    var outcome = Outcome()
    var trouble: Failure?
    let namespaceID = try pages.openExisting(client)
    do {
      try client.get(GetRequest(namespaceID: namespaceID, chain: Chain(pageIDs: ids))) {
        page, status, bytes in
        // A page whose bytes do not verify is left out: what comes behind it is not the prefix.
        guard status == .present, page == outcome.pages else {
          outcome.isLost = status != .missing
          return false
        }
        do throws(Failure) {
          try write(bytes.copy(0, count: bytes.byteCount))
        } catch {
          trouble = error
          return false
        }
        outcome.pages += 1
        outcome.bytes += bytes.byteCount
        return true
      }
    } catch .checksumMismatch(let page, let expected, let found) {
      // The daemon reads the page again past its caches, and quarantines what it finds bad itself.
      _ = try client.reportCorrupt(
        ReportCorruptRequest(
          namespaceID: namespaceID, pageID: ids[page], expected: expected, found: found))
      throw ClientError.checksumMismatch(page: page, expected: expected, found: found)
    }
    if let trouble { throw trouble }
    return outcome
  }
}

/// A file that appears under its name only when it is whole. What is no plain file (a terminal, a
/// pipe, /dev/null) is written as it is.
private final class FileSink {
  private let path: String
  private let partPath: String
  private let file: FileHandle

  init(path: String) throws(Failure) {
    self.path = path
    let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    if let kind, kind != .typeRegular {
      partPath = path
    } else {
      partPath = path + ".part"
      _ = FileManager.default.createFile(
        atPath: partPath, contents: nil, attributes: [.posixPermissions: 0o600])
    }
    guard let file = FileHandle(forWritingAtPath: partPath) else {
      throw Failure(
        .error, "\(partPath) cannot be written: \(unsafe String(cString: strerror(errno)))")
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
    guard path != partPath else { return }
    guard unsafe rename(partPath, path) == 0 else {
      throw Failure(
        .error, "\(path) cannot be made: \(unsafe String(cString: strerror(errno)))")
    }
  }

  func discard() {
    try? file.close()
    if path != partPath { try? FileManager.default.removeItem(atPath: partPath) }
  }
}
