// Making the batches of gets, a bounded amount ahead of what is sent: at once where all pages lie
// in memory, else by background jobs.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  func beginGet(_ stream: UInt32, _ request: GetRequest) throws(Refusal) {
    let context = context(of: stream)
    guard let session = try calls.get(request, context) else { return answer(stream, []) }
    state.change { state, _ in
      guard state.session.isOpen(stream) else { return }
      state.gets[stream] = OutgoingGet(session: session, context: context)
      state.turns.append(stream)
    }
    // What is made here need not wake the writer: it leaves by this thread.
    produceWhereWanted(wake: .nobody)
    sendNow()
  }

  /// Makes the next batch of every get that should have one and may, or has it made.
  func produceWhereWanted(wake: Monitor<State>.Wake = .everybody) {
    while true {
      let wanted = state.change { state, _ in state.takeWanted() }
      var isMore = false
      for stream in wanted {
        if produceHot(stream, wake) { isMore = true } else { startProducing(stream) }
      }
      if !isMore { return }
    }
  }

  /// One batch, or the end, where nobody has to wait for it; false else.
  private func produceHot(_ stream: UInt32, _ wake: Monitor<State>.Wake) -> Bool {
    guard let get = state.peek({ $0.gets[stream] }) else { return false }
    do throws(EngineError) {
      guard case .made(let batch) = try get.session.nextIfHot(bytesMax: Limits.getBatchBytes)
      else { return false }
      made(batch, stream, wake)
    } catch {
      refuse(stream, Refusal(error))
    }
    return true
  }

  private func startProducing(_ stream: UInt32) {
    do {
      let submitted = clock.monotonicNanos()
      try calls.engine.background { [self] in produce(stream, submitted: submitted) }
    } catch {
      let refusal = Refusal(error)
      // With bytes still to be sent the job is tried again after them; else the call is refused.
      let isLater = state.update { state in
        state.gets[stream]?.isProducing = false
        return state.gets[stream].map { $0.queuedBytes > 0 } ?? true
      }
      if !isLater { refuse(stream, refusal) }
    }
  }

  /// One batch, on a thread of the engine's pool.
  private func produce(_ stream: UInt32, submitted: UInt64) {
    guard let get = state.peek({ $0.gets[stream] }) else { return }
    get.context?.add(since: submitted, to: .queue)
    let batch: GetBatch?
    do {
      batch = try measured(.disk, of: get.context) { () throws(EngineError) in
        try get.session.next(bytesMax: Limits.getBatchBytes)
      }
    } catch {
      return refuse(stream, Refusal(error))
    }
    made(batch, stream, .everybody)
    produceWhereWanted()
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
  /// The gets that should have a further batch and may, now being made.
  fileprivate mutating func takeWanted() -> [UInt32] {
    var wanted: [UInt32] = []
    guard !isDead, !isClosing else { return wanted }
    for stream in turns {
      guard pageBytes < Limits.outgoingBytesMax else { break }
      guard gets[stream]?.wantsBatch == true else { continue }
      gets[stream]?.isProducing = true
      wanted.append(stream)
    }
    return wanted
  }
}
