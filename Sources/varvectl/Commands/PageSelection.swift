// Which pages a command is about: ids in hex, or tokens to be hashed.

import ArgumentParser
import VarveBase
import VarveClient
import VarveWire

/// The namespace and the pages of lookup, put and get.
struct PageSelection: ParsableArguments {
  @Option(help: ArgumentHelp("The namespace of the pages.", valueName: "name"))
  var namespace: String

  @Argument(help: "Page ids, 64 hex digits each, consecutive pages of one sequence.")
  var ids: [String] = []

  @Option(help: ArgumentHelp("Tokens, comma-separated, instead of ids.", valueName: "1,2,3"))
  var tokens: String?

  @Option(help: ArgumentHelp("Tokens a page, with --tokens.", valueName: "n"))
  var pageTokens: UInt32?

  @Option(help: ArgumentHelp("Id of the page before the first token's.", valueName: "hex"))
  var seed: String?

  func validate() throws {
    guard !namespace.isEmpty else { throw ValidationError("--namespace is empty") }
    _ = try pageIDs()
  }

  /// The ids, hashed from the tokens where those were given.
  func pageIDs() throws(ValidationError) -> [PageID] {
    guard let tokens else {
      guard pageTokens == nil, seed == nil else {
        throw ValidationError("--page-tokens and --seed go with --tokens")
      }
      guard !ids.isEmpty else { throw ValidationError("name page ids, or --tokens") }
      var pages: [PageID] = []
      for text in ids { pages.append(try Self.pageID(text)) }
      return try Self.bounded(pages)
    }
    guard ids.isEmpty else { throw ValidationError("name page ids or --tokens, not both") }
    guard let pageTokens, pageTokens > 0 else {
      throw ValidationError("--tokens wants --page-tokens, at least 1")
    }
    var numbers: [UInt32] = []
    for part in tokens.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = UInt32(part) else {
        throw ValidationError("--tokens: '\(part)' is no token (0 to \(UInt32.max))")
      }
      numbers.append(number)
    }
    guard numbers.count >= Int(pageTokens) else {
      throw ValidationError(
        "--tokens: \(numbers.count) tokens are less than one page of \(pageTokens)")
    }
    var before: PageID?
    if let seed { before = try Self.pageID(seed) }
    return try Self.bounded(
      PageID.chain(tokens: numbers, pageTokens: Int(pageTokens), seed: before))
  }

  /// The id of a namespace that must be there.
  func openExisting(_ client: Client) throws(ClientError) -> UInt32 {
    try client.openNamespace(namespace, mustExist: true).namespaceID
  }

  private static func pageID(_ text: String) throws(ValidationError) -> PageID {
    guard let id = PageID(hex: text) else {
      throw ValidationError("'\(text)' is no page id: 64 hex digits are wanted")
    }
    return id
  }

  private static func bounded(_ pages: [PageID]) throws(ValidationError) -> [PageID] {
    guard pages.count <= Limits.pagesMax else {
      throw ValidationError("\(pages.count) pages are over the limit of \(Limits.pagesMax)")
    }
    return pages
  }
}
