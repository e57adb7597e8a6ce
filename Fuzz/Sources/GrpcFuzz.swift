// gRPC's own layer over bytes cut in two ways: request heads, messages, puts. However a body is
// cut, it says the same.

import VarveBase
import VarveWire

enum GrpcFuzz {
  /// The first byte chooses what; of bodies, the second where they are cut.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    switch input.byte() % 3 {
    case 0: head(&input)
    case 1: cutTwice(&input, messages)
    default: cutTwice(&input, put)
    }
  }

  private static func head(_ input: inout FuzzInput) {
    var fields = Http2Fields()
    fields.listBytes = Int(input.number() % UInt32(2 * Limits.http2HeaderListBytesMax))
    func text() -> String { String(decoding: input.part(), as: UTF8.self) }
    (fields.method, fields.path, fields.contentType) = (text(), text(), text())
    (fields.encoding, fields.timeout) = (text(), text())
    (fields.authorization, fields.traceparent) = (text(), text())
    do throws(GrpcRequestHead.Refused) {
      let head = try GrpcRequestHead(fields)
      demand((head.timeoutNanos ?? 0) <= UInt64(Int64.max), "a time beyond time")
    } catch {
      guard case .problem(let problem) = error else { return }
      for field in GrpcStatus.only(GrpcStatus.trailers(problem)) {
        let isPrintable = field.value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        demand(isPrintable && field.value.utf8.count <= 4096, "\(field.name) cannot be sent")
      }
    }
  }

  private static func cutTwice(_ input: inout FuzzInput, _ read: ([[UInt8]]) -> [String]) {
    var split = UInt64(input.byte()) &+ 1
    let body = input.rest()
    var cut: [[UInt8]] = []
    var start = 0
    while start < body.count {
      split = split &* 6_364_136_223_846_793_005 &+ 1
      let end = min(body.count, start + 1 + Int(split >> 33) % 29)
      cut.append(Array(body[start..<end]))
      start = end
    }
    let (once, again) = (read([body]), read(cut))
    demand(once == again, "read at once: \(once), in pieces: \(again)")
  }

  /// What the body says, in order, a line each; bytes that follow each other are joined.
  private static func put(_ chunks: [[UInt8]]) -> [String] {
    var reader = GrpcPutReader()
    var lines: [String] = []
    var piece: [UInt8] = []
    func close() {
      if !piece.isEmpty { lines.append("bytes \(piece)") }
      piece = []
    }
    do throws(GrpcError) {
      for chunk in chunks {
        var offset = 0
        while let step = try GrpcBodies.step(&reader, chunk, &offset) {
          switch step {
          case .held(let held): piece += held
          case .bytes(let range): piece += chunk[range]
          case .header, .piece:
            close()
            lines.append("\(step)")
          }
        }
        demand(offset == chunk.count, "bytes left over")
        demand(reader.collectingBytes <= Limits.grpcMessageBytesMax, "collects beyond the limit")
      }
    } catch {
      close()
      return lines + ["\(error)"]
    }
    close()
    return lines + [reader.isBetween ? "between" : "within"]
  }

  private static func messages(_ chunks: [[UInt8]]) -> [String] {
    var reader = GrpcMessageReader()
    var lines: [String] = []
    do throws(GrpcError) {
      for chunk in chunks {
        var offset = 0
        while offset < chunk.count {
          if let message = try GrpcBodies.message(&reader, chunk, &offset) {
            lines.append("\(message)")
          }
        }
        demand(reader.collectingBytes <= Limits.grpcMessageBytesMax, "collects beyond the limit")
      }
    } catch {
      return lines + ["\(error)"]
    }
    return lines + [reader.isBetween ? "between" : "within"]
  }
}
