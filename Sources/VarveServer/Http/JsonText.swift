// JSON as it is built: nothing of Foundation, no tree in between.

/// Builds one JSON text (RFC 8259). Values are given in order; commas come by themselves.
struct JsonText {
  private(set) var text = ""
  private var needsComma = false

  mutating func object(_ body: (inout JsonText) -> Void) { nest("{", "}", body) }

  mutating func array(_ body: (inout JsonText) -> Void) { nest("[", "]", body) }

  /// The name of the value given next.
  mutating func key(_ name: String) {
    separate()
    text += Self.quoted(name) + ":"
    needsComma = false
  }

  mutating func value(_ value: String) { raw(Self.quoted(value)) }
  mutating func value(_ value: UInt64) { raw("\(value)") }
  mutating func value(_ value: Int) { raw("\(value)") }
  mutating func value(_ value: Bool) { raw("\(value)") }

  /// Not a number and infinity, which JSON lacks, become null.
  mutating func value(_ value: Double) { raw(value.isFinite ? "\(value)" : "null") }

  mutating func pair(_ name: String, _ value: String) {
    key(name)
    self.value(value)
  }

  mutating func pair(_ name: String, _ value: UInt64) {
    key(name)
    self.value(value)
  }

  mutating func pair(_ name: String, _ value: Int) {
    key(name)
    self.value(value)
  }

  mutating func pair(_ name: String, _ value: Bool) {
    key(name)
    self.value(value)
  }

  mutating func pair(_ name: String, _ values: [UInt64]) {
    key(name)
    array { json in for value in values { json.value(value) } }
  }

  private mutating func nest(_ open: String, _ close: String, _ body: (inout JsonText) -> Void) {
    separate()
    text += open
    needsComma = false
    body(&self)
    text += close
    needsComma = true
  }

  private mutating func raw(_ token: String) {
    separate()
    text += token
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text += "," }
    needsComma = false
  }

  /// `<`, `>` and `&` are escaped too, so that the text may stand inside a page.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "<", ">", "&", "\u{2028}", "\u{2029}", "\u{0}"..."\u{1f}", "\u{7f}":
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
