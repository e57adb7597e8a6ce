// Making the messages of gets, a bounded amount ahead of the writer: at once where all pages lie in
// memory, else by background jobs.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
  func beginGet(_ stream: Int32, _ request: GetRequest, _ calls: Calls) throws(Refusal) {
    let context = context(of: stream)
    guard let session = try calls.get(request, context) else { return finish(stream) }
    state.update { state in
      guard state.isOpen(stream) else { return }
      state.streams[stream]?.get = GrpcGet(session: session, context: context)
    }
    produceWhereWanted()
  }

  /// Makes the next batch of every get that should have one and may, or has it made.
  func produceWhereWanted() {
    while true {
      var isMore = false
      for (stream, get) in takeWanted() {
        if produceHot(stream, get) { isMore = true } else { startProducing(stream, get) }
      }
      if !isMore { return }
    }
  }

  /// The gets that should have a further batch and may, now being made.
  private func takeWanted() -> [(stream: Int32, get: GrpcGet)] {
    state.change { state, _ in
      guard !state.isDead, state.streams.contains(where: { $0.value.wantsBatch }) else { return [] }
      var wanted: [(stream: Int32, get: GrpcGet)] = []
      for stream in state.streams.keys.sorted() {
        guard state.bodyBytes < Limits.outgoingBytesMax else { break }
        guard let call = state.streams[stream], call.wantsBatch, let get = call.get else {
          continue
        }
        state.streams[stream]?.get?.isProducing = true
        state.workCount += 1
        wanted.append((stream, get))
      }
      return wanted
    }
  }

  /// One batch, or the end, where nobody has to wait for it; false else.
  private func produceHot(_ stream: Int32, _ get: GrpcGet) -> Bool {
    do throws(EngineError) {
      guard case .made(let batch) = try get.session.nextIfHot(bytesMax: Limits.getBatchBytes)
      else { return false }
      made(batch, stream)
    } catch {
      refuse(stream, Refusal(error))
    }
    state.update { $0.workCount -= 1 }
    return true
  }

  private func startProducing(_ stream: Int32, _ get: GrpcGet) {
    guard let engine = calls()?.engine else {
      state.update { $0.workCount -= 1 }
      return refuse(stream, Refusal(.unavailable, "the daemon is stopping"))
    }
    do {
      let submitted = clock.monotonicNanos()
      try engine.background { [self] in
        get.context?.add(since: submitted, to: .queue)
        produce(stream, get)
        state.update { $0.workCount -= 1 }
        produceWhereWanted()
      }
    } catch {
      let refusal = Refusal(error)
      // With bytes still to be sent the job is tried again after them; else the call is refused.
      let isLater = state.update { state in
        state.workCount -= 1
        state.streams[stream]?.get?.isProducing = false
        return state.streams[stream].map { $0.queuedBytes > 0 } ?? true
      }
      if !isLater { refuse(stream, refusal) }
    }
  }

  /// One batch, on a thread of the engine's pool.
  private func produce(_ stream: Int32, _ get: GrpcGet) {
    guard isWanted(stream) else { return }
    let batch: GetBatch?
    do {
      batch = try measured(.disk, of: get.context) { () throws(EngineError) in
        try get.session.next(bytesMax: Limits.getBatchBytes)
      }
    } catch {
      return refuse(stream, Refusal(error))
    }
    made(batch, stream)
  }

  private func made(_ batch: GetBatch?, _ stream: Int32) {
    let isOver = batch?.isLast ?? true
    let bytes = batch.map { OutgoingBytes($0) }
    state.update { state in
      guard state.isOpen(stream) else { return }
      state.streams[stream]?.get?.isProducing = false
      state.streams[stream]?.get?.isOver = isOver
      if let bytes, state.begin(stream) { state.append(bytes, to: stream) }
    }
    if isOver { finish(stream) }
  }
}
