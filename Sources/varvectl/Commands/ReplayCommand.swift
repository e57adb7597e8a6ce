// `varvectl replay`: a real trace through a daemon, every page verified.

import ArgumentParser
import Foundation
import VarveBase
import VarveClient
import VarveWire

struct ReplayCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Replay a trace of requests and print its hit rate.",
    discussion: """
      TRACE is a path of a .kvt.jsonl or .kvt.jsonl.zst file, or its name in Tests/Fixtures or in \
      $VARVE_TRACES (default ../shared/traces). For each request, in order: a Lookup of its pages, \
      a Get of the prefix that is stored, a Put of the rest. Exit code 5 when a byte came back \
      wrong.
      """)
  static let connectionsMax = 256

  @OptionGroup var global: GlobalOptions

  @Argument(help: "The trace: a name or a path.")
  var trace: String

  @Option(help: ArgumentHelp("Bytes that stand for one block.", valueName: "size"))
  var pageBytes = ByteSize(bytes: 4096)

  @Option(help: ArgumentHelp("Requests A (included) to B (not).", valueName: "A:B"))
  var requests = RequestRange.all

  @Option(help: ArgumentHelp("Connections; with one, order is exact.", valueName: "n"))
  var connections = 1

  @Option(help: ArgumentHelp("Default: trace/NAME/BYTES.", valueName: "name"))
  var namespace: String?

  @Option(help: ArgumentHelp("Pages of one Put at most.", valueName: "n"))
  var putBatch = 128

  @Flag(inversion: .prefixedNo, help: "Compare every byte that comes back.")
  var verify = true

  @Flag(help: "Clear the namespace first.")
  var clear = false

  @Flag(help: "Replay through SGLang's storage class, in Python.")
  var backend = false

  @Option(help: ArgumentHelp("The interpreter for --backend.", valueName: "path"))
  var python: String?

  func validate() throws {
    guard (64...Limits.pageBytesMax).contains(pageBytes.bytes) else {
      throw ValidationError(
        "--page-bytes \(pageBytes.bytes) is not within 64 and \(Limits.pageBytesMax)")
    }
    guard (1...Self.connectionsMax).contains(connections) else {
      throw ValidationError(
        "--connections \(connections) is not within 1 and \(Self.connectionsMax)")
    }
    guard (1...Limits.pagesMax).contains(putBatch) else {
      throw ValidationError("--put-batch \(putBatch) is not within 1 and \(Limits.pagesMax)")
    }
    guard backend || python == nil else { throw ValidationError("--python goes with --backend") }
    guard !backend || (namespace == nil && connections == 1 && !clear) else {
      throw ValidationError(
        "--backend has one worker and names its namespace itself: no --namespace, --connections, "
          + "--clear")
    }
  }

  func perform(_ console: Console) throws {
    let checkout = Checkout.path()
    let finder = TraceFinder(
      environment: ProcessInfo.processInfo.environment, checkout: checkout)
    do {
      let path = try finder.path(of: trace)
      if backend {
        let words = BackendReplay.arguments(
          trace: path, endpoint: "\(try global.resolvedEndpoint())", pageBytes: pageBytes.bytes,
          requests: requests, json: global.json)
        try BackendReplay(python: python, checkout: checkout).become(words)
      }
      let report = try replay(path, console)
      try console.print(global.json ? try Json.text(report) : report.text)
      guard report.wrongBytes == 0 else {
        throw Failure(.corruption, "\(report.wrongBytes) bytes came back wrong")
      }
    } catch let error as TraceError {
      throw Failure(error)
    }
  }

  private func replay(_ path: String, _ console: Console) throws -> ReplayReport {
    let reader = try TraceReader(path: path)
    let plan = ReplayPlan(
      endpoint: try global.resolvedEndpoint(), clientOptions: try global.clientOptions(),
      namespace: namespace ?? "trace/\(reader.head.name)/\(pageBytes.bytes)",
      pages: TracePages(traceName: reader.head.name), pageBytes: pageBytes.bytes,
      putBatch: putBatch, isVerifying: verify)
    let (before, pagesBefore) = try prepare(plan)
    let run = ReplayRun(plan, reader: reader, requests: requests.range, console: console)
    let (tally, seconds) = try run.run(connections: connections)
    let after = try global.withClient { try $0.stats() }
    return ReplayReport(
      plan: plan, connections: connections, tally: tally, seconds: seconds,
      pagesBefore: pagesBefore, before: before, after: after,
      reference: try reference(
        path, capacity: after.evictedPages > before.evictedPages ? after.pageBytes : nil))
  }

  /// Makes the namespace, clears it if asked, and tells what was there before.
  private func prepare(_ plan: ReplayPlan) throws -> (StatsResponse, UInt64) {
    try global.withClient { client in
      let opened = try client.openNamespace(plan.namespace)
      if clear, !opened.created { try client.clearNamespace(plan.namespace) }
      let pages = clear || opened.created ? 0 : opened.info.pages
      return (try client.stats(), pages)
    }
  }

  /// The same requests through simulated caches; `capacity` in bytes when something was evicted.
  private func reference(_ path: String, capacity: UInt64?) throws -> ReplayReport.Reference {
    let reader = try TraceReader(path: path)
    var infinite = FifoSimulator(capacity: nil)
    let blocks = capacity.map { max(1, Int($0) / pageBytes.bytes) }
    var fifo = blocks.map { FifoSimulator(capacity: $0) }
    while let request = try reader.next(), request.number < requests.range.upperBound {
      guard request.number >= requests.range.lowerBound else { continue }
      infinite.step(request)
      fifo?.step(request)
    }
    return ReplayReport.Reference(
      infiniteHitPercent: infinite.hitPercent, fifoCapacityBlocks: blocks,
      fifoHitPercent: fifo?.hitPercent)
  }
}
