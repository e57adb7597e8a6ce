// GetResponse by hand: what stands before and behind the bytes of a piece of a page, so that the
// bytes themselves go from where they lie to the socket.
//
//   offset  bytes  what
//   0       5      prefix: 0, length of the message (big-endian)
//   5       …      page 1, page_bytes 2, checksum 3, offset 4 (each left out when 0)
//   …       …      tag and length of bytes 5
//                  the piece
//   …       2      status 6 = PRESENT

internal import VarveBase

/// Makes the parts of GetResponse messages.
package enum GrpcGetMessage {
  /// Everything of a message but the piece and the status: at most this.
  private static let headBytesMax = 40
  /// Behind every piece.
  package static let tail: [UInt8] = [0x30, UInt8(PageStatus.present.rawValue)]

  /// How a page is cut: pieces alike, as few as the limit of a message allows.
  package static func pieceBytes(pageBytes: Int) -> Int {
    let most = Limits.grpcGetMessageBytesMax - headBytesMax - tail.count
    let pieces = (pageBytes + most - 1) / most
    return pieces <= 1 ? pageBytes : (pageBytes + pieces - 1) / pieces
  }

  /// Prefix and fields before a piece of `count` bytes.
  package static func head(
    page: UInt32, pageBytes: UInt32, checksum: UInt64, offset: UInt32, count: Int
  ) -> [UInt8] {
    precondition(count > 0, "a piece has bytes")
    var writer = ProtobufWriter()
    writer.number(1, UInt64(page))
    writer.number(2, UInt64(pageBytes))
    writer.fixed64(3, checksum)
    writer.number(4, UInt64(offset))
    writer.head(5, count: count)
    precondition(writer.bytes.count + GrpcPrefix.byteCount <= headBytesMax, "a head is short")
    var bytes: [UInt8] = []
    GrpcPrefix.append(length: writer.bytes.count + count + tail.count, to: &bytes)
    return bytes + writer.bytes
  }

  /// The whole message of a page that has no bytes to give.
  package static func without(page: UInt32, status: PageStatus) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.number(1, UInt64(page))
    writer.number(6, UInt64(status.rawValue))
    return GrpcPrefix.framed(writer.bytes)
  }
}
