// The C side of `Http2Session`: options, and the functions nghttp2 calls, each handing on to a
// method of the session. Sound: nghttp2 calls only within `receive` and `produce` of the session
// whose pointer it was given, and that session outlives it.

internal import CNghttp2
internal import VarveBase

enum Http2Callbacks {
  /// A server session of nghttp2 with our limits and callbacks.
  static func makeSession() -> OpaquePointer {
    var option: OpaquePointer?
    var callbacks: OpaquePointer?
    var session: OpaquePointer?
    let made = unsafe (
      nghttp2_option_new(&option), nghttp2_session_callbacks_new(&callbacks)
    )
    precondition(made == (0, 0), "nghttp2 has no memory")
    unsafe setLimits(option)
    unsafe setReceiving(callbacks)
    unsafe setSending(callbacks)
    let status = unsafe nghttp2_session_server_new2(&session, callbacks, nil, option)
    unsafe nghttp2_session_callbacks_del(callbacks)
    unsafe nghttp2_option_del(option)
    guard status == 0, let session = unsafe session else {
      preconditionFailure("nghttp2_session_server_new2 gave \(status)")
    }
    return unsafe session
  }

  private static func setLimits(_ option: OpaquePointer?) {
    // The peer's window opens when its bytes have been disposed of, not when they come.
    unsafe nghttp2_option_set_no_auto_window_update(option, 1)
    unsafe nghttp2_option_set_no_closed_streams(option, 1)
    unsafe nghttp2_option_set_stream_reset_rate_limit(
      option, Limits.http2ResetsBurst, Limits.http2ResetsPerSecond)
    unsafe nghttp2_option_set_max_continuations(option, Limits.http2ContinuationsMax)
    unsafe nghttp2_option_set_max_settings(option, Limits.http2SettingsMax)
    unsafe nghttp2_option_set_max_outbound_ack(option, Limits.http2AcksMax)
  }

  private static func owner(_ pointer: UnsafeMutableRawPointer?) -> Http2Session {
    guard let pointer = unsafe pointer else { preconditionFailure("a session has its owner") }
    return unsafe Unmanaged<Http2Session>.fromOpaque(pointer).takeUnretainedValue()
  }

  private static func setReceiving(_ callbacks: OpaquePointer?) {
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) {
      _, frame, user in
      guard let frame = unsafe frame else { return 0 }
      if unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
        unsafe Http2Callbacks.owner(user).headersBegin(frame.pointee.hd.stream_id)
      }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameBytes, value, valueBytes, _, user in
      guard let frame = unsafe frame else { return 0 }
      let isFine = unsafe Http2Callbacks.owner(user).field(
        frame.pointee.hd.stream_id, UnsafeBufferPointer(start: name, count: nameBytes),
        UnsafeBufferPointer(start: value, count: valueBytes))
      return isFine ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      guard let frame = unsafe frame else { return 0 }
      let isHeaders = unsafe frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue)
      let isRequest = unsafe isHeaders && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
      unsafe Http2Callbacks.owner(user).frameCame(frame.pointee.hd, isRequest: isRequest)
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, data, count, user in
      guard let data = unsafe data else { return 0 }
      unsafe Http2Callbacks.owner(user).dataCame(stream, data, count)
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
      _, _, _, user in
      unsafe Http2Callbacks.owner(user).invalidFrameCame()
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      _, stream, code, user in
      unsafe Http2Callbacks.owner(user).closed(stream, code)
      return 0
    }
  }

  private static func setSending(_ callbacks: OpaquePointer?) {
    unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
      guard let frame = unsafe frame else { return 0 }
      let code: UInt32? =
        switch unsafe nghttp2_frame_type(UInt32(frame.pointee.hd.type)) {
        case NGHTTP2_RST_STREAM: unsafe frame.pointee.rst_stream.error_code
        case NGHTTP2_GOAWAY: unsafe frame.pointee.goaway.error_code
        default: nil
        }
      unsafe Http2Callbacks.owner(user).frameSent(frame.pointee.hd, code: code)
      return 0
    }
    unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) {
      _, frame, head, length, _, user in
      guard let frame = unsafe frame, let head = unsafe head else {
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
      }
      let isEnough = unsafe Http2Callbacks.owner(user).dataFramed(
        frame.pointee.hd.stream_id, UnsafeRawBufferPointer(start: head, count: 9), length)
      return isEnough ? NGHTTP2_ERR_PAUSE.rawValue : 0
    }
    unsafe nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks) {
      _, _, _, sessionWindow, streamWindow, frameMax, user in
      unsafe Http2Callbacks.owner(user).frameRoom(sessionWindow, streamWindow, frameMax)
    }
  }

  /// Where the body of an answer comes from.
  static func provider() -> nghttp2_data_provider {
    unsafe nghttp2_data_provider(
      source: nghttp2_data_source(),
      read_callback: { _, stream, _, room, flags, _, user in
        guard let flags = unsafe flags else { return 0 }
        return unsafe Http2Callbacks.owner(user).nextFrame(
          stream, room: room, flags: &flags.pointee)
      })
  }
}
