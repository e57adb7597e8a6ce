// A run of pages on its way out: the PageRun message that promises the bytes, and the bytes, still
// where the engine leased them.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// Consecutive pages of one get. The pages stay leased while the run lives.
@safe final class OutgoingRun: Sendable {
  let message: [UInt8]
  let byteCount: Int
  private let batch: GetBatch

  init(_ batch: GetBatch) {
    self.batch = batch
    let pages = batch.pages
    guard let first = pages.first else { preconditionFailure("a batch has a page") }
    var run = PageRun(first: UInt32(first.index))
    let isAlike = pages.allSatisfy { $0.rawBytes == first.rawBytes }
    run.pageBytes = isAlike ? [first.rawBytes] : pages.map(\.rawBytes)
    run.checksum = pages.map(\.checksum)
    if !pages.allSatisfy({ $0.outcome == .present }) {
      run.status = pages.map { PageStatus(wire: UInt32($0.outcome.rawValue)) }
    }
    message = run.encode()
    byteCount = batch.byteCount
    let here = unsafe batch.pieces.reduce(0) { $0 + $1.count }
    precondition(byteCount == here, "pages of \(byteCount) bytes came with \(here)")
  }

  /// The bytes, in order. Valid while the run lives.
  var pieces: ArraySlice<UnsafeRawBufferPointer> { unsafe batch.pieces }
}
