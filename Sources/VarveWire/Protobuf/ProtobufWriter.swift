// Messages made by hand: those of gRPC's own services, and the heads of pages, whose bytes follow
// from where they lie.

/// Appends fields in the order of the calls.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// A number; 0 is left out, as proto3 has it.
  mutating func number(_ field: UInt32, _ value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3)
    varint(value)
  }

  mutating func fixed64(_ field: UInt32, _ value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3 | 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// Tag and length of a field of bytes, which the caller puts behind them.
  mutating func head(_ field: UInt32, count: Int) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(count))
  }

  mutating func bytes(_ field: UInt32, _ value: [UInt8]) {
    head(field, count: value.count)
    bytes += value
  }

  mutating func text(_ field: UInt32, _ value: String) {
    if !value.isEmpty { bytes(field, Array(value.utf8)) }
  }
}
