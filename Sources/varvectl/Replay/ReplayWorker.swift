// One connection of a replay: for each request, look up its chain, read the prefix that is there,
// store the rest.

import VarveBase
import VarveClient
import VarveWire

/// What every worker of a replay does alike.
struct ReplayPlan: Sendable {
  let endpoint: Endpoint
  let clientOptions: ClientOptions
  let namespace: String
  let pages: TracePages
  let pageBytes: Int
  let putBatch: Int
  /// Compare every byte with what the page must hold (its checksum is verified in any case).
  let isVerifying: Bool
}

/// Not for several threads: a thread each.
final class ReplayWorker {
  /// Bytes of one put at most, whatever its batch: they lie in this worker's memory.
  static let putBytesMax = 64 << 20

  private let plan: ReplayPlan
  private let client: Client
  private let clock = SystemClock()
  private var namespaceID: UInt32
  private(set) var tally = ReplayTally()
  private var staging: [UInt8] = []

  init(_ plan: ReplayPlan) throws(ClientError) {
    self.plan = plan
    client = try Client(plan.endpoint, options: plan.clientOptions)
    namespaceID = try client.openNamespace(plan.namespace).namespaceID
  }

  func step(_ request: TraceRequest) throws(ClientError) {
    let ids = request.blocks.map { plan.pages.id(ofBlock: $0) }
    let hit = try lookup(ids)
    let got = try get(ids, hit)
    tally.lostBlocks += hit - got
    try put(ids, from: got)
    tally.requests += 1
    tally.blocks += ids.count
    tally.hitBlocks += got
  }

  /// Pages `range` of the chain as a chain of their own, with what stands before them as hint.
  private func slice(_ ids: [PageID], _ range: Range<Int>) -> Chain {
    let hintStart = max(0, range.lowerBound - Limits.beforePagesMax)
    return Chain(
      pageIDs: Array(ids[range]), before: Array(ids[hintStart..<range.lowerBound]),
      atRoot: range.lowerBound == 0)
  }

  private func pieces(_ range: Range<Int>, _ count: Int) -> [Range<Int>] {
    stride(from: range.lowerBound, to: range.upperBound, by: count).map {
      $0..<min($0 + count, range.upperBound)
    }
  }

  private var callPagesMax: Int {
    let told = Int(client.server.maxPages)
    return told == 0 ? Limits.pagesMax : min(told, Limits.pagesMax)
  }

  private func lookup(_ ids: [PageID]) throws(ClientError) -> Int {
    for piece in pieces(0..<ids.count, callPagesMax) {
      let start = clock.monotonicNanos()
      let response = try client.lookup(
        LookupRequest(namespaceID: namespaceID, chain: slice(ids, piece)))
      tally.lookupLatency.record(nanos: clock.monotonicNanos() - start)
      guard response.hitPages <= piece.count else {
        throw .protocolViolation("a hit of \(response.hitPages) in \(piece.count) pages")
      }
      guard response.hitPages == piece.count else {
        return piece.lowerBound + Int(response.hitPages)
      }
    }
    return ids.count
  }

  /// Reads the first `hit` pages; how many came before the first that did not.
  private func get(_ ids: [PageID], _ hit: Int) throws(ClientError) -> Int {
    var got = 0
    for piece in pieces(0..<hit, callPagesMax) {
      var bytes = 0
      var wrongPages = 0
      var wrongBytes = 0
      var verifyNanos: UInt64 = 0
      let start = clock.monotonicNanos()
      try client.get(GetRequest(namespaceID: namespaceID, chain: slice(ids, piece))) {
        page, status, content in
        // A page that cannot be read may be told of behind later ones: only the run counts.
        guard status == .present, piece.lowerBound + page == got else { return false }
        got += 1
        bytes += content.byteCount
        guard plan.isVerifying else { return true }
        let verifyStart = clock.monotonicNanos()
        let wrong = wrongByteCount(content, ids[piece.lowerBound + page])
        wrongPages += wrong > 0 ? 1 : 0
        wrongBytes += wrong
        verifyNanos += clock.monotonicNanos() - verifyStart
        return true
      }
      // Comparing is the tool's work, not the daemon's; it does not count as the call's time.
      let nanos = clock.monotonicNanos() - start - verifyNanos
      tally.getLatency.record(nanos: nanos)
      tally.getNanos += nanos
      tally.gotBytes += bytes
      tally.wrongPages += wrongPages
      tally.wrongBytes += wrongBytes
      guard got == piece.upperBound else { break }
    }
    return got
  }

  /// A page of another length is wrong in the bytes it lacks or has too many, too.
  private func wrongByteCount(_ content: RawSpan, _ id: PageID) -> Int {
    abs(content.byteCount - plan.pageBytes) + plan.pages.wrongByteCount(content, of: id)
  }

  private func put(_ ids: [PageID], from start: Int) throws(ClientError) {
    let batch = max(1, min(plan.putBatch, callPagesMax, Self.putBytesMax / plan.pageBytes))
    for piece in pieces(start..<ids.count, batch) {
      staging.removeAll(keepingCapacity: true)
      for id in ids[piece] {
        plan.pages.appendContent(of: id, byteCount: plan.pageBytes, to: &staging)
      }
      let chain = slice(ids, piece)
      let begin = clock.monotonicNanos()
      let result = send(chain)
      let nanos = clock.monotonicNanos() - begin
      tally.putLatency.record(nanos: nanos)
      tally.putNanos += nanos
      for status in try result.get() { count(status) }
    }
  }

  /// Puts what lies in `staging`, a page after another.
  private func send(_ chain: Chain) -> Result<[PageStatus], ClientError> {
    unsafe staging.withUnsafeBytes { all in
      // Sound: the views live as long as this closure, and so does the call.
      let views = unsafe chain.pageIDs.indices.map {
        unsafe UnsafeRawBufferPointer(
          rebasing: all[$0 * plan.pageBytes..<($0 + 1) * plan.pageBytes])
      }
      return Result { () throws(ClientError) in
        try unsafe client.put(namespaceID: namespaceID, chain: chain, pages: views)
      }
    }
  }

  private func count(_ status: PageStatus) {
    switch status {
    case .stored:
      tally.putBlocks += 1
      tally.putBytes += plan.pageBytes
    case .alreadyPresent: tally.presentBlocks += 1
    default: tally.refused[status, default: 0] += 1
    }
  }

  func close() { client.close() }
}
