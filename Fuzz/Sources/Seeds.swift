// The corpus to begin with: the frames of the contract's vectors, a message of each kind, and the
// files of a real store, cut to the shapes that the targets take.

import Foundation
import Logging
import VarveBase
import VarveFile
import VarveWire

@testable import VarveEngine

enum Seeds {
  private struct Vectors: Decodable {
    struct Frame: Decodable { let hex: String }
    let frames: [Frame]
    let badFrames: [Frame]
  }

  /// One folder a target below `directory`, from the checkout's files below `root`.
  static func write(to directory: String, root: String) throws {
    try demandEveryMessage(root + "/Protos/varve/v1")
    var seeds: [FuzzTarget: [[UInt8]]] = [:]
    seeds[.canary] = [Array("varvX?".utf8)]
    seeds[.frames] = try frames(root + "/Tests/Fixtures/vectors.json")
    seeds[.messages] = messages()
    seeds[.http2] = try http2(root + "/Fuzz/Sessions")
    seeds[.grpc] = grpc()
    try store(into: &seeds)
    seeds[.http] = [
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /metrics?a=b HTTP/1.0\n\n",
      "POST / HTTP/2\r\n\r\n",
    ].map { Array($0.utf8) }
    let trace = """
      {"name": "t", "block_tokens": 16}
      [0,0,1,1,-1,0,[[0,2]]]
      [1,0,9,1,0,1,[[2,1]]]

      """
    seeds[.trace] = [[0] + Array(trace.utf8)]
    for (target, inputs) in seeds {
      let folder = directory + "/" + target.rawValue
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for (index, input) in inputs.enumerated() {
        try Data(input).write(to: URL(fileURLWithPath: "\(folder)/seed-\(index)"))
      }
    }
  }

