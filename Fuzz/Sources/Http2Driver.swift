// What the reader and the writer of a gRPC connection do, without a connection, an engine or a
// clock of their own: requests are judged, bodies read, answers of every shape given.

import VarveBase
import VarveWire

struct Http2Driver {
  private enum Body {
    case put(GrpcPutReader)
    case messages(GrpcMethod, GrpcMessageReader)
    case nobody
  }

  private static let streamsMax = 8
  private let steering: UInt8
  private let session: Http2Session
  private var watch: Http2Watch
  private var bodies: [Int32: Body] = [:]
  private var nowNanos: UInt64 = 1_000_000_000
  private var last: Int32 = 0
  private(set) var isOver = false

  init(steering: UInt8, watch: Http2Watch) {
    var settings = Http2Session.Settings()
    settings.streamsMax = Self.streamsMax
    // Small enough that an input can overrun them.
    settings.streamWindowBytes = 2000
    self.steering = steering
    self.watch = watch
    session = Http2Session(settings: settings, nowNanos: nowNanos)
  }

  mutating func feed(_ chunk: [UInt8]) {
    nowNanos += 50_000
    unsafe chunk.withUnsafeBytes { unsafe session.receive($0, nowNanos: nowNanos) }
    var taken: [Int32: Int] = [:]
    for event in session.takeEvents() {
      switch event {
      case .request(let stream, let fields, let isEnd): begin(stream, fields, isEnd: isEnd)
      case .data(let stream, let range):
        demand(range.upperBound <= chunk.count, "bytes beyond what came")
        read(stream, Array(chunk[range]))
        taken[stream, default: 0] += range.count
      case .end(let stream): end(of: stream)
      case .closed(let stream, _): bodies[stream] = nil
      }
    }
    for (stream, count) in taken { session.consume(stream, count) }
    for stream in session.takeClosed() {
      demand(!session.isOpen(stream), "a stream closed and open")
    }
    demand(session.openStreams.count <= Self.streamsMax, "more streams than allowed")
    // The reader waits when so many frames wait to be sent.
    if steering & 8 == 0 || session.outboundFrames >= Limits.http2OutboundFramesMax { write() }
  }

  /// The client has finished: what was begun is answered, what is left is sent.
  mutating func end() {
    write()
    for stream in session.openStreams { session.reset(stream, Http2Code.cancel) }
    write()
    demand(session.openStreams.isEmpty, "streams behind their reset")
    demand(session.whyFailed == nil || watch.isLast, "an end without a GOAWAY that says why")
  }

  private mutating func write() {
    let most = steering & 4 == 0 ? 1 << 20 : 50
    while true {
      let output = session.produce(bytesMax: most, nowNanos: nowNanos)
      if output.isEmpty { break }
      demand(output.byteCount <= most + Limits.http2FrameBytesMax + 9, "a turn without end")
      watch.sent(output)
      watch.checkBetween()
    }
    if session.isFinished { isOver = true }
  }

  private mutating func begin(_ stream: Int32, _ fields: Http2Fields, isEnd: Bool) {
    demand(stream > last, "streams come in order")
    last = stream
    bodies[stream] = .nobody
    do throws(GrpcRequestHead.Refused) {
      let head = try GrpcRequestHead(fields)
      bodies[stream] =
        head.method == .call(.put)
        ? .put(GrpcPutReader()) : .messages(head.method, GrpcMessageReader())
      if isEnd { end(of: stream) }
    } catch {
      switch error {
      case .http(let status): session.respond(stream, GrpcStatus.http(status), isEnd: true)
      case .problem(let problem): refuse(stream, problem)
      }
    }
    if steering & 16 != 0 { session.drain() }
  }

  private mutating func read(_ stream: Int32, _ bytes: [UInt8]) {
    guard let body = bodies[stream] else { return }
    do throws(GrpcError) {
      switch body {
      case .nobody: break
      case .put(var reader):
        var offset = 0
        while let step = try GrpcBodies.step(&reader, bytes, &offset) { answerStep(stream, step) }
        demand(offset == bytes.count, "bytes of a put left over")
        bodies[stream] = .put(reader)
      case .messages(let method, var reader):
        var offset = 0
        while offset < bytes.count {
          guard let message = try GrpcBodies.message(&reader, bytes, &offset) else { continue }
          try work(stream, method, message)
        }
        bodies[stream] = .messages(method, reader)
      }
    } catch {
      bodies[stream] = .nobody
      refuse(stream, error.problem)
    }
  }

  private mutating func work(
    _ stream: Int32, _ method: GrpcMethod, _ message: [UInt8]
  ) throws(GrpcError) {
    switch method {
    case .reflection: send(stream, try GrpcReflection.answer(message))
    case .healthCheck, .healthWatch:
      _ = try GrpcHealth.service(message)
      send(stream, GrpcHealth.response(.serving))
    case .call: send(stream, message)
    }
  }

  private mutating func answerStep(_ stream: Int32, _ step: GrpcPutReader.Step) {
    switch step {
    case .header(let header): send(stream, PutResponse.need([UInt8(header.count & 0xff)]).encode())
    // Some puts are ended by the server in their midst.
    case .piece(_, let offset, _) where offset == 13:
      session.reset(stream, Http2Code.internalError)
    case .piece, .held, .bytes: break
    }
  }

  private mutating func end(of stream: Int32) {
    guard let body = bodies.removeValue(forKey: stream) else { return }
    switch body {
    case .nobody: break
    case .put(let reader):
      reader.isBetween ? finish(stream) : refuse(stream, Problem(.invalidArgument, "cut \u{fc}\n"))
    case .messages(_, let reader):
      reader.isBetween ? finish(stream) : refuse(stream, Problem(.invalidArgument, "cut % "))
    }
  }

  // MARK: Answers

  /// Streams whose answer has begun, and whether it is over.
  private var begun: [Int32: Bool] = [:]

  private func canAnswer(_ stream: Int32) -> Bool {
    session.isOpen(stream) && begun[stream] != true
  }

  private mutating func send(_ stream: Int32, _ message: [UInt8]) {
    guard canAnswer(stream) else { return }
    if begun.updateValue(false, forKey: stream) == nil { session.respond(stream, GrpcStatus.head) }
    let bytes = GrpcMessageReader.framed(message)
    watch.offered(stream, bytes.count)
    session.offer(stream, bytes.count)
  }

  private mutating func finish(_ stream: Int32) { close(stream, GrpcStatus.ok) }

  private mutating func refuse(_ stream: Int32, _ problem: Problem) {
    close(stream, GrpcStatus.trailers(problem))
  }

  private mutating func close(_ stream: Int32, _ trailers: [Http2Session.Http2Field]) {
    guard canAnswer(stream) else { return }
    if begun.updateValue(true, forKey: stream) == nil {
      session.respond(stream, GrpcStatus.only(trailers), isEnd: true)
    } else {
      session.end(stream, trailers)
    }
  }
}
