// grpc.reflection, v1 and v1alpha, which differ in their package alone.

internal import VarveBase

/// Answers reflection requests from the descriptors of this build.
package enum GrpcReflection {
  /// One ServerReflectionResponse for one ServerReflectionRequest.
  package static func answer(_ message: [UInt8]) throws(GrpcError) -> [UInt8] {
    var host = ""
    var asked: (number: UInt32, text: String)?
    do throws(WireError) {
      var reader = FieldReader(0..<message.count)
      while let field = try reader.next(message.rawSpan, "ServerReflectionRequest") {
        guard field.wireType == 2 else { continue }
        let text = String(decoding: message[field.content], as: UTF8.self)
        if field.number == 1 { host = text } else { asked = (field.number, text) }
      }
    } catch {
      throw GrpcError(error)
    }
    var writer = ProtobufWriter()
    writer.text(1, host)
    writer.bytes(2, message)
    answer(asked, &writer)
    return writer.bytes
  }

  private static func answer(
    _ asked: (number: UInt32, text: String)?, _ writer: inout ProtobufWriter
  ) {
    let files = GrpcDescriptors.built.files
    switch asked?.number {
    case 3: found(files.first { $0.name == asked?.text }, "file \(asked?.text ?? "")", &writer)
    case 4:
      let symbol = asked?.text ?? ""
      found(files.first { $0.symbols.contains(symbol) }, "symbol \(symbol)", &writer)
    case 5: refuse(.notFound, "there are no extensions", &writer)
    case 6:
      let symbol = asked?.text ?? ""
      guard files.contains(where: { $0.symbols.contains(symbol) }) else {
        return refuse(.notFound, "type \(symbol) is unknown", &writer)
      }
      var numbers = ProtobufWriter()
      numbers.text(1, symbol)
      writer.bytes(5, numbers.bytes)
    case 7:
      var list = ProtobufWriter()
      for name in files.flatMap(\.services).sorted() {
        var service = ProtobufWriter()
        service.text(1, name)
        list.bytes(1, service.bytes)
      }
      writer.bytes(6, list.bytes)
    default: refuse(.invalidArgument, "the request asks nothing that is known", &writer)
    }
  }

  private static func found(
    _ file: GrpcDescriptors.File?, _ what: String, _ writer: inout ProtobufWriter
  ) {
    guard let file else { return refuse(.notFound, "\(what.prefix(300)) is unknown", &writer) }
    var response = ProtobufWriter()
    for needed in GrpcDescriptors.built.closure(of: file) { response.bytes(1, needed.bytes) }
    writer.bytes(4, response.bytes)
  }

  private static func refuse(_ code: StatusCode, _ text: String, _ writer: inout ProtobufWriter) {
    var error = ProtobufWriter()
    error.number(1, UInt64(code.rawValue))
    error.text(2, text)
    writer.bytes(7, error.bytes)
  }
}