  private static func frames(_ path: String) throws -> [[UInt8]] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let vectors = try decoder.decode(Vectors.self, from: data)
    return (vectors.frames + vectors.badFrames).flatMap { frame -> [[UInt8]] in
      let digits = Array(frame.hex.utf8).map { Character(UnicodeScalar($0)).hexDigitValue ?? 0 }
      let bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
      }
      return [[0, 1] + bytes, [15, 77] + bytes, [29, 3] + bytes]
    }
  }

  private static func messages() -> [[UInt8]] {
    let ofTypes = MessageSamples.all.compactMap { sample -> [UInt8]? in
      guard let index = MessageFuzz.types.firstIndex(where: { $0 == type(of: sample) }) else {
        return nil
      }
      return [UInt8(index)] + sample.encode()
    }
    let puts = MessageSamples.all.compactMap { ($0 as? PutHeader)?.encode() }
    let data: [UInt8] = [8, 3, 16, 5, 26, 2, 7, 8]
    let handmade: [String: [[UInt8]]] = [
      "PutRequest": puts.map { GrpcBodies.field(1, $0) } + [GrpcBodies.field(2, data)],
      "PutData": [data, [26, 2, 7, 8, 16, 5, 8, 3]],
      "GetResponse": [Array(0..<40), [1, 0, 0, 0, 9, 0, 0, 0]],
      "HealthCheckRequest": [[], GrpcBodies.field(1, Array("varve.v1.Cache".utf8))],
      "ServerReflectionRequest": (3...7).map { GrpcBodies.field($0, Array("varve.v1.Cache".utf8)) },
    ]
    return ofTypes
      + GrpcBodies.handmade.enumerated().flatMap { index, body in
        (handmade[body.name] ?? []).map { [UInt8(MessageFuzz.types.count + index)] + $0 }
      }
  }

  /// Stops where a message of the contract can be chosen by no input.
  private static func demandEveryMessage(_ folder: String) throws {
    for file in ["varve.proto", "frames.proto"] {
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      let names = text.split(separator: "\n").compactMap { line -> String? in
        let words = line.split(separator: " ")
        return words.first == "message" && words.count > 1 ? String(words[1]) : nil
      }
      demand(names.count > 4, "\(file) has no messages")
      for name in names {
        demand(MessageFuzz.names.contains(name), "\(name) of \(file) is no message to be fuzzed")
      }
    }
  }

  // MARK: A store

  /// Puts some chains into a store in memory, closes it, and takes its files.
  private static func store(into seeds: inout [FuzzTarget: [[UInt8]]]) throws {
    let files = MemoryFileSystem()
    var configuration = EngineConfiguration(directory: "/data", capacityBytes: 64 << 20)
    configuration.segmentBytes = 4 << 20
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 48 << 20
    configuration.memtableBytes = 1 << 20
    configuration.blockCacheBytes = 1 << 20
    configuration.ioThreads = 1
    configuration.directIO = false
    let engine = try Engine.open(
      configuration, files: files, clock: ManualClock(), ledger: MemoryLedger(limitBytes: 1 << 28),
      logger: Logger(label: "seeds") { _ in SwiftLogNoOpLogHandler() })
    let namespace = try engine.openNamespace(
      name: "fuzz", options: NamespaceOptions(), mustExist: false
    ).view.id
    for chain in 0..<3 { try put(chain, namespace, engine) }
    try engine.flush()
    _ = try engine.compact(namespace: nil, indexOnly: true) { _ in true }
    engine.close()
    let folders = ["segments", "tables"]
    let top = try files.list("/data").filter { !folders.contains($0) && $0 != "LOCK" }
    var paths = top.map { "/data/" + $0 }
    for folder in folders {
      paths += try files.list("/data/" + folder).map { "/data/\(folder)/" + $0 }
    }
    for path in paths { add(path, try files.readAll(path), &seeds) }
  }

  private static func put(_ chain: Int, _ namespace: UInt32, _ engine: Engine) throws {
    let ids = PageID.chain(
      tokens: (0..<UInt32(40 * (chain + 1))).map { $0 + UInt32(chain) * 1000 }, pageTokens: 4)
    let page = [UInt8](repeating: UInt8(chain), count: 300 + chain)
    let session = try engine.beginPut(
      PutOrder(
        slice: ChainSlice(
          namespace: namespace, ids: ids, first: 0, count: ids.count, atRoot: true),
        pageBytes: ids.map { _ in UInt32(page.count) },
        checksums: ids.map { _ in XXH3.hash(page) }, durable: true, ttlSeconds: 0, ask: false))
    var sent = 0
    while case .memory(let memory) = session.nextDestination() {
      unsafe memory.copyBytes(from: page[(sent % page.count)...].prefix(memory.count))
      session.received(memory.count)
      sent += memory.count
    }
    let isDone = Monitor(false)
    session.finish { _ in isDone.update { $0 = true } }
    _ = isDone.wait { $0 ? true : nil }
  }

  private static func add(
    _ path: String, _ bytes: [UInt8], _ seeds: inout [FuzzTarget: [[UInt8]]]
  ) {
    func seed(_ target: FuzzTarget, _ bytes: [UInt8]) { seeds[target, default: []].append(bytes) }
    let name = lastName(of: path)
    if name.hasSuffix(".vlog") {
      seed(.segments, bytes)
      for at in stride(from: 4096, to: bytes.count, by: 4096)
      where bytes.rawSpan.load(at, as: UInt32.self) == ExtentHeader.magic {
        let used = Int(bytes.rawSpan.load(at + 12, as: UInt32.self))
        seed(.extents, [0] + bytes[at..<min(bytes.count, at + used)])
      }
      let trailer = bytes.count - 4096
      if trailer > 4096, Array(bytes[trailer..<trailer + 8]) == SegmentTrailer.magic {
        let offset = Int(bytes.rawSpan.load(trailer + 32, as: UInt64.self))
        let count = Int(bytes.rawSpan.load(trailer + 40, as: UInt32.self))
        seed(.extents, [1] + bytes[offset..<offset + count])
      }
    } else if name.hasSuffix(".sst") {
      addTable(name, bytes, &seeds)
    } else if name == ManifestFormat.currentName {
      seed(.manifest, [2] + bytes)
    } else if name == ManifestFormat.namespacesName {
      seed(.manifest, [3] + bytes[20...])
    } else if name.hasPrefix("MANIFEST-") {
      let payloads = batches(bytes)
      for payload in payloads { seed(.manifest, [0] + payload) }
      seed(.manifest, [1, 0] + payloads.flatMap(FuzzInput.part) + [0, 0])
    }
  }

  private static func batches(_ bytes: [UInt8]) -> [[UInt8]] {
    var payloads: [[UInt8]] = []
    var at = ManifestFormat.headerBytes
    while at + ManifestFormat.recordHeadBytes <= bytes.count {
      let count = Int(bytes.rawSpan.load(at + 4, as: UInt32.self))
      let start = at + ManifestFormat.recordHeadBytes
      payloads.append(Array(bytes[start..<start + count]))
      at = start + count
    }
    return payloads
  }

  private static func addTable(
    _ name: String, _ bytes: [UInt8], _ seeds: inout [FuzzTarget: [[UInt8]]]
  ) {
    guard
      let number = TableFormat.number(ofName: name),
      let footer = try? TableFooter(
        tail: bytes.suffix(TableFooter.byteCount), number: number, size: UInt64(bytes.count),
        file: name)
    else { return }
    func payload(_ range: Range<UInt64>) -> [UInt8] {
      Array(bytes[Int(range.lowerBound) + TableFormat.blockHeadBytes..<Int(range.upperBound)])
    }
    let end = UInt64(bytes.count - TableFooter.byteCount)
    let properties = payload(footer.propertiesOffset..<end)
    let filter = payload(footer.filterOffset..<footer.anchorFilterOffset)
    let anchorFilter = payload(footer.anchorFilterOffset..<footer.namesOffset)
    let index = payload(footer.indexOffset..<footer.filterOffset)
    let directory = payload(footer.namesOffset..<footer.propertiesOffset)
    let ranges = TableNames.ranges(directory, dataBytes: footer.indexOffset) ?? []
    let namesBytes = ranges.reduce(0) { $0 + UInt64($1.count) }
    guard
      let blocks = TableBlockIndex(
        index, dataBytes: footer.indexOffset, otherBytes: namesBytes)
    else { return }
    let data = (0..<blocks.count).map { blocks.range($0) }
      .map { UInt64($0.lowerBound)..<UInt64($0.upperBound) }
    let inOrder = (data.map { ($0, 0) } + ranges.map { ($0, 1) })
      .sorted { $0.0.lowerBound < $1.0.lowerBound }
      .map { [UInt8($0.1)] + payload($0.0) }
    seeds[.tables, default: []].append(
      ([properties, filter, anchorFilter, index, directory] + inOrder).flatMap(FuzzInput.part)
        + [0, 0])
    seeds[.blocks, default: []] += [
      [3] + properties, [2] + filter, [1, 255, 0] + index, [4, 255, 1] + directory,
    ]
    for range in ranges { seeds[.blocks, default: []].append([4, 0, 0] + payload(range)) }
    for block in data.map(payload) {
      seeds[.blocks, default: []].append([0] + FuzzInput.part([0, 0, 0, 1, 1]) + block)
      guard let block = IndexBlock(block) else { continue }
      var cursor = IndexBlockCursor(block)
      var records = 0
      while records < 40, cursor.next() {
        records += 1
        let value = Array(block.bytes[cursor.value])
        seeds[.blocks, default: []].append([5] + FuzzInput.part(cursor.key) + [0, 0] + value)
      }
    }
  }
}
