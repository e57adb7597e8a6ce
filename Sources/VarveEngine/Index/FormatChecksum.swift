// CRC32C of a piece of an index file. The file's number and the piece's offset are its seed, so
// that a piece read from the wrong place, or left over from another file, does not check.

internal import VarveBase

enum FormatChecksum {
  static func seed(number: UInt64, offset: UInt64) -> UInt32 {
    var place: [UInt8] = []
    place.appendLE(number)
    place.appendLE(offset)
    return CRC32C.checksum(place)
  }

  /// Of `head` and then `body`, for a piece at `offset` of file `number`.
  static func of(_ head: [UInt8], _ body: [UInt8], number: UInt64, offset: UInt64) -> UInt32 {
    CRC32C.checksum(body, seed: CRC32C.checksum(head, seed: seed(number: number, offset: offset)))
  }
}
