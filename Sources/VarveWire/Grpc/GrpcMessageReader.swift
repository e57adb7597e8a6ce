// Messages of a request that are small enough to be held whole.

internal import VarveBase

/// Bytes of a body in, whole messages out.
package struct GrpcMessageReader: Sendable {
  private var prefix = GrpcPrefix()
  private var length: Int?
  private var body: [UInt8] = []

  package init() {}

  /// Bytes of the message being collected, as its prefix says; 0 between messages.
  package var collectingBytes: Int { length ?? 0 }

  /// The body may end here.
  package var isBetween: Bool { length == nil && prefix.isEmpty }

  /// The next whole message; nil when `input` is used up.
  package mutating func feed(
    _ input: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(GrpcError) -> [UInt8]? {
    if length == nil { length = try unsafe prefix.feed(input, from: &offset) }
    guard let length else { return nil }
    let count = min(length - body.count, input.count - offset)
    if count > 0 {
      unsafe body.append(
        contentsOf: UnsafeRawBufferPointer(rebasing: input[offset..<offset + count]))
    }
    offset += count
    guard body.count == length else { return nil }
    self.length = nil
    defer { body = [] }
    return body
  }

  /// A message as it goes out: its prefix, then it.
  package static func framed(_ message: [UInt8]) -> [UInt8] { GrpcPrefix.framed(message) }
}
