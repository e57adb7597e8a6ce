// `varvectl lookup`: how much of a chain is stored.

import ArgumentParser
import VarveBase
import VarveClient
import VarveWire

struct LookupCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "lookup", abstract: "Tell how many leading pages are stored.",
    discussion: "Exit code 3 when the first page is not stored.")

  @OptionGroup var global: GlobalOptions
  @OptionGroup var pages: PageSelection

  @Flag(help: "Confirm every page by its full id.")
  var exact = false

  @Flag(help: "Tell of every page whether it is stored.")
  var present = false

  private struct Answer: Encodable {
    struct Page: Encodable {
      let id: String
      let present: Bool
    }
    let namespace: String
    let pages: Int
    let hitPages: UInt32
    let hitBytes: UInt64
    let present: [Page]?
  }

  func perform(_ console: Console) throws {
    let ids = try pages.pageIDs()
    let response = try global.withClient { client in
      try client.lookup(
        LookupRequest(
          namespaceID: try pages.openExisting(client), chain: Chain(pageIDs: ids),
          wantPresent: present, exact: exact))
    }
    var each: [Answer.Page]?
    if present {
      guard let bits = PageBitmap(bytes: response.present, count: ids.count) else {
        throw Failure(.error, "the daemon's bitmap does not fit \(ids.count) pages")
      }
      each = ids.enumerated().map { Answer.Page(id: $0.element.hex, present: bits[$0.offset]) }
    }
    let answer = Answer(
      namespace: pages.namespace, pages: ids.count, hitPages: response.hitPages,
      hitBytes: response.hitBytes, present: each)
    if global.json {
      try console.print(try Json.text(answer))
    } else {
      try console.print(
        "\(answer.hitPages) of \(ids.count) pages are stored as a prefix, "
          + ByteSize.text(answer.hitBytes))
      for page in each ?? [] {
        try console.print("\(page.id)  \(page.present ? "stored" : "missing")")
      }
    }
    guard answer.hitPages > 0 else {
      throw Failure(.notFound, "page \(ids[0].hex) is not stored in \(pages.namespace)")
    }
  }
}
