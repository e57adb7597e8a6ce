// A namespace as varvectl shows it: JSON keys are the names of `varve.proto`.

import VarveWire

struct NamespaceReport: Encodable, Hashable {
  let name: String
  let id: UInt32
  let tenant: String
  let description: String
  let pageTokens: UInt32
  let pageBytesMax: UInt32
  let ttlSeconds: UInt64
  let quotaBytes: UInt64
  let weight: UInt32
  let pages: UInt64
  let bytes: UInt64
  let pinnedBytes: UInt64
  let lookups: UInt64
  let pagesAsked: UInt64
  let pagesHit: UInt64
  let bytesIn: UInt64
  let bytesOut: UInt64

  init(_ info: NamespaceInfo) {
    name = info.name
    id = info.id
    tenant = info.tenant
    description = info.options.description
    pageTokens = info.options.pageTokens
    pageBytesMax = info.options.pageBytesMax
    ttlSeconds = info.options.ttlSeconds
    quotaBytes = info.options.quotaBytes
    weight = info.options.weight
    pages = info.pages
    bytes = info.bytes
    pinnedBytes = info.pinnedBytes
    lookups = info.lookups
    pagesAsked = info.pagesAsked
    pagesHit = info.pagesHit
    bytesIn = info.bytesIn
    bytesOut = info.bytesOut
  }

  /// Share of the pages asked for that were found, or a dash where none was asked for.
  var hitText: String {
    pagesAsked == 0 ? "-" : Numbers.fixed(100 * Double(pagesHit) / Double(pagesAsked), 1) + " %"
  }

  static func table(_ all: [NamespaceReport]) -> String {
    guard !all.isEmpty else { return "no namespaces\n" }
    var table = Table([
      ("NAME", .left), ("ID", .right), ("PAGES", .right), ("BYTES", .right), ("LOOKUPS", .right),
      ("HIT", .right), ("IN", .right), ("OUT", .right),
    ])
    for report in all.sorted(by: { $0.name < $1.name }) {
      table.add([
        report.name.printable, "\(report.id)", Numbers.grouped(report.pages),
        ByteSize.text(report.bytes),
        Numbers.grouped(report.lookups), report.hitText, ByteSize.text(report.bytesIn),
        ByteSize.text(report.bytesOut),
      ])
    }
    return table.text
  }

  /// One line a property.
  var text: String {
    let ttl = ttlSeconds == 0 ? "never" : "after \(Numbers.duration(Double(ttlSeconds)))"
    let quota = quotaBytes == 0 ? "none" : ByteSize.text(quotaBytes)
    let lines: [(String, String)] = [
      ("name", name.printable), ("id", "\(id)"), ("tenant", tenant.printable),
      ("description", description.printable),
      ("page tokens", pageTokens == 0 ? "not told" : "\(pageTokens)"),
      ("largest page", ByteSize.text(UInt64(pageBytesMax))), ("pages expire", ttl),
      ("quota", quota), ("weight", "\(weight)"), ("pages", Numbers.grouped(pages)),
      ("bytes", ByteSize.text(bytes)),
      ("lookups", Numbers.grouped(lookups)), ("hit", hitText),
      ("bytes in", ByteSize.text(bytesIn)), ("bytes out", ByteSize.text(bytesOut)),
    ]
    return KeyedLines(lines).text
  }
}
