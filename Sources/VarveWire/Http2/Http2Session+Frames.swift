// What nghttp2 tells of each frame, turned into events and counts. Called by `Http2Callbacks` while
// `receive` or `produce` runs.

internal import CNghttp2
internal import VarveBase

extension Http2Session {
  func headersBegin(_ stream: Int32) {
    streams[stream] = Stream()
    // Round robin among streams: without it a long answer would go out whole before the next.
    var priority = nghttp2_extpri(urgency: 3, inc: 1)
    _ = unsafe nghttp2_session_change_extpri_stream_priority(session, stream, &priority, 1)
  }

  /// One field of a header block; false ends the connection.
  func field(
    _ stream: Int32, _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
  )
    -> Bool
  {
    guard var fields = streams[stream]?.fields else { return true }
    fields.listBytes += name.count + value.count + 32
    if fields.listBytes <= Limits.http2HeaderListBytesMax {
      unsafe fields.set(
        String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
    } else if fields.listBytes > Limits.http2HeaderListBytesFatal {
      failure = Http2Failure(
        Http2Code.enhanceYourCalm,
        "a header list of over \(Limits.http2HeaderListBytesFatal) bytes; the limit is "
          + "\(Limits.http2HeaderListBytesMax)")
      return false
    }
    streams[stream]?.fields = fields
    return true
  }

  func frameCame(_ head: nghttp2_frame_hd, isRequest: Bool) {
    let isEnd = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch nghttp2_frame_type(UInt32(head.type)) {
    case NGHTTP2_HEADERS:
      guard let fields = streams[head.stream_id]?.fields else { return }
      if isRequest {
        abuse.requestCame()
        streams[head.stream_id]?.isPeerDone = isEnd
        events.append(.request(stream: head.stream_id, fields: fields, isEnd: isEnd))
      } else if isEnd {
        peerEnded(head.stream_id)
      }
    case NGHTTP2_DATA:
      if isEnd {
        peerEnded(head.stream_id)
      } else if head.length == 0 {
        note(abuse.empty(nowNanos: nowNanos))
      }
    case NGHTTP2_WINDOW_UPDATE, NGHTTP2_RST_STREAM: break
    case NGHTTP2_SETTINGS:
      isGreeted = true
      note(abuse.control(nowNanos: nowNanos))
    default: note(abuse.control(nowNanos: nowNanos))
    }
  }

  private func peerEnded(_ stream: Int32) {
    streams[stream]?.isPeerDone = true
    events.append(.end(stream: stream))
  }

  func dataCame(_ stream: Int32, _ data: UnsafePointer<UInt8>, _ count: Int) {
    guard let base = unsafe inputBase else { preconditionFailure("DATA outside of receive") }
    let offset = unsafe UnsafeRawPointer(data) - base
    precondition(offset >= 0, "nghttp2 gave bytes that were not received")
    events.append(.data(stream: stream, range: offset..<offset + count))
  }

  func invalidFrameCame() { note(abuse.fault(nowNanos: nowNanos)) }

  /// - Parameter code: of RST_STREAM and GOAWAY.
  func frameSent(_ head: nghttp2_frame_hd, code: UInt32?) {
    switch nghttp2_frame_type(UInt32(head.type)) {
    case NGHTTP2_RST_STREAM:
      if code != Http2Code.noError, ownResets.remove(head.stream_id) == nil {
        note(abuse.fault(nowNanos: nowNanos))
      }
    case NGHTTP2_GOAWAY:
      if let code, code != Http2Code.noError { nghttp2Ended(code) }
    case NGHTTP2_HEADERS:
      let isEnd = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if isEnd { answerIsFramed(head.stream_id) }
    default: break
    }
  }

  /// nghttp2 has told the peer by itself that its bytes are no HTTP/2, and tells us of no stream's
  /// end any more.
  private func nghttp2Ended(_ code: UInt32) {
    guard !isSealed else { return }
    failure = failure ?? Http2Failure(code, "broken HTTP/2")
    seal()
  }

  func closed(_ stream: Int32, _ code: UInt32) {
    streamsToStop.removeAll { $0 == stream }
    ownResets.remove(stream)
    guard streams.removeValue(forKey: stream) != nil else { return }
    closedStreams.append(stream)
    events.append(.closed(stream: stream, code: code))
  }

  private func note(_ failure: Http2Failure?) {
    if self.failure == nil, let failure { self.failure = failure }
  }

  /// How long the next DATA frame may be: the peer's own limit, its windows, and ours.
  func frameRoom(_ sessionWindow: Int32, _ streamWindow: Int32, _ frameMax: UInt32) -> Int {
    min(Int(sessionWindow), Int(streamWindow), Int(frameMax), Limits.http2FrameBytesMax)
  }

  /// True when enough has been framed for one turn.
  func dataFramed(_ stream: Int32, _ head: UnsafeRawBufferPointer, _ count: Int) -> Bool {
    unsafe output.append(head)
    output.append(payload: count, of: stream)
    return output.byteCount >= outputBytesMax
  }
}
