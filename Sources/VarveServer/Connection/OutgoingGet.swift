// The answer of one get between the engine and the writer: what is made, what is sent, what may be
// made next.

internal import VarveEngine

/// The sending side of a get. Lives in the connection's state, under its lock.
struct OutgoingGet: Sendable {
  let maker: BatchMaker
  private(set) var runs: [OutgoingRun] = []
  private var cursor = PieceCursor()
  private var isHeadSent = false
  /// Somebody is making the next batch.
  var isProducing = false
  /// No more runs will come.
  private(set) var isOver = false

  init(_ maker: BatchMaker) { self.maker = maker }

  var context: RequestContext? { maker.context }

  /// One batch is being sent and, with `ahead`, one waits: more would only hold memory.
  func wantsBatch(ahead: Bool) -> Bool { !isProducing && !isOver && runs.count < (ahead ? 2 : 1) }

  /// The next batch has been made; nil: there was none.
  mutating func append(_ run: OutgoingRun?, isOver: Bool) {
    isProducing = false
    self.isOver = isOver
    if let run { runs.append(run) }
  }

  /// What the writer can do next for this stream.
  enum Step {
    /// RESPONSE with the run's message, and at most so many bytes behind it.
    case head([UInt8], bytes: Int)
    /// DATA of at most so many bytes.
    case bytes(Int)
    /// The RESPONSE that ends the answer.
    case end
    /// Nothing before the next batch comes.
    case wait
  }

  var step: Step {
    guard let run = runs.first else { return isOver ? .end : .wait }
    return isHeadSent
      ? .bytes(run.byteCount - cursor.taken) : .head(run.message, bytes: run.byteCount)
  }

  /// The next `count` bytes are the last.
  func ends(with count: Int) -> Bool {
    isOver && runs.count == 1 && runs[0].byteCount - cursor.taken == count
  }

  /// Adds the next `count` bytes of the first run to `batch`; the run leaves when it is empty.
  mutating func send(_ count: Int, into batch: inout OutgoingBatch) {
    guard let run = runs.first else { preconditionFailure("no run to send of") }
    isHeadSent = true
    batch.append(run, count: count, at: &cursor)
    guard cursor.taken == run.byteCount else { return }
    runs.removeFirst()
    cursor = PieceCursor()
    isHeadSent = false
  }

  var queuedBytes: Int { runs.reduce(0) { $0 + $1.byteCount } - cursor.taken }
}
