// What was found in a data directory: counts, and findings with their evidence.

/// One thing worth telling.
struct VerifyFinding: Encodable, Hashable {
  enum Severity: String, Encodable {
    /// Something acknowledged is damaged or gone: exit code 5.
    case corruption
    /// What a crash leaves, and the next start mends.
    case note
  }

  let severity: Severity
  /// Relative to the data directory.
  let file: String
  let offset: UInt64?
  let what: String

  init(_ severity: Severity, file: String, offset: UInt64? = nil, _ what: String) {
    self.severity = severity
    self.file = file
    self.offset = offset
    self.what = what
  }
}

struct VerifyReport: Encodable {
  let directory: String
  var segments = 0
  var extents = 0
  /// Pages whose bytes were read and agree with their checksum.
  var pages = 0
  var payloadBytes: UInt64 = 0
  var tables = 0
  var tableBytes: UInt64 = 0
  var namespaces = 0
  var findings: [VerifyFinding] = []

  init(directory: String) { self.directory = directory }

  var corruptions: Int { findings.reduce(0) { $0 + ($1.severity == .corruption ? 1 : 0) } }

  /// Lines for people: the findings first, then what was read.
  var text: String {
    var parts: [String] = []
    if !findings.isEmpty {
      var table = Table([
        ("SEVERITY", .left), ("FILE", .left), ("OFFSET", .right), ("WHAT", .left),
      ])
      for finding in findings {
        table.add([
          finding.severity.rawValue, finding.file, finding.offset.map(String.init) ?? "-",
          finding.what,
        ])
      }
      parts.append(table.text)
    }
    let verdict = corruptions == 0 ? "sound" : "\(corruptions) corruption(s) found"
    parts.append(
      KeyedLines([
        ("directory", directory),
        ("segments", "\(segments) with \(Numbers.grouped(extents)) extents"),
        (
          "pages", "\(Numbers.grouped(pages)), \(ByteSize.text(payloadBytes)) read and verified"
        ),
        ("tables", "\(tables), \(ByteSize.text(tableBytes)) read and verified"),
        ("namespaces", "\(namespaces)"),
        ("verdict", verdict),
      ]).text)
    return parts.joined(separator: "\n")
  }
}
