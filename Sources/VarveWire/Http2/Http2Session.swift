// One HTTP/2 connection, server side, without the connection: bytes in, events out; answers in,
// bytes out. nghttp2 behind it (1.52, RFC 9113); no pointer of it leaves this folder.
//
// A driver owns the socket and does this, under one lock:
//
//   1. Give what it received to `receive`, take the events, work on them in order (outside of the
//      lock), then `consume` the bytes of bodies that it has disposed of: the peer's window opens
//      by as much.
//   2. Answer: `respond` once, `offer` bytes as they are made, `end` with the trailers.
//   3. `produce` what may be sent now. Where its parts say `.payload`, the driver sends its own
//      bytes: pages go from where they lie to the socket.
//   4. `isFinished` tells to close after what was produced is written.

internal import CNghttp2
internal import VarveBase

/// The state of one server-side HTTP/2 connection. Not thread-safe.
@safe package final class Http2Session {
  /// What the server tells the client in its first SETTINGS.
  package struct Settings: Sendable {
    package var streamsMax = Limits.streamsMax
    package var frameBytesMax = Limits.http2FrameBytesMax
    package var streamWindowBytes = Limits.http2StreamWindowBytes
    package var connectionWindowBytes = Limits.http2ConnectionWindowBytes

    package init() {}
  }

  /// One stream the peer has opened.
  struct Stream {
    var fields = Http2Fields()
    /// Bytes offered and not yet taken into a frame.
    var offered = 0
    /// The answer is complete: these follow the last offered byte.
    var trailers: [Http2Field]?
    var isAnswered = false
    /// The whole answer, trailers included, has been framed.
    var isOver = false
    var isPeerDone = false
  }

  package typealias Http2Field = (name: String, value: String)

  let session: OpaquePointer
  var streams: [Int32: Stream] = [:]
  var events: [Http2Event] = []
  var output = Http2Output()
  var outputBytesMax = 0
  /// Where the memory being received begins, while it is.
  var inputBase: UnsafeRawPointer?
  var abuse: Http2Abuse
  var nowNanos: UInt64
  /// Why the connection must end, once known.
  var failure: Http2Failure?
  var isSealed = false
  var isDraining = false
  /// Streams whose answer ends before the peer does: told to stop behind their trailers.
  var streamsToStop: [Int32] = []
  var closedStreams: [Int32] = []
  /// Streams that the driver has reset: no fault of the peer.
  var ownResets: Set<Int32> = []
  /// The client's SETTINGS have come: it speaks HTTP/2.
  package internal(set) var isGreeted = false

  package init(settings: Settings = Settings(), nowNanos: UInt64) {
    precondition(settings.streamsMax > 0, "a connection needs a stream")
    self.nowNanos = nowNanos
    abuse = Http2Abuse(nowNanos: nowNanos)
    unsafe session = Http2Callbacks.makeSession()
    unsafe nghttp2_session_set_user_data(
      session, UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque()))
    submit(settings)
  }

  deinit { unsafe nghttp2_session_del(session) }

  private func submit(_ settings: Settings) {
    let pairs: [(nghttp2_settings_id, Int)] = [
      (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streamsMax),
      (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.streamWindowBytes),
      (NGHTTP2_SETTINGS_MAX_FRAME_SIZE, settings.frameBytesMax),
      (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, Limits.http2HeaderListBytesMax),
      // The tree of RFC 7540 is work for nothing and a way to attack (RFC 9113 §5.3.2).
      (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    let entries = pairs.map {
      nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: UInt32($0.1))
    }
    let status = unsafe nghttp2_submit_settings(session, 0, entries, entries.count)
    precondition(status == 0, "nghttp2_submit_settings gave \(status)")
    let window = unsafe nghttp2_session_set_local_window_size(
      session, 0, 0, Int32(settings.connectionWindowBytes))
    precondition(window == 0, "nghttp2_session_set_local_window_size gave \(window)")
  }

  // MARK: Receiving

  /// Takes bytes of the peer. Events are in `takeEvents()`; a failure is in what is produced next.
  package func receive(_ bytes: UnsafeRawBufferPointer, nowNanos: UInt64) {
    guard !isSealed, let base = bytes.baseAddress else { return }
    self.nowNanos = nowNanos
    unsafe inputBase = base
    let count = unsafe nghttp2_session_mem_recv(
      session, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    unsafe inputBase = nil
    if let failure { return fail(failure) }
    if count < 0 { return fail(Http2Failure(nghttp2: Int32(count))) }
    if let failure = abuse.received(bytes.count) { fail(failure) }
  }

  /// Streams that have ended since the last call, whichever side ended them.
  package func takeClosed() -> [Int32] {
    defer { closedStreams.removeAll(keepingCapacity: true) }
    return closedStreams
  }

  package func takeEvents() -> [Http2Event] {
    defer { events.removeAll(keepingCapacity: true) }
    return events
  }

  /// The driver has disposed of bytes of a body.
  package func consume(_ stream: Int32, _ count: Int) {
    guard !isSealed, count > 0 else { return }
    // A stream that is gone gives back what the connection's window lost to it.
    if streams[stream] == nil {
      _ = unsafe nghttp2_session_consume_connection(session, count)
    } else {
      _ = unsafe nghttp2_session_consume(session, stream, count)
    }
  }

  // MARK: Ends

  package var openStreams: [Int32] { streams.keys.sorted() }

  package func isOpen(_ stream: Int32) -> Bool { streams[stream] != nil }

  /// Why this side ends the connection; nil while it does not.
  package var whyFailed: Http2Failure? { failure }

  /// Nothing more will come of this connection once what was produced is written.
  package var isFinished: Bool {
    if isSealed { return output.isEmpty }
    guard unsafe nghttp2_session_want_write(session) == 0 else { return false }
    if isDraining, streams.isEmpty { return true }
    return unsafe nghttp2_session_want_read(session) == 0
  }

  /// Frames waiting to be sent: what the peer has made us hold.
  package var outboundFrames: Int {
    isSealed ? 0 : unsafe nghttp2_session_get_outbound_queue_size(session)
  }

  /// Takes no more streams and finishes those begun.
  package func drain() {
    guard !isDraining, !isSealed else { return }
    isDraining = true
    let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
    _ = unsafe nghttp2_submit_goaway(session, 0, last, Http2Code.noError, nil, 0)
  }

  /// Nothing goes through nghttp2 any more; every stream is over.
  func seal() {
    isSealed = true
    closedStreams += streams.keys
    streams = [:]
  }

  /// Ends the connection at once, telling why. Nothing more is answered.
  package func fail(_ failure: Http2Failure) {
    guard !isSealed else { return }
    self.failure = failure
    let lastStream = unsafe nghttp2_session_get_last_proc_stream_id(session)
    seal()
    let frame = failure.goAway(lastStream: lastStream)
    unsafe frame.withUnsafeBytes { unsafe output.append($0) }
  }
}
