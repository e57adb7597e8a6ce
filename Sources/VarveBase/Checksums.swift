// The two checksums of Varve. XXH3-64 (seed 0) covers page payloads from the client's memory to the
// client's memory; CRC32C guards frames, headers, blocks and footers.

internal import CLinux
internal import CXXHash

/// XXH3-64 with seed 0.
package enum XXH3 {
  /// The checksum of contiguous bytes.
  package static func hash(_ bytes: RawSpan) -> UInt64 {
    unsafe bytes.withUnsafeBytes { unsafe varve_xxh3($0.baseAddress, $0.count) }
  }

  package static func hash(_ bytes: [UInt8]) -> UInt64 { hash(bytes.rawSpan) }

  package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe varve_xxh3(bytes.baseAddress, bytes.count)
  }

  /// The checksum of bytes that come in pieces. Owns libxxhash's state; one use each.
  @safe package struct Stream: ~Copyable {
    private let state: OpaquePointer

    package init() {
      guard let made = unsafe XXH3_createState() else {
        preconditionFailure("XXH3_createState: out of memory")
      }
      unsafe state = made
      _ = unsafe XXH3_64bits_reset(state)
    }

    deinit { _ = unsafe XXH3_freeState(state) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
      _ = unsafe varve_xxh3_update(state, bytes.baseAddress, bytes.count)
    }

    package func digest() -> UInt64 { unsafe XXH3_64bits_digest(state) }

    package mutating func reset() { _ = unsafe XXH3_64bits_reset(state) }
  }
}

/// CRC-32C (Castagnoli).
package enum CRC32C {
  package static func checksum(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe varve_crc32c(seed, $0.baseAddress, $0.count) }
  }

  package static func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    checksum(bytes.rawSpan, seed: seed)
  }

  package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    unsafe varve_crc32c(seed, bytes.baseAddress, bytes.count)
  }
}
