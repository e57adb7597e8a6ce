// Addresses: what is taken, what is refused, what is left behind.

import Dispatch
import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer

@Suite(.serialized) struct ListenerTests {
  private let queue = DispatchQueue(label: "test.accept")

  @Test func aUnixSocketIsPrivateAndGoesAway() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let listener = try Listener(.unix(path: path), queue: queue)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    listener.close()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aSocketFileOfADeadDaemonIsReplacedALiveOneIsNot() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    // Bound, closed, and left: what a killed process leaves.
    let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
    }
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(status == 0)
    close(dead)
    let listener = try Listener(.unix(path: path), queue: queue)
    #expect(throws: BindError.inUse(address: "unix:\(path)")) {
      try Listener(.unix(path: path), queue: queue)
    }
    listener.close()
  }

  @Test func aFileThatIsNoSocketIsNotTouched() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/precious"
    try "keep me".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: BindError.self) { try Listener(.unix(path: path), queue: queue) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "keep me")
  }

  @Test func aPortInUseIsNamed() throws {
    let listener = try Listener(.tcp(host: "127.0.0.1", port: 0), queue: queue)
    #expect(throws: BindError.inUse(address: "\(listener.address)")) {
      try Listener(listener.address, queue: queue)
    }
    listener.close()
    try Listener(listener.address, queue: queue).close()
  }

  @Test func addressesThatAreNotOursAreUnusable() throws {
    for host in ["192.0.2.1", "no-such-host.invalid"] {
      let error = #expect(throws: BindError.self) {
        try Listener(.tcp(host: host, port: 0), queue: queue)
      }
      guard case .unusable = error else {
        Issue.record("\(host): \(String(describing: error))")
        continue
      }
    }
  }

  @Test func clientsReachUnixAndSixthVersionSockets() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let server = try TestServer {
      $0.listen = [.tcp(host: "::1", port: 0), .unix(path: path)]
    }
    try Client(.unix(path: path)).ping()
    try Client(.tcp(host: "::1", port: server.port)).ping()
  }

  @Test func nothingStaysBoundWhenOneAddressFails() throws {
    let taken = try Listener(.tcp(host: "127.0.0.1", port: 0), queue: queue)
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    #expect(throws: BindError.self) {
      try TestServer { $0.listen = [.unix(path: path), taken.address] }
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    taken.close()
  }
}
