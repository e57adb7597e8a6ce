// Bytes that rot on the disk: the page is lost, the call and its neighbours go on.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct IntegrityTests {
  /// Flips one byte of `page` in whichever segment file holds it.
  private func damage(_ page: [UInt8], under directory: String) throws {
    let segments = directory + "/segments"
    let mark = Data(page[1000..<1064])
    for name in try FileManager.default.contentsOfDirectory(atPath: segments) {
      let url = URL(fileURLWithPath: segments + "/" + name)
      var bytes = try Data(contentsOf: url)
      guard let range = bytes.range(of: mark) else { continue }
      bytes[range.lowerBound] ^= 0x40
      let handle = try FileHandle(forWritingTo: url)
      try handle.seek(toOffset: UInt64(range.lowerBound))
      try handle.write(contentsOf: bytes[range.lowerBound...range.lowerBound])
      try handle.close()
      return
    }
    Issue.record("no segment holds the page")
  }

  /// Found by a get, or reported by a client that got other bytes.
  @Test(arguments: [false, true])
  func aDamagedPageIsLostAlone(_ isReported: Bool) throws {
    let first = try TestServer()
    let ids = Pages.ids(3)
    let chain = Chain(pageIDs: ids)
    let pages = (0..<3).map { Pages.bytes(100_000, $0 + 77) }
    let id = try first.namespace()
    let writer = try first.client()
    _ = try writer.put(
      namespaceID: id, chain: chain, pages: pages, options: PutOptions(durable: true))
    // What the index on disk covers is not read again at the start.
    try writer.flush()
    writer.close()
    first.stop()
    try damage(pages[1], under: first.directory.path + "/data")

    let server = try TestServer(on: first.directory)
    let client = try server.client()
    func statuses(sparse: Bool) throws -> [PageStatus] {
      var found: [PageStatus] = []
      try client.get(GetRequest(namespaceID: id, chain: chain, sparse: sparse)) {
        page, status, bytes in
        found.append(status)
        if status == .present {
          #expect(bytes.copy(0, count: bytes.byteCount) == pages[page])
        }
        return true
      }
      return found
    }
    if isReported {
      let report = ReportCorruptRequest(namespaceID: id, pageID: ids[1], expected: 1, found: 2)
      #expect(try client.reportCorrupt(report))
      // What is sound is not believed to be bad.
      let sound = ReportCorruptRequest(namespaceID: id, pageID: ids[0], expected: 1, found: 2)
      #expect(try !client.reportCorrupt(sound))
    } else {
      let found = try statuses(sparse: true)
      #expect(found == [.present, .dataLoss, .present], "\(found)")
    }
    #expect(server.wait { (try? client.stats().quarantinedPages) == 1 })
    // A quarantined page is missing: a get without sparse ends before it, a put brings it back.
    #expect(try statuses(sparse: false) == [.present])
    #expect(try client.lookup(LookupRequest(namespaceID: id, chain: chain)).hitPages == 1)
    let again = try client.put(namespaceID: id, chain: chain, pages: pages)
    #expect(again == [.alreadyPresent, .stored, .alreadyPresent])
    #expect(try statuses(sparse: false) == [.present, .present, .present])
  }

  @Test func pagesThatDoNotFitTheMemoryAreRefusedNotHung() throws {
    let server = try TestServer {
      $0.memoryMaxBytes = MemorySplit.totalBytesMin
      $0.capacityBytes = 1 << 30
      $0.segmentBytes = 128 << 20
    }
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let chain = Chain(pageIDs: Pages.ids(1))
    let page = [UInt8](repeating: 7, count: 40 << 20)
    do {
      let statuses = try client.put(namespaceID: id, chain: chain, pages: [page])
      #expect(statuses == [.stored])
      #expect(try client.get(GetRequest(namespaceID: id, chain: chain)) == [page])
    } catch {
      #expect(error.status == .resourceExhausted, "\(error)")
    }
    let small = Chain(pageIDs: Pages.ids(1, seed: 99))
    #expect(try client.put(namespaceID: id, chain: small, pages: [[1, 2, 3]]) == [.stored])
  }
}
