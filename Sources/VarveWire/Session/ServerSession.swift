// The protocol of one connection, server side, without the connection: frames in, actions out.
// Which bytes mean what, which stream is open, who may send how much, is decided here and nowhere
// else.
//
// A driver owns the socket, one `FrameParser` and one `ServerSession`, and does this:
//
//   1. Feed what it received to the parser. A frame comes out: `session.receive(frame)` and carry
//      out the actions in order. The parser throws: `session.fail(error)`, the same.
//   2. `.data` and `.discard` say where the frame's payload belongs: receive that many bytes past
//      the parser (`parser.skip`) before feeding it again. Should the stream end meanwhile
//      (`isOpen`), the rest belongs to nobody.
//   3. To answer, ask the session for the head of each frame (`response`, `data`, `problem`,
//      `grant`), write it, then the payload promised in it. They return nil when the stream is
//      over: drop the answer. Payloads are at most `sendableBytes`; 0: wait for `.window`.
//   4. After writing: `isFinished` tells to close. `.close` tells so at once: flush for up to 1 s.
//
// Heads must be written in the order in which they were made. The driver stops reading while too
// much of what is to be sent waits, else a client could make it hold PONGs without end.

internal import VarveBase

/// The state of one server-side connection.
package struct ServerSession: Sendable {
  /// What the server says of itself in HELLO_OK.
  package struct Settings: Sendable {
    package var server: String
    package var bootID: String
    package var features: [String]
    package var maxPayload: Int
    package var maxPages: Int
    package var maxStreams: Int
    /// Bytes that a client may send on a stream before it is granted more; 0: as many as it likes.
    package var windowBytes: UInt64

    package init(
      server: String = "varved", bootID: String = "", features: [String] = [],
      maxPayload: Int = Limits.payloadBytesMax, maxPages: Int = Limits.pagesMax,
      maxStreams: Int = Limits.streamsMax, windowBytes: UInt64 = 0
    ) {
      self.server = server
      self.bootID = bootID
      self.features = features
      self.maxPayload = maxPayload
      self.maxPages = maxPages
      self.maxStreams = maxStreams
      self.windowBytes = windowBytes
    }
  }

  /// What the driver is to do.
  package enum Action: Hashable, Sendable {
    /// Write these bytes, behind everything that was made before.
    case send([UInt8])
    /// The client's HELLO was accepted.
    case hello(Hello)
    /// Begin a call. `last`: no DATA will follow.
    case request(stream: UInt32, method: Method, message: [UInt8], last: Bool)
    /// The next `byteCount` bytes of the connection belong to this call; 0 with `last` is its end.
    case data(stream: UInt32, byteCount: Int, last: Bool)
    /// The next `byteCount` bytes of the connection belong to nobody.
    case discard(byteCount: Int)
    /// More may be sent on this stream.
    case window(stream: UInt32)
    /// The stream is over before its answer was: stop working on it. What the client is told is in
    /// a `.send` of the same list.
    case stop(stream: UInt32)
    /// Flush, for at most one second, and close.
    case close
  }

  enum Phase: Hashable {
    case awaitingHello
    case open
    /// A GOAWAY with UNAVAILABLE passed, in either direction: streams begun are finished.
    case draining
    case closed
  }

  struct Stream {
    let method: UInt16
    /// The client's own last frame came.
    var clientIsDone: Bool
    /// Bytes the client may still send; nil: no window.
    var receiveCredit: UInt64?
    /// Bytes that may still be sent to the client; nil: no window.
    var sendCredit: UInt64?
    /// Bytes granted by WINDOW on a stream without a window: kept for the rule on their sum.
    var surplus: UInt64 = 0
  }

  package static let versions: ClosedRange<UInt32> = 1...1

  package let settings: Settings
  var phase = Phase.awaitingHello
  var streams: [UInt32: Stream] = [:]
  var lastStream: UInt32 = 0
  var clientMaxPayload = Limits.payloadBytesMax
  var clientWindow: UInt64 = 0

  package init(settings: Settings = Settings()) {
    precondition(settings.maxStreams > 0, "a connection needs a stream")
    self.settings = settings
  }

  /// Whether the connection has nothing more to do: close it once everything is written.
  package var isFinished: Bool { phase == .closed || (phase == .draining && streams.isEmpty) }

  package var openStreams: [UInt32] { streams.keys.sorted() }

  package func isOpen(_ stream: UInt32) -> Bool { streams[stream] != nil }

  package func checkInvariants() {
    precondition(streams.count <= settings.maxStreams, "more streams than max_streams")
    precondition(streams.keys.allSatisfy { $0 % 2 == 1 && $0 <= lastStream }, "stream ids")
    precondition(phase != .closed || streams.isEmpty, "a closed connection has streams")
    precondition(phase != .awaitingHello || lastStream == 0, "a stream before HELLO")
  }

  // MARK: Ends

  /// The frame was bad: says so and ends the connection.
  package mutating func fail(_ error: FrameError) -> [Action] { goAway(error.problem) }

  /// Ends the connection at once, telling why. Nothing more is answered.
  package mutating func goAway(_ problem: Problem) -> [Action] {
    guard phase != .closed else { return [] }
    return stopAll() + [.send(Self.goAwayFrame(problem)), .close]
  }

  /// Takes no more calls and finishes those begun; then `isFinished`.
  package mutating func drain(_ message: String = "draining; connect elsewhere") -> [Action] {
    let problem = Problem(.unavailable, message)
    switch phase {
    case .awaitingHello: return goAway(problem)
    case .open:
      phase = .draining
      return [.send(Self.goAwayFrame(problem))]
    case .draining, .closed: return []
    }
  }

  mutating func stopAll() -> [Action] {
    let stopped = openStreams
    streams = [:]
    phase = .closed
    return stopped.map { .stop(stream: $0) }
  }

  private static func goAwayFrame(_ problem: Problem) -> [UInt8] {
    let message = problem.encode()
    return FrameHeader(.goAway, flags: .error, messageBytes: message.count).frame(message)
  }
}
