// One message of each kind with every field set: what round trips and fuzzing begin with.

import VarveBase
import VarveWire

enum MessageSamples {
  static let ids = PageID.chain(tokens: (0..<12).map { UInt32($0) }, pageTokens: 4)
  static let chain = Chain(pageIDs: ids, before: [ids[2], ids[0]], atRoot: true)
  static let tokens = Chain(tokens: [1, 2, 300, .max, 5], pageTokens: 2, seed: ids[1])
  static let options = NamespaceOptions(
    pageTokens: 64, pageBytesMax: 1 << 20, ttlSeconds: 3600, quotaBytes: 1 << 40, codec: .planes,
    description: "bf16 ‖ π", weight: 3)
  static let info = NamespaceInfo(
    name: "model/bf16", id: 7, options: options, tenant: "default", pages: 1, bytes: 2,
    pinnedBytes: 3, lookups: 4, pagesAsked: 5, pagesHit: 6, bytesIn: .max, bytesOut: 8)
  static let knob = Knob(
    name: "T", value: 4.5, min: 2, max: 10, manual: true, reason: "asked for")
  static let decision = TunerDecision(
    id: 9, atUnix: 1.75e9, knob: "K", from: 1, to: 2, predictedGain: 0.25, measuredGain: -0.125,
    verdict: "reverted", reason: "did not pay")
  static let stats = StatsResponse(
    version: "0.1.0", uptimeSeconds: 12, ready: true, writable: true, capacityBytes: 1 << 41,
    diskBytes: 5, memoryBytes: 6, memoryLimitBytes: 7, pages: 8, pageBytes: 9, evictedPages: 10,
    quarantinedPages: 11, bootID: "b",
    levels: [
      Level(level: 1, runs: 2, runsMax: 4, entries: 100, bytes: 4096, filterBytes: 125), Level(),
    ],
    segments: [
      SegmentInfo(id: 3, state: "open", bytes: 4, liveBytes: 2, pages: 1, score: 0.5)
    ],
    namespaces: [info], counters: ["puts": 3, "gets": 0, "": 9],
    latencies: [
      Latency(
        name: "get", count: 9, p50Micros: 1.5, p99Micros: 2, p999Micros: 3, maxMicros: 4)
    ])

  static let all: [any WireMessage] = [
    chain, tokens, options, info, stats, knob, decision,
    OpenNamespaceRequest(name: "n", options: options, mustExist: true),
    OpenNamespaceResponse(namespaceID: 5, created: true, info: info),
    LookupRequest(
      namespaceID: 7, chain: chain, first: 1, count: 2, wantPresent: true, exact: true,
      prefetch: true),
    LookupResponse(hitPages: 3, hitBytes: 1 << 33, present: [7, 0xff]),
    PutHeader(
      namespaceID: 7, chain: chain, first: 1, count: 2, pageBytes: [5, .max],
      checksum: [1, .max], durable: true, ttlSeconds: 60, ask: true),
    PutResult(status: PageStatus.allCases),
    PutResponse.need([1, 2, 3]), PutResponse.result([.stored, .missing]),
    PutResponse.result([]), PutResponse.none,
    GetRequest(namespaceID: 7, chain: tokens, first: 1, count: 1, sparse: true),
    PageRun(first: 2, pageBytes: [1, 2], checksum: [3, .max], status: [.present, .dataLoss]),
    PagesRequest(namespaceID: 1, chain: chain, first: 1, count: 1, seconds: 99),
    PagesResponse(affected: 4),
    ReportCorruptRequest(namespaceID: 1, pageID: ids[0], expected: 2, found: .max),
    ReportCorruptResponse(confirmed: true), StatsRequest(), stats.levels[0], stats.segments[0],
    stats.latencies[0],
    Progress(stage: "merge", done: 1, total: 2, etaSeconds: 0.5, result: ["tables": 3, "a": 1]),
    CompactRequest(namespace: "n", indexOnly: true), FlushRequest(), FlushResponse(),
    ScrubRequest(maxBytesPerSecond: 1e9), ListNamespacesRequest(),
    ListNamespacesResponse(namespaces: [info, info]), NamespaceName(name: "n"),
    SetNamespaceRequest(name: "n", options: options, fields: ["ttl_seconds", "codec"]),
    TunerStatusRequest(),
    TunerStatusResponse(mode: "auto", knobs: [knob], window: ["gets": 0.5], drift: 0.25),
    TunerHistoryRequest(last: 5), TunerHistoryResponse(decisions: [decision]),
    SetTunerRequest(mode: "manual", manual: ["T": 4], automatic: ["K"]),
    SetCapacityRequest(capacityBytes: 1), SetCapacityResponse(capacityBytes: 1, diskBytes: 2),
    DrainRequest(timeoutSeconds: 3), DrainResponse(drained: true, inFlight: 4),
    Hello(
      versionMin: 1, versionMax: 2, token: [1, 0, 2], client: "c", features: ["a", "b"],
      maxPayload: 3, windowBytes: 4),
    HelloOk(
      version: 1, features: ["x"], maxPayload: 1, maxPages: 2, windowBytes: 3, server: "s",
      bootID: "b", maxStreams: 4),
    Window(bytes: UInt64(Int64.max)),
    Problem(code: 8, message: "m", limit: "l", limitValue: 1, value: 2),
  ]
}
