// Putting: put if absent. Pages are claimed first and looked up second, so that a put that ended in
// between is seen by the look-up and one that did not is seen by the claim.

internal import VarveBase

extension Engine {
  /// Decides which pages of `order` are needed and reserves memory for their bytes.
  ///
  /// - Throws: `.namespaceUnknown`, `.readOnly`, `.stagingExhausted`, `.connectionPutsExhausted`,
  ///   `.requestMemoryExhausted`, `.storage` when the index cannot be read, `.closed`. Nothing is
  ///   claimed after a throw.
  package func beginPut(_ order: PutOrder) throws(EngineError) -> PutSession {
    let namespace = try liveNamespace(order.slice.namespace)
    try checkWritable()
    let memory = try hold(pages: order.slice.count, bytesEach: HeldBytes.put)
    if log.hasLost { try repairLost() }
    let repaired = repairedFailures
    let completion = PutCompletion(count: order.slice.count)
    let claims = claim(order, namespace: namespace, completion: completion)
    let extents: [PlannedExtent]
    do {
      extents = try plan(order, claims: claims, completion: completion)
      try reserveBuffer(for: extents, of: order, in: namespace, completion: completion)
    } catch {
      for index in claims.mine where completion.outcome(index) == .notAttempted {
        inFlight.resolve(name(index, of: order), .notAttempted)
      }
      throw error
    }
    let session = PutSession(
      engine: self, order: order, namespace: namespace, completion: completion, extents: extents,
      repaired: repaired, memory: memory)
    for index in claims.others { join(index, of: order, completion: completion, session: session) }
    return session
  }

  private func name(_ index: Int, of order: PutOrder) -> PageName {
    PageName(
      namespace: order.slice.namespace, id: order.slice.ids[order.slice.first + index])
  }

  /// Claims every page that may be stored. `others` are being put by somebody else right now.
  private func claim(_ order: PutOrder, namespace: LiveNamespace, completion: PutCompletion)
    -> (mine: [Int], others: [Int])
  {
    let most = namespace.options.pageBytesMax
    var mine: [Int] = []
    var others: [Int] = []
    for index in 0..<order.slice.count {
      if order.pageBytes[index] > most {
        completion.set(index, .tooLarge)
        counters.pagesRefused.add()
      } else if inFlight.claim(name(index, of: order), rawBytes: order.pageBytes[index]) {
        mine.append(index)
      } else {
        others.append(index)
      }
    }
    return (mine, others)
  }

  /// Looks the claimed pages up, settles those that are there, and plans the rest.
  private func plan(
    _ order: PutOrder, claims: (mine: [Int], others: [Int]), completion: PutCompletion
  ) throws(EngineError) -> [PlannedExtent] {
    let slice = order.slice
    guard !claims.mine.isEmpty else { return [] }
    let found = try records(of: slice)
    var claimed = [Bool](repeating: false, count: slice.count)
    for index in claims.mine { claimed[index] = true }
    var cursor = PlaceCursor(
      try startPlace(of: slice, found: found.first ?? nil), ids: slice.ids, start: slice.first)
    var pages: [PlannedPage] = []
    for index in 0..<slice.count {
      let id = slice.first + index
      if let record = found[index], record.place != cursor.place {
        cursor = PlaceCursor(record.place, ids: slice.ids, start: id)
      }
      if claimed[index] {
        if let record = found[index] {
          let same = record.location.rawBytes == order.pageBytes[index]
          completion.set(index, same ? .alreadyPresent : .sizeConflict)
          (same ? counters.pagesPresent : counters.pagesRefused).add()
          inFlight.resolve(record.name, same ? .alreadyPresent : .sizeConflict)
        } else {
          pages.append(
            PlannedPage(
              index: index, name: name(index, of: order), rawBytes: order.pageBytes[index],
              checksum: order.checksums[index], place: cursor.place))
        }
      }
      cursor.advance(past: id)
    }
    return PutPlan.extents(
      pages,
      // Small memory makes small extents: four puts at least find room at once.
      payloadBytesMax: min(
        configuration.stagingBytes / 4, Limits.putExtentBytesMax,
        ValueLog.extentPayloadBytesMax(segmentBytes: Int(configuration.segmentBytesInForce))))
  }

  /// Where the first asked page stands or would stand.
  private func startPlace(of slice: ChainSlice, found: PageRecord?) throws(EngineError)
    -> WindowPlace
  {
    if let found { return found.place }
    if let place = slice.placeFromRoot { return place }
    if let predecessor = slice.predecessor,
      let record = try record(of: PageName(namespace: slice.namespace, id: predecessor))
    {
      return record.place.next(after: predecessor)
    }
    return slice.floatingPlace
  }

  private func reserveBuffer(
    for extents: [PlannedExtent], of order: PutOrder, in namespace: LiveNamespace,
    completion: PutCompletion
  ) throws(EngineError) {
    let bytes = extents.map(\.payloadBytes).max() ?? 0
    guard bytes > 0 else { return }
    // As much as the largest extent may have: one put always fits.
    let most = configuration.stagingBytes / 4
    guard order.heldByConnection == 0 || order.heldByConnection + bytes <= most else {
      throw .connectionPutsExhausted(bytes: order.heldByConnection + bytes, limit: most)
    }
    guard let buffer = staging.take(payloadBytes: bytes, for: namespace.claimant) else {
      throw .stagingExhausted(limit: configuration.stagingBytes)
    }
    completion.adopt(buffer)
  }

  /// Shares the outcome of the put that holds page `index`; if that just ended, looks again.
  private func join(
    _ index: Int, of order: PutOrder, completion: PutCompletion, session: PutSession
  ) {
    let name = name(index, of: order)
    let length = order.pageBytes[index]
    completion.begin()
    let told: @Sendable (PageOutcome, UInt32) -> Void = { outcome, theirLength in
      let shared: PageOutcome =
        switch outcome {
        case .stored, .alreadyPresent: theirLength == length ? .alreadyPresent : .sizeConflict
        default: outcome
        }
      completion.set(index, shared)
      session.endPart()
    }
    if inFlight.wait(for: name, told) { return }
    // It ended between the claim and here: what it left is in the index, or it failed.
    if let record = try? record(of: name) {
      told(.stored, record.location.rawBytes)
    } else {
      told(.notAttempted, length)
    }
  }
}
