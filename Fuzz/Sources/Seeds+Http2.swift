// The corpus of HTTP/2 and gRPC: what real clients sent, recorded by
// python/tools/record_sessions.py, and the attacks that have names.

import Foundation
import VarveBase
import VarveWire

extension Seeds {
  /// Each recorded session in several ways of cutting and answering, then frames as records.
  static func http2(_ folder: String) throws -> [[UInt8]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let sessions = try names.map { name in
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
    }
    demand(!sessions.isEmpty, "no session in \(folder)")
    return sessions.flatMap { session in
      [[0, 1], [32, 9], [4, 3], [8 | 32, 77], [16, 5]].map { $0 + session }
    } + records
  }

  private static func record(
    _ kind: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8] = []
  ) -> [UInt8] { Http2Fuzz.record(kind, flags, stream, payload) }

  private static var records: [[UInt8]] {
    var lists = puts + attacks
    // Reflection, health, trailers of a client, padding, priority.
    lists.append(record(109, 4, 1) + record(10, 1, 1, [58, 0]))
    lists.append(record(77, 4, 1) + record(10, 9, 1, [2, 0, 0]))
    lists.append(record(13, 0x24, 1, [0, 0, 0, 3, 15]) + record(1, 5, 1))
    lists.append(record(13, 4, 1) + record(2, 0, 3, [0, 0, 0, 1, 9]))
    let ways: [[UInt8]] = [[3, 1], [3 | 4, 2], [3 | 8 | 32, 3], [3 | 16, 4]]
    return lists.flatMap { list in ways.map { $0 + list } }
  }

  private static var puts: [[UInt8]] {
    let header = MessageSamples.all.compactMap { ($0 as? PutHeader)?.encode() }.first ?? []
    let put =
      record(13, 4, 1) + record(11, 0, 1, header) + record(12, 0, 1, [8, 1, 26, 3, 7, 8, 9])
    let ended = record(12, 0, 1, [8, 1, 16, 13, 26, 1, 5]) + record(3, 0, 1, [0, 0, 0, 8])
    return [put + record(0, 1, 1), put + ended]
  }

  /// Rapid reset, MadeYouReset, CONTINUATION, SETTINGS, PING, empty DATA.
  private static var attacks: [[UInt8]] {
    let reset = record(3, 0, 1, [0, 0, 0, 8])
    let settings: [UInt8] = [0, 5, 0, 0, 64, 0, 0, 4, 0, 0, 0, 1]
    var lists = [record(45, 5, 1) + reset + record(45, 5, 3)]
    lists.append(record(45, 4, 1) + record(8, 0, 1, [0x7f, 0xff, 0xff, 0xff]))
    lists.append(record(29, 0, 1) + (0..<10).flatMap { record(9, $0 == 9 ? 4 : 0, 1) })
    lists.append(record(4, 0, 0, settings) + record(29, 5, 1))
    lists.append(record(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]) + record(8, 0, 0, [0, 0, 1, 0]))
    lists.append(record(13, 4, 1) + record(0, 0, 1) + record(10, 1, 1))
    return lists
  }

  /// Heads as clients write them; bodies of several messages.
  static func grpc() -> [[UInt8]] {
    func head(_ texts: [String]) -> [UInt8] {
      [0, 200, 0, 0, 0] + texts.flatMap { FuzzInput.part(Array($0.utf8)) }
    }
    let grpc = "application/grpc"
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let heads = [
      ["POST", "/varve.v1.Cache/Put", grpc, "identity", "5S", "Bearer a", trace],
      ["POST", "/grpc.health.v1.Health/Check", grpc + "+proto", "", "99999999H"],
      ["GET", "/"], ["POST", "/x\u{fc}%", grpc, "gzip"],
      ["POST", "/varve.v1.Cache/Get", grpc, "", "x"],
    ]
    let header = MessageSamples.all.compactMap { ($0 as? PutHeader)?.encode() }.first ?? []
    let parts = [
      GrpcBodies.field(1, header), GrpcBodies.field(2, [26, 40] + [UInt8](0..<40)),
      GrpcBodies.field(2, [8, 1, 16, 9, 26, 3, 1, 2, 3]), GrpcBodies.field(2, [26, 1, 7, 8, 1]), [],
    ]
    let body = parts.flatMap(GrpcMessageReader.framed)
    return heads.map(head) + [
      [1, 3] + body, [2, 3] + body, [2, 9] + body + [0, 0, 0, 0, 9, 18],
    ]
  }
}
