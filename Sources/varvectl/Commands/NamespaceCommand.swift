// `varvectl namespace`: the sets of pages that may be mixed.

import ArgumentParser
import VarveClient
import VarveWire

struct NamespaceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "namespace", abstract: "List, show, create, change, clear and drop namespaces.",
    subcommands: [List.self, Show.self, Create.self, Set.self, Clear.self, Drop.self],
    defaultSubcommand: List.self)

  @OptionGroup var global: GlobalOptions

  struct List: ToolCommand {
    static let configuration = CommandConfiguration(abstract: "List every namespace.")
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) throws {
      let all = try global.withClient { try $0.listNamespaces() }.map(NamespaceReport.init)
      guard !global.json else { return try console.print(try Json.text(all)) }
      try console.write(Array(NamespaceReport.table(all).utf8))
    }
  }

  struct Show: ToolCommand {
    static let configuration = CommandConfiguration(abstract: "Show one namespace.")
    @OptionGroup var global: GlobalOptions
    @Argument var name: String

    func perform(_ console: Console) throws {
      let opened = try global.withClient { try $0.openNamespace(name, mustExist: true) }
      let report = NamespaceReport(opened.info)
      try console.print(global.json ? try Json.text(report) : report.text)
    }
  }

  struct Create: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a namespace, unless one with these options is there.")
    @OptionGroup var global: GlobalOptions
    @Argument var name: String
    @Option(help: "Tokens a page (informative).") var pageTokens: UInt32 = 0
    @Option(help: "Largest page.") var pageBytesMax: ByteSize?
    @Option(help: "Seconds until a page expires; 0: never.") var ttl: UInt64 = 0
    @Option(help: "Stored bytes at most; 0: no bound of its own.") var quota: ByteSize?
    @Option(help: "A text for people.") var description = ""
    @Option(help: "Share of disk and memory beside others, 1 to 100; 0: 1.") var weight: UInt32 = 0

    private struct Answer: Encodable {
      let name: String
      let id: UInt32
      let created: Bool
    }

    func validate() throws {
      guard (pageBytesMax?.bytes ?? 0) <= Int(UInt32.max) else {
        throw ValidationError("--page-bytes-max is over the limit of \(UInt32.max) bytes")
      }
    }

    func perform(_ console: Console) throws {
      let options = NamespaceOptions(
        pageTokens: pageTokens, pageBytesMax: UInt32(pageBytesMax?.bytes ?? 0), ttlSeconds: ttl,
        quotaBytes: UInt64(quota?.bytes ?? 0), description: description, weight: weight)
      let opened = try global.withClient { try $0.openNamespace(name, options: options) }
      let answer = Answer(name: name, id: opened.namespaceID, created: opened.created)
      try console.print(
        global.json
          ? try Json.text(answer)
          : "\(name) \(opened.created ? "created" : "was there already"), id \(answer.id)")
    }
  }

  struct Set: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change options of a namespace.",
      discussion: """
        Only the options given are changed. 0 and an empty text give back the default. Pages \
        stored before keep the lifetime and size they were put with.
        """)
    @OptionGroup var global: GlobalOptions
    @Argument var name: String
    @Option(help: "Tokens a page (informative).") var pageTokens: UInt32?
    @Option(help: "Largest page; 0: half a segment.") var pageBytesMax: ByteSize?
    @Option(help: "Seconds until a page expires; 0: never.") var ttl: UInt64?
    @Option(help: "A text for people.") var description: String?
    @Option(help: "Share of disk and memory beside others, 1 to 100; 0: 1.") var weight: UInt32?

    func validate() throws {
      guard (pageBytesMax?.bytes ?? 0) <= Int(UInt32.max) else {
        throw ValidationError("--page-bytes-max is over the limit of \(UInt32.max) bytes")
      }
      guard !fields.isEmpty else {
        throw ValidationError(
          "nothing to change: give --page-tokens, --page-bytes-max, --ttl, --weight or "
            + "--description")
      }
    }

    private var fields: [String] {
      [
        pageTokens.map { _ in "page_tokens" }, pageBytesMax.map { _ in "page_bytes_max" },
        ttl.map { _ in "ttl_seconds" }, weight.map { _ in "weight" },
        description.map { _ in "description" },
      ].compactMap { $0 }
    }

    func perform(_ console: Console) throws {
      let options = NamespaceOptions(
        pageTokens: pageTokens ?? 0, pageBytesMax: UInt32(pageBytesMax?.bytes ?? 0),
        ttlSeconds: ttl ?? 0, description: description ?? "", weight: weight ?? 0)
      let info = try global.withClient {
        try $0.setNamespace(name, options: options, fields: fields)
      }
      let report = NamespaceReport(info)
      try console.print(global.json ? try Json.text(report) : report.text)
    }
  }

  struct Clear: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove every page of a namespace.")
    @OptionGroup var global: GlobalOptions
    @Argument var name: String

    func perform(_ console: Console) throws {
      let affected = try global.withClient { try $0.clearNamespace(name) }
      try Removal(name: name, pages: affected).print(console, json: global.json, "cleared")
    }
  }

  struct Drop: ToolCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a namespace with its pages.")
    @OptionGroup var global: GlobalOptions
    @Argument var name: String

    func perform(_ console: Console) throws {
      let affected = try global.withClient { try $0.dropNamespace(name) }
      try Removal(name: name, pages: affected).print(console, json: global.json, "dropped")
    }
  }

  private struct Removal: Encodable {
    let name: String
    let pages: Int

    func print(_ console: Console, json: Bool, _ verb: String) throws(Failure) {
      try console.print(
        json ? try Json.text(self) : "\(name) \(verb): \(Numbers.grouped(pages)) pages")
    }
  }
}
