// Making the messages of gets, a bounded amount ahead of the writer: at once where all pages lie in
// memory, else by background jobs.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
  func beginGet(_ stream: Int32, _ request: GetRequest, _ calls: Calls) throws(Refusal) {
    let context = context(of: stream)
    guard let session = try calls.get(request, context) else { return finish(stream) }
    let maker = BatchMaker(session: session, context: context, clock: clock)
    state.update { state in
      guard state.isOpen(stream) else { return }
      state.streams[stream]?.get = GrpcGet(maker: maker)
    }
    produceWhereWanted()
  }

  /// Makes the next batch of every get that should have one and may, or has it made.
  func produceWhereWanted() {
    let ahead = calls()?.engine.hasRoomAhead ?? false
    while true {
      var isMore = false
      for (stream, maker) in takeWanted(ahead: ahead) where produce(stream, maker) {
        isMore = true
      }
      if !isMore { return }
    }
  }

  /// The gets that should have a further batch and may, now being made.
  private func takeWanted(ahead: Bool) -> [(stream: Int32, maker: BatchMaker)] {
    state.change { state, _ in
      guard !state.isDead, state.streams.contains(where: { $0.value.wantsBatch(ahead: ahead) })
      else { return [] }
      var wanted: [(stream: Int32, maker: BatchMaker)] = []
      for stream in state.streams.keys.sorted() {
        guard state.bodyBytes < Limits.outgoingBytesMax else { break }
        guard let call = state.streams[stream], call.wantsBatch(ahead: ahead), let get = call.get
        else { continue }
        state.streams[stream]?.get?.isProducing = true
        state.workCount += 1
        wanted.append((stream, get.maker))
      }
      return wanted
    }
  }

  /// True when a batch was made at once, so that one more may be wanted.
  private func produce(_ stream: Int32, _ maker: BatchMaker) -> Bool {
    switch maker.now() {
    case .success(let outcome): return take(outcome, stream)
    case .failure(let needed):
      let outcome = maker.wait(
        for: needed, while: { [self] in isWanted(stream) },
        later: { [self] outcome in if take(outcome, stream) { produceWhereWanted() } })
      return outcome.map { take($0, stream) } ?? false
    }
  }

  /// True when there may be more to make.
  private func take(_ outcome: BatchMaker.Outcome, _ stream: Int32) -> Bool {
    defer { state.update { $0.workCount -= 1 } }
    switch outcome {
    case .made(let batch):
      made(batch, stream)
      return true
    case .failed(let refusal): refuse(stream, refusal)
    case .notNow(let refusal):
      let isLater = state.update { state in
        state.streams[stream]?.get?.isProducing = false
        return state.streams[stream].map { $0.queuedBytes > 0 } ?? true
      }
      if !isLater { refuse(stream, refusal) }
    case .abandoned: break
    }
    return false
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
