// What `--endpoint` takes and refuses.

import Testing
import VarveClient

@Suite struct EndpointTests {
  @Test func textsThatNameAnEndpoint() throws {
    let good: [(String, Endpoint, String)] = [
      ("127.0.0.1:4770", .tcp(host: "127.0.0.1", port: 4770), "127.0.0.1:4770"),
      ("localhost:1", .tcp(host: "localhost", port: 1), "localhost:1"),
      ("cache.example:65535", .tcp(host: "cache.example", port: 65535), "cache.example:65535"),
      ("[::1]:99", .tcp(host: "::1", port: 99), "[::1]:99"),
      ("[::]:4770", .tcp(host: "::", port: 4770), "[::]:4770"),
      ("somehost", .tcp(host: "somehost", port: 4770), "somehost:4770"),
      ("[::1]", .tcp(host: "::1", port: 4770), "[::1]:4770"),
      ("unix:/run/varve.sock", .unix(path: "/run/varve.sock"), "unix:/run/varve.sock"),
      ("unix:relative", .unix(path: "relative"), "unix:relative"),
    ]
    for (text, endpoint, description) in good {
      let parsed = try Endpoint(text)
      #expect(parsed == endpoint)
      #expect(parsed.description == description)
    }
  }

  @Test func textsThatNameNone() {
    for text in [
      "", ":4770", "host:", "host:0", "host:65536", "host:-1", "host:x", "::1:4770", "[::1", "[]:1",
      "[::1]4770", "unix:",
    ] {
      let error = #expect(throws: ClientError.self, "\(text)") { _ = try Endpoint(text) }
      #expect(error?.description.contains(text) == true)
    }
  }

  @Test func unixPathsEndWhereTheKernelsFieldDoes() throws {
    let longest = String(repeating: "a", count: Endpoint.unixPathBytesMax)
    #expect(try Endpoint("unix:\(longest)") == .unix(path: longest))
    let error = #expect(throws: ClientError.self) { _ = try Endpoint("unix:\(longest)a") }
    #expect(error?.description.contains("108 bytes, 1 to 107 fit") == true)
  }
}
