// Making the batches of gets, a bounded amount ahead of what is sent: at once where all pages lie
// in memory, else by background jobs.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  func beginGet(
    _ stream: UInt32, _ request: GetRequest, _ context: RequestContext
  ) throws(Refusal) {
    guard let session = try calls.get(request, context) else { return answer(stream, []) }
    let maker = BatchMaker(session: session, context: context, clock: clock)
    let isWanted = state.change { state, _ -> Bool in
      guard state.session.isOpen(stream) else { return false }
      var get = OutgoingGet(maker)
      get.isProducing = state.takesBatches
      state.gets[stream] = get
      state.turns.append(stream)
      return get.isProducing
    }
    // What is made here need not wake the writer: it leaves by this thread.
    if isWanted, produce(stream, maker, .nobody) { produceWhereWanted(wake: .nobody) }
    sendNow()
  }

  /// Makes the next batch of every get that should have one and may, or has it made.
  func produceWhereWanted(wake: Monitor<State>.Wake = .everybody) {
    let ahead = calls.engine.hasRoomAhead
    while true {
      let wanted = state.change { state, _ in state.takeWanted(ahead: ahead) }
      var isMore = false
      for (stream, maker) in wanted where produce(stream, maker, wake) { isMore = true }
      if !isMore { return }
    }
  }

  /// True when a batch was made at once and one more may be wanted.
  private func produce(
    _ stream: UInt32, _ maker: BatchMaker, _ wake: Monitor<State>.Wake
  ) -> Bool {
    switch maker.now() {
    case .success(let outcome): return take(outcome, stream, wake)
    case .failure(let needed):
      let outcome = maker.wait(
        for: needed, while: { [self] in state.peek { $0.gets[stream] != nil } },
        later: { [self] outcome in
          if take(outcome, stream, .everybody) { produceWhereWanted() }
        })
      return outcome.map { take($0, stream, wake) } ?? false
    }
  }

  /// True when there is more to make.
  private func take(
    _ outcome: BatchMaker.Outcome, _ stream: UInt32, _ wake: Monitor<State>.Wake
  ) -> Bool {
    switch outcome {
    case .made(let batch):
      made(batch, stream, wake)
      return batch.map { !$0.isLast } ?? false
    case .failed(let refusal): refuse(stream, refusal)
    case .notNow(let refusal):
      let isLater = state.update { state in
        state.gets[stream]?.isProducing = false
        return state.gets[stream].map { $0.queuedBytes > 0 } ?? true
      }
      if !isLater { refuse(stream, refusal) }
    case .abandoned: break
    }
    return false
  }

  private func made(_ batch: GetBatch?, _ stream: UInt32, _ wake: Monitor<State>.Wake) {
    let run = batch.map { OutgoingRun($0) }
    let isOver = batch?.isLast ?? true
    state.change { state, whom in
      whom = wake
      guard state.gets[stream] != nil else { return }
      state.gets[stream]?.append(run, isOver: isOver)
      state.pageBytes += run?.byteCount ?? 0
    }
  }
}

extension Connection.State {
  /// What is made will be sent, and not too much waits for that.
  fileprivate var takesBatches: Bool {
    !isDead && !isClosing && pageBytes < Limits.outgoingBytesMax
  }

  /// The gets that should have a further batch and may, now being made.
  ///
  /// - Parameter ahead: a batch may be made while another one waits to be sent.
  fileprivate mutating func takeWanted(ahead: Bool) -> [(stream: UInt32, maker: BatchMaker)] {
    var wanted: [(stream: UInt32, maker: BatchMaker)] = []
    for stream in turns {
      guard takesBatches else { break }
      guard let get = gets[stream], get.wantsBatch(ahead: ahead) else { continue }
      gets[stream]?.isProducing = true
      wanted.append((stream, get.maker))
    }
    return wanted
  }
}
