// What a client may rely on, whatever it sent: checked frame by frame on what the server sends.

import VarveBase
import VarveWire

/// The client's view of one connection.
struct Http2Watch {
  private struct Answer {
    var offered = 0
    var sent = 0
    var isBegun = false
    var isEnded = false
    var isReset = false
  }

  private let decoder = Http2Decoder()
  /// The longest frame the client has ever said it takes.
  private var frameBytesMax = 16_384
  /// All that the client has ever granted on the connection.
  private var windowBytes = 65_535
  private var rest: [UInt8] = []
  private var answers: [Int32: Answer] = [:]
  private var dataBytes = 0
  private var frames = 0
  /// The server has said that the connection ends for a fault.
  private(set) var isLast = false

  /// - Parameter client: all that the client will send. Bounds are taken from it as if all had come
  ///   at once, so they are never too tight.
  init(client: [UInt8]) {
    guard client.starts(with: Http2Bytes.preface) else { return }
    let sent = Http2Frame.parse(Array(client[Http2Bytes.preface.count...])).frames
    for frame in sent {
      if frame.type == Http2Frame.settings, frame.payload.count % 6 == 0 {
        for at in stride(from: 0, to: frame.payload.count, by: 6)
        where frame.payload[at] == 0 && frame.payload[at + 1] == 5 {
          frameBytesMax = max(frameBytesMax, Int(frame.number(at: at + 2)))
        }
      } else if frame.type == Http2Frame.windowUpdate, frame.stream == 0, frame.payload.count == 4 {
        windowBytes += Int(frame.number() & 0x7fff_ffff)
      }
    }
  }

  /// The server has so many bytes more to send on `stream`.
  mutating func offered(_ stream: Int32, _ count: Int) {
    answers[stream, default: Answer()].offered += count
  }

  mutating func sent(_ output: Http2Output) {
    var offset = 0
    for part in output.parts {
      switch part {
      case .bytes(let count):
        rest += output.bytes[offset..<offset + count]
        offset += count
      case .payload(let stream, let count):
        rest += [UInt8](repeating: 0, count: count)
        answers[stream, default: Answer()].sent += count
      }
    }
    demand(offset == output.bytes.count, "bytes that no part names")
    let (whole, rest) = Http2Frame.parse(rest)
    self.rest = rest
    for frame in whole { check(frame) }
  }

  /// Nothing may be cut off at the end of a turn: the next could be a farewell.
  func checkBetween() { demand(rest.isEmpty, "the output ends within a frame") }

  private mutating func check(_ frame: Http2Frame) {
    demand(!isLast, "a frame behind the GOAWAY that ends the connection")
    demand(frame.payload.count <= frameBytesMax, "a frame over the client's limit")
    if frames == 0 {
      demand(frame.type == Http2Frame.settings || frame.type == Http2Frame.goAway, "SETTINGS first")
    }
    frames += 1
    switch frame.type {
    case Http2Frame.headers, Http2Frame.data, Http2Frame.reset: checkAnswer(frame)
    case Http2Frame.settings:
      demand(frame.stream == 0 && frame.payload.count % 6 == 0, "SETTINGS that are none")
      demand(frame.flags & 1 == 0 || frame.payload.isEmpty, "an acknowledgement that says more")
    case Http2Frame.ping:
      demand(frame.stream == 0 && frame.payload.count == 8 && frame.flags == 1, "PING unasked")
    case Http2Frame.goAway:
      demand(frame.stream == 0 && frame.payload.count >= 8, "a GOAWAY that is none")
      isLast = frame.number(at: 4) != Http2Code.noError
    case Http2Frame.windowUpdate:
      demand(frame.payload.count == 4 && frame.number() > 0, "a WINDOW_UPDATE of nothing")
      demand(frame.number() <= Limits.http2ConnectionWindowBytes, "a window wider than it was")
    default: demand(false, "a frame of type \(frame.type)")
    }
  }

  private mutating func checkAnswer(_ frame: Http2Frame) {
    demand(frame.stream > 0 && frame.stream % 2 == 1, "stream \(frame.stream) is no client's")
    var answer = answers[frame.stream] ?? Answer()
    demand(!answer.isReset, "a frame behind RST_STREAM")
    switch frame.type {
    case Http2Frame.reset:
      demand(frame.payload.count == 4, "RST_STREAM of another length")
      answer.isReset = true
    case Http2Frame.data:
      demand(answer.isBegun && !answer.isEnded, "DATA outside of an answer")
      demand(!frame.isEnd, "an answer without trailers")
      demand(answer.sent <= answer.offered, "bytes that nobody offered")
      dataBytes += frame.payload.count
      demand(dataBytes <= windowBytes, "more DATA than the client's window")
    default:
      demand(!answer.isEnded, "HEADERS behind the end")
      demand(frame.flags & Http2Frame.endHeaders != 0, "a header block in parts")
      checkFields(decoder.decode(frame.payload), isFirst: !answer.isBegun, isEnd: frame.isEnd)
      answer.isBegun = true
      answer.isEnded = frame.isEnd
    }
    answers[frame.stream] = answer
  }

  private func checkFields(_ fields: [String: String], isFirst: Bool, isEnd: Bool) {
    demand(!decoder.isBroken, "a header block that cannot be decoded")
    demand((fields[":status"] != nil) == isFirst, "a :status where none belongs")
    guard isEnd, fields[":status"] ?? "200" == "200" else { return }
    let code = fields["grpc-status"].flatMap { UInt32($0) }
    demand(code.map { $0 <= 16 } ?? false, "an answer without its grpc-status")
    let text = fields["grpc-message"] ?? ""
    demand(text.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "a message that is not encoded")
  }
}
