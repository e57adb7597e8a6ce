// The planted trap. Blind chance needs 2^48 tries to reach it; a fuzzer that sees each comparison
// finds it in seconds. Where it is not found, no other target proves anything.

enum Canary {
  static func run(_ bytes: [UInt8]) {
    guard bytes.count >= 6 else { return }
    if bytes[0] == UInt8(ascii: "v") {
      if bytes[1] == UInt8(ascii: "a") {
        if bytes[2] == UInt8(ascii: "r") {
          if bytes[3] == UInt8(ascii: "v") {
            if bytes[4] == UInt8(ascii: "e") {
              demand(bytes[5] != UInt8(ascii: "!"), "the canary was found, as it must be")
            }
          }
        }
      }
    }
  }
}
