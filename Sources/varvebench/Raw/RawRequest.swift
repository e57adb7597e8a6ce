// What the raw client asks of the raw server: 24 bytes, and for a put the checksums and the pages
// behind them. Both ends are this program, so native byte order will do.

/// One request as it travels.
struct RawRequest: Hashable, Sendable, BitwiseCopyable {
  enum Operation: UInt32 {
    /// Pages from memory.
    case get = 1
    /// Pages from the file, past the page cache.
    case cold = 2
    /// Pages to be verified and appended to a file; answered with 8 bytes.
    case put = 3
    /// `pageBytes` bytes follow the request, `first` bytes answer it.
    case echo = 4
    /// The file of puts becomes empty; answered with 8 bytes.
    case reset = 5
  }

  var operation: UInt32
  /// Pages asked for.
  var count: UInt32
  /// The first of them.
  var first: UInt64
  var pageBytes: UInt64

  init(_ operation: Operation, first: Int = 0, count: Int = 0, pageBytes: Int = 0) {
    self.operation = operation.rawValue
    self.count = UInt32(count)
    self.first = UInt64(first)
    self.pageBytes = UInt64(pageBytes)
  }

  static let byteCount = MemoryLayout<RawRequest>.size
  /// A put's verdict: all pages verified and written.
  static let good: UInt64 = 0x600d
  static let bad: UInt64 = 0xbad
}
