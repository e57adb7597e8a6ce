// A Put over gRPC: holds what the client sends against the header, and gives it to the engine's
// session. Bytes come on the reader's thread; the call may be ended by any.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// One put of one stream.
final class GrpcPut: Sendable {
  private struct State {
    /// nil once the put is over, for whichever reason.
    var session: PutSession?
    /// The page last spoken of, within the put, and how many of its bytes have been announced.
    var page = -1
    var pageEnd = 0
    /// Bytes of the current piece still to come, and whether anybody wants them.
    var pieceRest = 0
    var isIgnored = false
  }

  let isAsk: Bool
  let need: [UInt8]
  /// Memory that it holds.
  let bufferBytes: Int
  private let first: Int
  private let pageBytes: [UInt32]
  private let count: Int
  private let state: Locked<State>

  init(_ session: PutSession, _ header: PutHeader) {
    isAsk = header.ask
    need = session.need
    bufferBytes = session.bufferBytes
    first = Int(header.first)
    pageBytes = header.pageBytes
    count = header.checksum.count
    state = Locked(State(session: session))
  }

  /// Nothing has to be sent.
  var isNothingNeeded: Bool { need.allSatisfy { $0 == 0 } }

  private func isNeeded(_ page: Int) -> Bool { need[page / 8] & (1 << UInt8(page % 8)) != 0 }

  /// A PutData begins.
  func begin(page number: UInt32, offset: UInt32, count bytes: Int) throws(Refusal) {
    let page = Int(number) - first
    guard page >= 0, page < count else {
      throw Refusal(
        .invalidArgument, "page \(number) is none of the put's, \(first) to \(first + count - 1)",
        value: UInt64(number))
    }
    let most = Int(pageBytes.count == 1 ? pageBytes[0] : pageBytes[page])
    try state.withLock { (state) throws(Refusal) in
      let due = page == state.page ? state.pageEnd : 0
      guard page >= state.page, Int(offset) == due else {
        let place = state.page < 0 ? "page \(first) or a later one" : "page \(state.page + first)"
        throw Refusal(
          .invalidArgument,
          "offset \(offset) of page \(number) where \(due) of it, or a page behind \(place), "
            + "is due",
          value: UInt64(offset))
      }
      guard due + bytes <= most else {
        throw Refusal(
          .invalidArgument, "\(due + bytes) bytes of page \(number), which has \(most)",
          value: UInt64(due + bytes))
      }
      (state.page, state.pageEnd, state.pieceRest) = (page, due + bytes, bytes)
      // Data for a page that is not needed is ignored (contract); without ask the session skips it.
      state.isIgnored = isAsk && !isNeeded(page)
      guard !state.isIgnored, bytes > 0, let session = state.session else { return }
      if page > session.nextPage { session.leaveOut(upTo: page) }
    }
  }

  /// Takes bytes of the piece begun.
  func take(_ bytes: UnsafeRawBufferPointer) {
    state.withLock { state in
      precondition(bytes.count <= state.pieceRest, "more bytes than the piece has")
      state.pieceRest -= bytes.count
      guard !state.isIgnored, let session = state.session else { return }
      var offset = 0
      while offset < bytes.count {
        let rest = bytes.count - offset
        switch session.nextDestination() {
        case .memory(let memory):
          let count = min(rest, memory.count)
          unsafe memory.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
          session.received(count)
          offset += count
        case .skip(let most):
          let count = min(rest, most)
          session.received(count)
          offset += count
        case .end: preconditionFailure("bytes behind the last page were let through")
        }
      }
    }
  }

  /// The client has sent all it will; `done` gets the outcomes, unless the put was over.
  func finish(_ done: @escaping @Sendable ([PageOutcome]) -> Void) {
    let session = state.withLock { state in
      defer { state.session = nil }
      return state.session
    }
    session?.finish(done)
  }

  /// Nobody waits for the result any more; whole verified pages stay.
  func abandon() { finish { _ in } }
}
