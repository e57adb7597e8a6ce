// Making the batches of gets: background jobs, a bounded amount ahead of the writer.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  func beginGet(_ stream: UInt32, _ request: GetRequest) throws(Refusal) {
    let context = context(of: stream)
    guard let session = try calls.get(request, context) else { return answer(stream, []) }
    state.update { state in
      guard state.session.isOpen(stream) else { return }
      state.gets[stream] = OutgoingGet(
        session: session, isSparse: request.sparse, context: context)
      state.turns.append(stream)
    }
    produceWhereWanted()
  }

  /// Starts a job for every get that should have a further batch and may.
  func produceWhereWanted() {
    let wanted = state.update { state -> [UInt32] in
      var wanted: [UInt32] = []
      guard !state.isDead, !state.isClosing else { return wanted }
      for stream in state.turns {
        guard state.pageBytes < Limits.outgoingBytesMax else { break }
        guard var get = state.gets[stream], get.wantsBatch else { continue }
        get.isProducing = true
        state.gets[stream] = get
        wanted.append(stream)
      }
      return wanted
    }
    for stream in wanted { startProducing(stream) }
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
    guard let get = state.update({ $0.gets[stream] }) else { return }
    get.context?.add(since: submitted, to: .queue)
    let batch: [GetPage]?
    do {
      batch = try measured(.disk, of: get.context) { () throws(EngineError) in
        try get.session.next(bytesMax: Limits.getBatchBytes)
      }
    } catch {
      return refuse(stream, Refusal(error))
    }
    var (pages, isOver) = (batch ?? [], batch == nil)
    // Without sparse the answer ends with the first page that cannot be had: a missing one is left
    // out, a lost one is named.
    if !get.isSparse, let gap = pages.firstIndex(where: { $0.outcome != .present }) {
      pages.removeSubrange((pages[gap].outcome == .dataLoss ? gap + 1 : gap)...)
      isOver = true
    }
    let runs = OutgoingRun.runs(of: pages)
    state.update { state in
      guard var get = state.gets[stream] else { return }
      get.isProducing = false
      get.isOver = isOver
      get.append(runs)
      state.gets[stream] = get
      state.pageBytes += runs.reduce(0) { $0 + $1.byteCount }
    }
    produceWhereWanted()
  }
}
