// HTTP/2 by hand, for clients that do what no library would: frames as bytes, header blocks without
// compression, and nghttp2's decoder for what comes back.

import CNghttp2
import Foundation
import VarveServer
import VarveWire

struct Http2Frame {
  let type: UInt8
  let flags: UInt8
  let stream: Int32
  let payload: [UInt8]

  static let data: UInt8 = 0
  static let headers: UInt8 = 1
  static let reset: UInt8 = 3
  static let settings: UInt8 = 4
  static let ping: UInt8 = 6
  static let goAway: UInt8 = 7
  static let windowUpdate: UInt8 = 8
  static let continuation: UInt8 = 9
  static let endStream: UInt8 = 1
  static let endHeaders: UInt8 = 4

  var isEnd: Bool { flags & Self.endStream != 0 && (type == Self.data || type == Self.headers) }

  /// The big-endian number at `offset`: of RST_STREAM the code, of GOAWAY at 4 the code.
  func number(at offset: Int = 0) -> UInt32 {
    payload[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The frames in `bytes`, which end with the last of them; what is left over.
  static func parse(_ bytes: [UInt8]) -> (frames: [Http2Frame], rest: [UInt8]) {
    var frames: [Http2Frame] = []
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + length else { break }
      let stream = head[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      frames.append(
        Http2Frame(
          type: head[3], flags: head[4], stream: Int32(stream & 0x7fff_ffff),
          payload: Array(rest.dropFirst(9).prefix(length))))
      rest = rest.dropFirst(9 + length)
    }
    return (frames, Array(rest))
  }
}

/// Makes what a client sends.
enum Http2Bytes {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  static let opening = preface + frame(Http2Frame.settings)

  static let acknowledgement = frame(Http2Frame.settings, flags: 1)

  static func frame(
    _ type: UInt8, flags: UInt8 = 0, stream: Int32 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let length = payload.count
    return [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
      + number(UInt32(stream)) + payload
  }

  static func number(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(value >> $0 & 255) }
  }

  static func settings(_ pairs: [(UInt16, UInt32)]) -> [UInt8] {
    frame(
      Http2Frame.settings,
      pairs.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + number($0.1) })
  }

  static func windowUpdate(_ stream: Int32, _ bytes: UInt32) -> [UInt8] {
    frame(Http2Frame.windowUpdate, stream: stream, number(bytes))
  }

  static func reset(_ stream: Int32, _ code: UInt32 = 8) -> [UInt8] {
    frame(Http2Frame.reset, stream: stream, number(code))
  }

  static func ping() -> [UInt8] { frame(Http2Frame.ping, [UInt8](repeating: 7, count: 8)) }

  static func data(_ stream: Int32, _ bytes: [UInt8], isEnd: Bool = false) -> [UInt8] {
    frame(Http2Frame.data, flags: isEnd ? Http2Frame.endStream : 0, stream: stream, bytes)
  }

  /// Literal fields without indexing (RFC 7541 §6.2.2); names and values under 127 bytes each, or
  /// long ones with a length of two bytes more.
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    func text(_ text: String) -> [UInt8] {
      let bytes = Array(text.utf8)
      if bytes.count < 127 { return [UInt8(bytes.count)] + bytes }
      var rest = bytes.count - 127
      var length: [UInt8] = [127]
      while rest >= 128 {
        length.append(UInt8(rest & 127) | 128)
        rest >>= 7
      }
      return length + [UInt8(rest)] + bytes
    }
    return fields.flatMap { [0] + text($0.0) + text($0.1) }
  }

  static func fields(_ path: String, _ more: [(String, String)] = []) -> [(String, String)] {
    [
      (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
      ("content-type", "application/grpc"), ("te", "trailers"),
    ] + more
  }

  static func request(
    _ stream: Int32, _ path: String, _ more: [(String, String)] = [], isEnd: Bool = false
  ) -> [UInt8] {
    frame(
      Http2Frame.headers, flags: Http2Frame.endHeaders | (isEnd ? Http2Frame.endStream : 0),
      stream: stream, block(fields(path, more)))
  }

  /// A gRPC message with its prefix.
  static func message(_ bytes: [UInt8]) -> [UInt8] { GrpcMessageReader.framed(bytes) }

  /// A whole unary request.
  static func call(_ stream: Int32, _ path: String, _ message: [UInt8]) -> [UInt8] {
    request(stream, path) + data(stream, Self.message(message), isEnd: true)
  }
}

/// Decodes the header blocks of one connection, in their order.
@safe final class Http2Decoder {
  private let inflater: OpaquePointer
  /// A block that was none has come; what was decoded since means nothing.
  private(set) var isBroken = false

  init() {
    var made: OpaquePointer?
    let status = unsafe nghttp2_hd_inflate_new(&made)
    guard status == 0, let made = unsafe made else { preconditionFailure("no inflater") }
    unsafe inflater = made
  }

  deinit { unsafe nghttp2_hd_inflate_del(inflater) }

  func decode(_ block: [UInt8]) -> [String: String] {
    var fields: [String: String] = [:]
    var bytes = block
    unsafe bytes.withUnsafeMutableBufferPointer { memory in
      var offset = 0
      while true {
        var pair = unsafe nghttp2_nv()
        var flags: Int32 = 0
        let base = unsafe memory.baseAddress.map { unsafe $0 + offset }
        let count = unsafe nghttp2_hd_inflate_hd2(
          inflater, &pair, &flags, base, memory.count - offset, 1)
        guard count >= 0 else {
          isBroken = true
          return
        }
        offset += count
        if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
          let name = unsafe UnsafeBufferPointer(start: pair.name, count: pair.namelen)
          let value = unsafe UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
          unsafe fields[String(decoding: name, as: UTF8.self)] = unsafe String(
            decoding: value, as: UTF8.self)
        }
        if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
          unsafe nghttp2_hd_inflate_end_headers(inflater)
          return
        }
        if count == 0 && offset >= memory.count { return }
      }
    }
    return fields
  }
}
