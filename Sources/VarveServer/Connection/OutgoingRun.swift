// A run of pages on its way out: the PageRun message that promises the bytes, and the bytes, still
// where the engine leased them.

internal import Glibc
internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// Consecutive pages of one get. The pages stay leased while the run lives.
@safe final class OutgoingRun: @unchecked Sendable {
  // Sendable is sound: everything is set once, and the memory under `pieces` is held by `pages` and
  // only read.
  let message: [UInt8]
  let byteCount: Int
  private let pages: [GetPage]
  private let pieces: [UnsafeRawBufferPointer]

  /// Pages must follow each other without a gap.
  init(_ pages: [GetPage]) {
    guard let first = pages.first else { preconditionFailure("a run has a page") }
    self.pages = pages
    unsafe pieces = pages.flatMap { unsafe $0.pieces }.filter { unsafe !$0.isEmpty }
    byteCount = unsafe pieces.reduce(0) { $0 + $1.count }
    let isWhole = pages.allSatisfy { $0.outcome == .present }
    var run = PageRun(first: UInt32(first.index))
    run.pageBytes = pages.map { $0.outcome == .present ? $0.rawBytes : 0 }
    if run.pageBytes.allSatisfy({ $0 == run.pageBytes[0] }) { run.pageBytes = [run.pageBytes[0]] }
    run.checksum = pages.map { $0.outcome == .present ? $0.checksum : 0 }
    if !isWhole { run.status = pages.map { PageStatus(wire: UInt32($0.outcome.rawValue)) } }
    message = run.encode()
    let promised = pages.reduce(0) { $0 + ($1.outcome == .present ? Int($1.rawBytes) : 0) }
    precondition(byteCount == promised, "pages of \(promised) bytes came with \(byteCount)")
  }

  /// Where the next byte to be sent lies.
  struct Cursor {
    var sent = 0
    fileprivate var piece = 0
    fileprivate var offset = 0
  }

  /// Appends vectors for the next `count` bytes and moves the cursor past them.
  func take(_ count: Int, at cursor: inout Cursor, into vectors: inout [iovec]) {
    precondition(count <= byteCount - cursor.sent, "more bytes taken than the run has")
    cursor.sent += count
    var rest = count
    while rest > 0 {
      let piece = unsafe pieces[cursor.piece]
      let size = min(rest, piece.count - cursor.offset)
      let part = unsafe UnsafeMutableRawPointer(
        mutating: piece.baseAddress.map { unsafe $0 + cursor.offset })
      unsafe vectors.append(iovec(iov_base: part, iov_len: size))
      rest -= size
      cursor.offset += size
      if cursor.offset == piece.count {
        cursor.piece += 1
        cursor.offset = 0
      }
    }
  }

  /// Cuts a batch of the engine into runs: a new one where an index is left out.
  static func runs(of batch: [GetPage]) -> [OutgoingRun] {
    var runs: [OutgoingRun] = []
    var pages: [GetPage] = []
    for page in batch {
      if let last = pages.last, page.index != last.index + 1 || pages.count == Limits.runPagesMax {
        runs.append(OutgoingRun(pages))
        pages = []
      }
      pages.append(page)
    }
    if !pages.isEmpty { runs.append(OutgoingRun(pages)) }
    return runs
  }
}
