// The raw program keeps its promises: it verifies what it moves. A ceiling that skips its checks
// would make the daemon look slow.

import Foundation
import Testing
import VarveBase
import VarveFile

@testable import varvebench

@Suite struct RawTests {
  private static let pageBytes = 8192

  private func withServer(loops: Int = 0, _ body: (UInt16, String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "varvebench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("raw").path
    let server = try RawServer(file: path, pageBytes: Self.pageBytes, pageCount: 8, coldCopies: 3)
    // Ends with the test process: it waits in accept.
    _ = NamedThread("raw-server") { try? server.serve(loops: loops) }
    try body(server.port, path)
  }

  @Test func pagesComeFromMemoryAndFromTheFile() throws {
    try withServer { port, _ in
      let client = try RawClient(port: port, pages: BenchPages(pageBytes: Self.pageBytes, count: 8))
      try client.get(.get, first: 0, count: 8)
      try client.get(.get, first: 5, count: 2)
      try client.get(.cold, first: 0, count: 24)
      try client.get(.cold, first: 17, count: 3)
      try client.echo(sent: 100, received: 8000)
    }
  }

  @Test func loopsServeManyConnections() throws {
    try withServer(loops: 2) { port, _ in
      let pages = BenchPages(pageBytes: Self.pageBytes, count: 8)
      let clients = try (0..<9).map { _ in try RawClient(port: port, pages: pages) }
      for round in 0..<3 {
        for (number, client) in clients.enumerated() {
          try client.get(.get, first: (round + number) % 4, count: 1 + number % 4)
        }
      }
      let other = BenchPages(pageBytes: Self.pageBytes, count: 8, seed: 9)
      #expect(throws: Failure.self) {
        try RawClient(port: port, pages: other).get(.get, first: 0, count: 1)
      }
    }
  }

  @Test func otherBytesAreNoticed() throws {
    try withServer { port, _ in
      let other = BenchPages(pageBytes: Self.pageBytes, count: 8, seed: 9)
      #expect(throws: Failure.self) {
        try RawClient(port: port, pages: other).get(.get, first: 0, count: 1)
      }
      #expect(throws: Failure.self) {
        try RawClient(port: port, pages: other).get(.cold, first: 3, count: 1)
      }
    }
  }

  @Test func putsLieInTheFile() throws {
    try withServer { port, path in
      let pages = BenchPages(pageBytes: Self.pageBytes, count: 8, seed: 9)
      let client = try RawClient(port: port, pages: pages)
      try client.put(first: 2, count: 5)
      try client.put(first: 0, count: 1)
      let written = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path + ".put")))
      let expected = unsafe Array(pages.bytes(2..<7)) + Array(pages.bytes(0..<1))
      #expect(written == expected)
      try client.reset()
      try client.put(first: 1, count: 1)
      let again = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path + ".put")))
      let expectedAgain = unsafe Array(pages.bytes(1..<2))
      #expect(again == expectedAgain)
    }
  }
}
