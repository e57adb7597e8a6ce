// The bounds of HTTP/2 and gRPC. Same rule as in `Limits`: each has a test at its edge.

package import VarveBase

extension Limits {
  // gRPC (contract, "gRPC").
  package static let grpcMessageBytesMax = 8 << 20
  package static let grpcPutDataBytesMax = 1 << 20
  /// A whole message of a Get's answer, head included.
  package static let grpcGetMessageBytesMax = 1 << 20
  /// Requests being collected on one connection, all streams together; pages do not count, they go
  /// where they belong as they come.
  package static let grpcCollectedBytesMax = 16 << 20

  // HTTP/2.
  /// The longest frame a client may send: of 1 MiB of page, few heads; of a header block, enough.
  package static let http2FrameBytesMax = 1 << 20
  /// Bytes a client may send on one stream before it is granted more (64 KiB cost four times the
  /// time on upload, measured), and on all streams of a connection together.
  package static let http2StreamWindowBytes = 4 << 20
  package static let http2ConnectionWindowBytes = 16 << 20
  /// Names, values and 32 bytes a field (RFC 9113 §6.5.2) of one request.
  package static let http2HeaderListBytesMax = 16 << 10
  /// Beyond the list's limit by so much, it is no accident: the connection ends.
  package static let http2HeaderListBytesFatal = 256 << 10
  /// Bytes a client may send before its first whole request.
  package static let http2OpeningBytesMax = 64 << 10
  package static let http2ContinuationsMax = 8
  package static let http2SettingsMax = 32
  /// Acknowledgements of PING and SETTINGS that wait to be sent.
  package static let http2AcksMax = 1000
  /// Frames of any kind that wait to be sent: over it the reader waits.
  package static let http2OutboundFramesMax = 2000

  // Token buckets: so many at once, so many a second after that.
  package static let http2ResetsBurst: UInt64 = 1000
  package static let http2ResetsPerSecond: UInt64 = 100
  /// Streams that we were made to reset and frames that are none ("MadeYouReset").
  package static let http2FaultsBurst: UInt64 = 500
  package static let http2FaultsPerSecond: UInt64 = 50
  /// PING and SETTINGS.
  package static let http2ControlsBurst: UInt64 = 2000
  package static let http2ControlsPerSecond: UInt64 = 200
  /// DATA without a byte that ends nothing.
  package static let http2EmptiesBurst: UInt64 = 1000
  package static let http2EmptiesPerSecond: UInt64 = 100
}
