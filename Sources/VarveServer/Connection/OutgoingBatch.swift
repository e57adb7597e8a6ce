// What is sent in one go: small frames, then at most one frame of pages.

internal import VarveBase

/// Bytes on their way out, with what must live until they have left and who is to be told then.
struct OutgoingBatch {
  private var gather = Gather()
  private var runs: [OutgoingRun] = []
  /// Bytes of pages among them.
  private(set) var pageBytes = 0
  /// The request whose pages are among them: a batch has those of one.
  var context: RequestContext?
  /// Calls that are over once it has left.
  var ended: [Connection.EndedCall] = []

  var isEmpty: Bool { gather.isEmpty }
  var byteCount: Int { gather.byteCount }
  /// Something of a run is among them, be it a run without bytes: its get may want a further batch.
  var hasRuns: Bool { !runs.isEmpty }

  mutating func append(_ bytes: [UInt8]) { gather.append(bytes) }

  mutating func append(_ run: OutgoingRun, count: Int, at cursor: inout PieceCursor) {
    runs.append(run)
    pageBytes += count
    unsafe cursor.take(count, of: run.pieces, into: &gather)
  }

  /// Sends everything.
  mutating func send(to socket: Socket) throws(SocketError) {
    while !gather.isSent { _ = try gather.send(to: socket, waits: true) }
  }

  /// Sends what the kernel takes without waiting; true when that was everything.
  mutating func sendNow(to socket: Socket) throws(SocketError) -> Bool {
    while !gather.isSent {
      if try gather.send(to: socket, waits: false) == 0 { return false }
    }
    return true
  }
}
