// The only file of the tool that knows libzstd: compressed bytes in, plain bytes out, in pieces.
// Unsafe: buffer pointers handed to the library live only for the call.

internal import CZstd

/// Owns one decompression. Several frames one after another are one stream.
@safe struct ZstdStream: ~Copyable {
  /// Traces are compressed with long windows; this is the library's own `--long=27`.
  static let windowLogMax: Int32 = 27

  private let stream: OpaquePointer
  /// What the library said last: 0 at the end of a frame, else a hint of what is still wanted.
  private var wanted = 0

  init() throws(TraceError) {
    guard let made = unsafe ZSTD_createDStream() else {
      throw .decompression("out of memory for a decompression stream")
    }
    unsafe stream = made
    let status = unsafe ZSTD_DCtx_setParameter(made, ZSTD_d_windowLogMax, Self.windowLogMax)
    precondition(ZSTD_isError(status) == 0, "libzstd knows no window of 2^\(Self.windowLogMax)")
  }

  deinit { _ = unsafe ZSTD_freeDStream(stream) }

  /// Whether the input so far ends where a frame ends.
  var isAtFrameEnd: Bool { wanted == 0 }

  /// Appends to `output` what `input` decompresses to.
  mutating func decompress(_ input: [UInt8], into output: inout [UInt8]) throws(TraceError) {
    var piece = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
    var consumed = 0
    var isFull = false
    while consumed < input.count || isFull {
      var status = 0
      var produced = 0
      unsafe input.withUnsafeBytes { source in
        unsafe piece.withUnsafeMutableBytes { target in
          var from = unsafe ZSTD_inBuffer(
            src: source.baseAddress, size: source.count, pos: consumed)
          var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
          status = unsafe ZSTD_decompressStream(stream, &to, &from)
          consumed = unsafe from.pos
          produced = unsafe to.pos
        }
      }
      guard ZSTD_isError(status) == 0 else {
        throw .decompression(unsafe String(cString: ZSTD_getErrorName(status)))
      }
      wanted = status
      output.append(contentsOf: piece[0..<produced])
      // A full piece may hide more output that waits inside the library.
      isFull = produced == piece.count
    }
  }
}
