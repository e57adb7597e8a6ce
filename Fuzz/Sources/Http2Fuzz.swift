// A client's bytes against the server's side of HTTP/2 and gRPC, split anywhere. What the session
// sends back must be frames that such a client may be sent.

import VarveBase
import VarveWire

enum Http2Fuzz {
  /// Steering byte: 1 takes the rest as records (below), 2 puts the opening in front, 4 takes
  /// answers away in small portions, 8 takes none until all was fed, 16 drains after the first
  /// request, 32 cuts finely. A second byte decides where it is cut.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let steering = input.byte()
    var split = UInt64(input.byte()) &+ 1
    var stream = steering & 1 == 0 ? input.rest() : assembled(&input)
    if steering & 2 != 0 { stream = Http2Bytes.opening + stream }
    var driver = Http2Driver(steering: steering, watch: Http2Watch(client: stream))
    var start = 0
    while start < stream.count, !driver.isOver {
      split = split &* 6_364_136_223_846_793_005 &+ 1
      let step = 1 + Int(split >> 33) % (steering & 32 == 0 ? 4096 : 67)
      let end = min(stream.count, start + step)
      driver.feed(Array(stream[start..<end]))
      start = end
    }
    driver.end()
  }

  private static let paths =
    [
      "/varve.v1.Cache/Put", "/varve.v1.Cache/Get", "/varve.v1.Cache/Lookup",
      "/varve.v1.Admin/Stats", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/nobody",
    ]

  /// Frames with lengths that fit, from records of kind, flags, stream and a part: damage then goes
  /// deeper than the first nine bytes. Kinds up to 9 are HTTP/2's types.
  private static func assembled(_ input: inout FuzzInput) -> [UInt8] {
    var stream: [UInt8] = []
    while !input.isEmpty {
      let (kind, flags, number) = (input.byte(), input.byte(), Int32(input.byte()))
      var (type, payload) = (kind % 16, input.part())
      switch type {
      case 10: (type, payload) = (Http2Frame.data, Http2Bytes.message(payload))
      case 11, 12:
        payload = Http2Bytes.message(GrpcBodies.field(Int(type) - 10, payload))
        type = Http2Frame.data
      case 13:
        payload = Http2Bytes.block(Http2Bytes.fields(paths[Int(kind >> 4) % 8])) + payload
        type = Http2Frame.headers
      default: break
      }
      stream += Http2Bytes.frame(type, flags: flags, stream: number, payload)
    }
    return stream
  }

  /// The other way: a record for `assembled`.
  static func record(
    _ kind: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8] = []
  ) -> [UInt8] {
    [kind, flags, stream] + FuzzInput.part(payload)
  }
}
