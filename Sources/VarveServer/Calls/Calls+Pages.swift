// The calls about pages.

internal import VarveBase
package import VarveEngine
package import VarveWire

extension Calls {
  package func lookup(
    _ request: LookupRequest, _ context: RequestContext? = nil
  ) throws(Refusal) -> LookupResponse {
    let slice = try slice(
      request.namespaceID, request.chain, first: request.first, count: request.count)
    let answer = try measured(.index, of: context) { () throws(Refusal) in
      try refusing { () throws(EngineError) in
        try engine.lookup(
          slice, wantPresent: request.wantPresent, exact: request.exact,
          prefetch: request.prefetch)
      }
    }
    return LookupResponse(
      hitPages: UInt32(answer.hitPages), hitBytes: answer.hitBytes, present: answer.present)
  }

  /// The engine's session for a get; nil when the range is empty and nothing will come.
  package func get(
    _ request: GetRequest, _ context: RequestContext? = nil
  ) throws(Refusal) -> GetSession? {
    let slice = try slice(
      request.namespaceID, request.chain, first: request.first, count: request.count)
    let session = try measured(.index, of: context) { () throws(Refusal) in
      try refusing { () throws(EngineError) in
        try engine.beginGet(slice, sparse: request.sparse)
      }
    }
    return slice.count == 0 ? nil : session
  }

  /// - Parameter held: bytes that other puts of the connection hold already.
  package func put(
    _ header: PutHeader, _ context: RequestContext? = nil, held: Int = 0
  ) throws(Refusal) -> PutSession {
    let slice = try slice(
      header.namespaceID, header.chain, first: header.first, count: header.count)
    let pageBytes = try pageBytes(header, count: slice.count)
    guard header.checksum.count == slice.count else {
      throw Refusal(
        .invalidArgument,
        "checksum has \(header.checksum.count) entries for \(slice.count) pages",
        value: UInt64(header.checksum.count))
    }
    try checkTTL(header.ttlSeconds)
    let order = PutOrder(
      slice: slice, pageBytes: pageBytes, checksums: header.checksum, durable: header.durable,
      ttlSeconds: header.ttlSeconds, ask: header.ask, heldByConnection: held)
    return try measured(.index, of: context) { () throws(Refusal) in
      try refusing { () throws(EngineError) in try engine.beginPut(order) }
    }
  }

  /// Bytes of each page: as given, or one number for all.
  private func pageBytes(_ header: PutHeader, count: Int) throws(Refusal) -> [UInt32] {
    if let index = header.pageBytes.firstIndex(of: 0) {
      throw Refusal(.invalidArgument, "page_bytes of page \(index) is 0; the least is 1")
    }
    if header.pageBytes.count == 1 {
      return Array(repeating: header.pageBytes[0], count: count)
    }
    guard header.pageBytes.count == count else {
      throw Refusal(
        .invalidArgument,
        "page_bytes has \(header.pageBytes.count) entries for \(count) pages; give one for each, "
          + "or one for all", value: UInt64(header.pageBytes.count))
    }
    return header.pageBytes
  }

  /// Blocks until synced.
  package func delete(_ request: PagesRequest) throws(Refusal) -> PagesResponse {
    let slice = try slice(
      request.namespaceID, request.chain, first: request.first, count: request.count)
    let count = try refusing { () throws(EngineError) in try engine.delete(slice) }
    return PagesResponse(affected: UInt32(count))
  }

  /// Blocks for the disk.
  package func reportCorrupt(
    _ request: ReportCorruptRequest
  ) throws(Refusal) -> ReportCorruptResponse {
    let isConfirmed = try refusing { () throws(EngineError) in
      try engine.reportCorrupt(request.namespaceID, request.pageID)
    }
    return ReportCorruptResponse(confirmed: isConfirmed)
  }

  func checkTTL(_ seconds: UInt64) throws(Refusal) {
    guard seconds <= Limits.ttlSecondsMax else {
      throw Refusal(
        .invalidArgument, "ttl_seconds \(seconds) is over the limit of \(Limits.ttlSecondsMax)",
        limit: "ttl_seconds_max", limitValue: Limits.ttlSecondsMax, value: seconds)
    }
  }
}
