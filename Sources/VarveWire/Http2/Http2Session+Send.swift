// The answers of streams, and what is sent of them.

internal import CNghttp2
internal import VarveBase

extension Http2Session {
  /// The fields that begin an answer; `isEnd`: they are all of it.
  package func respond(_ stream: Int32, _ fields: [Http2Field], isEnd: Bool = false) {
    guard !isSealed, var state = streams[stream], !state.isAnswered else { return }
    state.isAnswered = true
    state.isOver = isEnd
    streams[stream] = state
    let status = unsafe Self.withFields(fields) { pointer, count in
      if isEnd { return unsafe nghttp2_submit_response(session, stream, pointer, count, nil) }
      var provider = unsafe Http2Callbacks.provider()
      return unsafe nghttp2_submit_response(session, stream, pointer, count, &provider)
    }
    precondition(status == 0, "nghttp2_submit_response gave \(status)")
    if isEnd { stopPeer(stream, state) }
  }

  /// So many more bytes of the answer's body can be had from the driver.
  package func offer(_ stream: Int32, _ count: Int) {
    guard !isSealed, let state = streams[stream] else { return }
    precondition(state.isAnswered && state.trailers == nil, "a body has a begin and an end")
    streams[stream]?.offered += count
    resume(stream)
  }

  /// The answer ends behind what was offered, with these trailers.
  package func end(_ stream: Int32, _ trailers: [Http2Field]) {
    guard !isSealed, let state = streams[stream], !state.isOver else { return }
    precondition(state.isAnswered && state.trailers == nil, "an answer ends once")
    streams[stream]?.trailers = trailers
    resume(stream)
  }

  private func resume(_ stream: Int32) {
    // Fails where the stream was not waiting, which is no matter.
    _ = unsafe nghttp2_session_resume_data(session, stream)
  }

  /// Ends the stream without an answer, or in the midst of one.
  package func reset(_ stream: Int32, _ code: UInt32) {
    guard !isSealed, streams[stream] != nil else { return }
    streams[stream]?.offered = 0
    ownResets.insert(stream)
    _ = unsafe nghttp2_submit_rst_stream(session, 0, stream, code)
  }

  /// What may be sent now, about `bytesMax` of it.
  package func produce(bytesMax: Int, nowNanos: UInt64) -> Http2Output {
    self.nowNanos = nowNanos
    outputBytesMax = bytesMax
    while !isSealed, output.byteCount < bytesMax {
      var data: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(session, &data)
      // A frame that ends the connection is told of when it is made: it is sent before that.
      if count > 0, let data = unsafe data {
        unsafe output.append(UnsafeRawBufferPointer(start: data, count: count))
      }
      if let failure { return finish(failing: failure) }
      if count < 0 { return finish(failing: Http2Failure(nghttp2: Int32(count))) }
      guard count > 0 else { break }
    }
    return takeOutput()
  }

  private func finish(failing failure: Http2Failure) -> Http2Output {
    fail(failure)
    return takeOutput()
  }

  private func takeOutput() -> Http2Output {
    defer { output = Http2Output() }
    return output
  }

  /// What nghttp2 asks for the next DATA frame: how much of the body there is.
  func nextFrame(_ stream: Int32, room: Int, flags: inout UInt32) -> Int {
    guard var state = streams[stream] else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let count = min(room, state.offered)
    if count == 0, state.trailers == nil { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
    flags |= UInt32(NGHTTP2_DATA_FLAG_NO_COPY.rawValue)
    state.offered -= count
    if state.offered == 0, let trailers = state.trailers {
      flags |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
      state.isOver = true
      let status = unsafe Self.withFields(trailers) {
        unsafe nghttp2_submit_trailer(session, stream, $0, $1)
      }
      precondition(status == 0, "nghttp2_submit_trailer gave \(status)")
      stopPeer(stream, state)
    }
    streams[stream] = state
    return count
  }

  /// A client that still sends what nobody will read is told so (RFC 9113 §8.1): behind the answer.
  private func stopPeer(_ stream: Int32, _ state: Stream) {
    guard !state.isPeerDone else { return }
    streamsToStop.append(stream)
  }

  /// The trailers of `stream` have been framed.
  func answerIsFramed(_ stream: Int32) {
    guard let index = streamsToStop.firstIndex(of: stream) else { return }
    streamsToStop.remove(at: index)
    guard let state = streams[stream], !state.isPeerDone else { return }
    _ = unsafe nghttp2_submit_rst_stream(session, 0, stream, Http2Code.noError)
  }

  /// Calls `body` with the fields as nghttp2 takes them; it copies what it keeps.
  private static func withFields<Result>(
    _ fields: [Http2Field], _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
  ) -> Result {
    var text: [UInt8] = []
    for field in fields {
      text += Array(field.name.utf8)
      text += Array(field.value.utf8)
    }
    return unsafe text.withUnsafeMutableBufferPointer { memory in
      var pairs: [nghttp2_nv] = unsafe []
      var offset = 0
      for field in fields {
        let (nameBytes, valueBytes) = (field.name.utf8.count, field.value.utf8.count)
        let name = unsafe memory.baseAddress.map { unsafe $0 + offset }
        let value = unsafe memory.baseAddress.map { unsafe $0 + offset + nameBytes }
        unsafe pairs.append(
          nghttp2_nv(
            name: name, value: value, namelen: nameBytes, valuelen: valueBytes,
            flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        offset += nameBytes + valueBytes
      }
      return unsafe pairs.withUnsafeBufferPointer { unsafe body($0.baseAddress, $0.count) }
    }
  }
}
