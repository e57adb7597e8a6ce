// Why a connection is ended, and the GOAWAY that says so. Made by hand: nghttp2 must not be used
// any more after some of its errors.

internal import CNghttp2

/// The end of a connection: an error code of RFC 9113 §7 and a sentence for the log of the peer.
package struct Http2Failure: Error, Hashable, Sendable {
  package let code: UInt32
  package let text: String

  package init(_ code: UInt32, _ text: String) {
    self.code = code
    self.text = text
  }

  init(nghttp2 error: Int32) {
    let what = unsafe String(cString: nghttp2_strerror(error))
    let code =
      switch error {
      case NGHTTP2_ERR_FLOODED.rawValue: Http2Code.enhanceYourCalm
      case NGHTTP2_ERR_NOMEM.rawValue, NGHTTP2_ERR_CALLBACK_FAILURE.rawValue:
        Http2Code.internalError
      default: Http2Code.protocolError
      }
    self.init(code, "broken HTTP/2: \(what)")
  }

  /// All that a server says to a connection that it does not let in: SETTINGS must come first.
  package var farewell: [UInt8] { [0, 0, 0, 4, 0, 0, 0, 0, 0] + goAway(lastStream: 0) }

  /// A GOAWAY frame (RFC 9113 §6.8).
  func goAway(lastStream: Int32) -> [UInt8] {
    let debug = Array(text.utf8.prefix(1024))
    let length = UInt32(8 + debug.count)
    var frame: [UInt8] = [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), 7, 0]
    for value in [0, UInt32(lastStream), code] {
      for shift in [24, 16, 8, 0] as [UInt32] { frame.append(UInt8(value >> shift & 255)) }
    }
    return frame + debug
  }
}
