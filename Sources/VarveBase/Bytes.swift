// Little-endian reading and writing of formats. Readers are bounds-checked in every build: a length
// that lies must end in a refusal or a trap, never in a wild read.

extension RawSpan {
  /// The little-endian integer at `offset`; reading past the end is a programmer's error, so check
  /// lengths first.
  @inlinable
  package func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self)
    -> T
  {
    let size = MemoryLayout<T>.size
    precondition(offset >= 0 && offset + size <= byteCount, "read outside the bytes given")
    return T(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// A copy of `count` bytes from `offset`: for short fields, not for payloads.
  package func copy(_ offset: Int, count: Int) -> [UInt8] {
    precondition(count >= 0 && offset >= 0 && offset + count <= byteCount, "copy outside the bytes")
    return unsafe withUnsafeBytes { unsafe Array($0[offset..<offset + count]) }
  }
}

extension [UInt8] {
  /// The array's bytes as a span.
  @inlinable
  package var rawSpan: RawSpan {
    // Sound: `UInt8` has no padding, which is what makes `Span.bytes` unsafe in general.
    @_lifetime(borrow self)
    get { unsafe span.bytes }
  }

  /// Appends the integer's bytes, least significant first.
  @inlinable
  package mutating func appendLE<T: FixedWidthInteger>(_ value: T) {
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
  }

  /// Appends the integer's bytes, most significant first: for keys, whose order is their bytes'.
  @inlinable
  package mutating func appendBE<T: FixedWidthInteger>(_ value: T) {
    unsafe Swift.withUnsafeBytes(of: value.bigEndian) { unsafe append(contentsOf: $0) }
  }

  /// Overwrites the bytes at `offset` with the integer, least significant first.
  @inlinable
  package mutating func storeLE<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "store outside the array")
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { source in
      for index in 0..<source.count { unsafe self[offset + index] = source[index] }
    }
  }

  package mutating func append(_ id: PageID) { append(contentsOf: id.bytes) }
}
