// The fields of an answer: how it begins, and how it ends.

/// Makes header lists.
package enum GrpcStatus {
  /// Before the messages of an answer.
  package static let head: [Http2Session.Http2Field] = [
    (":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", "identity"),
  ]

  package static let ok: [Http2Session.Http2Field] = [("grpc-status", "0")]

  package static func trailers(_ problem: Problem) -> [Http2Session.Http2Field] {
    [("grpc-status", "\(problem.code)"), ("grpc-message", percentEncoded(problem.message))]
  }

  /// An answer without a message: head and trailers in one ("Trailers-Only").
  package static func only(_ trailers: [Http2Session.Http2Field]) -> [Http2Session.Http2Field] {
    head + trailers
  }

  /// For who does not speak gRPC.
  package static func http(_ status: Int) -> [Http2Session.Http2Field] {
    [(":status", "\(status)"), ("content-length", "0")]
  }

  /// Printable ASCII without % stays, every other byte of the UTF-8 becomes %XX; so does a space at
  /// either end, which a field's value would lose (RFC 9113 §8.2.1).
  package static func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    let last = text.utf8.count - 1
    for (index, byte) in text.utf8.enumerated() {
      let isEdge = index == 0 || index == last
      if byte > 0x20 || (byte == 0x20 && !isEdge), byte <= 0x7e, byte != UInt8(ascii: "%") {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A request that cannot be worked on.
package struct GrpcError: Error, Hashable, Sendable {
  package let problem: Problem

  init(_ problem: Problem) { self.problem = problem }

  init(_ error: WireError) { problem = error.problem }
}
