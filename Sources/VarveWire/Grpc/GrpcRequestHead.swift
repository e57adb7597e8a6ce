// A request's fields as gRPC means them (its "PROTOCOL-HTTP2" document).

internal import VarveBase

/// What a gRPC request says before its messages.
package struct GrpcRequestHead: Hashable, Sendable {
  package let method: GrpcMethod
  /// The time the client gives, nil for any.
  package let timeoutNanos: UInt64?
  /// `Bearer …`, or empty.
  package let authorization: String
  package let traceparent: String

  /// Why a request is none of ours.
  package enum Refused: Error, Hashable, Sendable {
    /// Not gRPC at all: answered as HTTP.
    case http(status: Int)
    case problem(Problem)
  }

  package init(_ fields: Http2Fields) throws(Refused) {
    guard fields.listBytes <= Limits.http2HeaderListBytesMax else {
      let limit = UInt64(Limits.http2HeaderListBytesMax)
      throw .problem(
        Problem(
          .resourceExhausted,
          "a header list of \(fields.listBytes) bytes is over the limit of \(limit); send less",
          limit: "http2_header_list_bytes_max", limitValue: limit,
          value: UInt64(fields.listBytes)))
    }
    guard fields.method == "POST" else { throw .http(status: 405) }
    guard Self.isGrpc(fields.contentType) else { throw .http(status: 415) }
    guard let method = GrpcMethod(path: fields.path) else {
      throw .problem(Problem(.unimplemented, "method \(fields.path.prefix(200)) is unknown"))
    }
    guard fields.encoding.isEmpty || fields.encoding == "identity" else {
      throw .problem(
        Problem(
          .unimplemented,
          "messages compressed with \(fields.encoding.prefix(50)) are not taken; send identity"))
    }
    self.method = method
    if fields.timeout.isEmpty {
      timeoutNanos = nil
    } else if let nanos = Self.nanos(fields.timeout) {
      timeoutNanos = nanos
    } else {
      throw .problem(
        Problem(.invalidArgument, "grpc-timeout \(fields.timeout.prefix(50)) is no time"))
    }
    authorization = fields.authorization
    traceparent = fields.traceparent
  }

  private static func isGrpc(_ type: String) -> Bool {
    let rest = type.dropFirst("application/grpc".count)
    return type.hasPrefix("application/grpc")
      && (rest.isEmpty || rest.first == "+" || rest.first == ";")
  }

  /// At most eight digits and a unit. Over 292 years is for ever, and fits no deadline.
  static func nanos(_ text: String) -> UInt64? {
    guard let unit = text.last, text.utf8.count <= 9, text.utf8.count >= 2,
      text.utf8.dropLast().allSatisfy({ $0 >= 48 && $0 <= 57 }),
      let count = UInt64(text.dropLast())
    else { return nil }
    let factor: UInt64
    switch unit {
    case "H": factor = 3_600_000_000_000
    case "M": factor = 60_000_000_000
    case "S": factor = 1_000_000_000
    case "m": factor = 1_000_000
    case "u": factor = 1000
    case "n": factor = 1
    default: return nil
    }
    let (nanos, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? UInt64(Int64.max) : min(nanos, UInt64(Int64.max))
  }
}
