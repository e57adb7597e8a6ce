// Making the messages of gets: background jobs, a bounded amount ahead of the writer.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
  func beginGet(_ stream: Int32, _ request: GetRequest, _ calls: Calls) throws(Refusal) {
    let context = context(of: stream)
    guard let session = try calls.get(request, context) else { return finish(stream) }
    state.update { state in
      guard state.isOpen(stream) else { return }
      state.streams[stream]?.get = GrpcGet(
        session: session, isSparse: request.sparse, context: context)
    }
    produceWhereWanted()
  }

  /// Starts a job for every get that should have a further batch and may.
  func produceWhereWanted() {
    let wanted = state.update { state -> [(stream: Int32, get: GrpcGet)] in
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
    for (stream, get) in wanted { startProducing(stream, get) }
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
    let bytes = pages.isEmpty ? nil : OutgoingBytes(pages)
    state.update { state in
      guard state.isOpen(stream) else { return }
      state.streams[stream]?.get?.isProducing = false
      state.streams[stream]?.get?.isOver = isOver
      if let bytes, state.begin(stream) { state.append(bytes, to: stream) }
    }
    if isOver { finish(stream) }
  }
}
