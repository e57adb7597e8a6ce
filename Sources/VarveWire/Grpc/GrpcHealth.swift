// The messages of grpc.health.v1.

internal import VarveBase

/// Encodes and decodes what Health says.
package enum GrpcHealth {
  package enum Status: UInt64, Sendable {
    // On the wire: never renumber.
    case serving = 1
    case notServing = 2
    case serviceUnknown = 3
  }

  /// The services that can be asked for; "" is the daemon as a whole.
  package static let services = ["", GrpcMethod.cacheService]

  /// The service a HealthCheckRequest names.
  package static func service(_ message: [UInt8]) throws(GrpcError) -> String {
    do throws(WireError) {
      var service = ""
      var reader = FieldReader(0..<message.count)
      while let field = try reader.next(message.rawSpan, "HealthCheckRequest") {
        guard field.number == 1, field.wireType == 2 else { continue }
        guard let text = String(validating: message[field.content], as: UTF8.self) else {
          throw .malformed("HealthCheckRequest: service is not UTF-8")
        }
        service = text
      }
      return service
    } catch {
      throw GrpcError(error)
    }
  }

  /// A HealthCheckResponse.
  package static func response(_ status: Status) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.number(1, status.rawValue)
    return writer.bytes
  }
}
