// Listening sockets of a service manager: which are taken, which refused, and that they serve.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer

@Suite(.serialized) struct ActivationTests {
  /// A socket as a socket unit makes it.
  private func bound(
    _ host: String = "127.0.0.1", type: __socket_type = SOCK_STREAM, listens: Bool = true
  ) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(type.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = unsafe inet_addr(host)
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0, !listens || listen(descriptor, 16) == 0 else {
      throw RawClient.Failure(description: "bind: \(errno)")
    }
    return descriptor
  }

  private func boundUnix(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
    }
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0, listen(descriptor, 16) == 0 else {
      throw RawClient.Failure(description: "bind: \(errno)")
    }
    return descriptor
  }

  @Test func socketsAreTakenOnlyWhenTheyAreMeantForUs() throws {
    func taken(_ environment: [String: String]) throws -> [ActivatedSocket] {
      try ActivatedSocket.taken(from: environment, processID: 7)
    }
    #expect(try taken([:]).isEmpty)
    #expect(try taken(["LISTEN_FDS": "1"]).isEmpty)
    #expect(try taken(["LISTEN_PID": "8", "LISTEN_FDS": "1"]).isEmpty)
    #expect(try taken(["LISTEN_PID": "7", "LISTEN_FDS": "0"]).isEmpty)
    #expect(
      try taken(["LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "data:http"])
        == [
          ActivatedSocket(descriptor: 3, name: "data"),
          ActivatedSocket(descriptor: 4, name: "http"), ActivatedSocket(descriptor: 5, name: ""),
        ])
    let most = Limits.activatedSocketsMax
    #expect(try taken(["LISTEN_PID": "7", "LISTEN_FDS": "\(most)"]).count == most)
    for wrong in ["\(most + 1)", "-1", "x", ""] {
      let error = #expect(throws: ConfigurationProblem.self) {
        try taken(["LISTEN_PID": "7", "LISTEN_FDS": wrong])
      }
      #expect(error?.message.contains("\"\(wrong)\"") == true)
    }
    #expect(throws: ConfigurationProblem.self) {
      try taken(["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:http"])
    }
  }

  @Test func anActivatedSocketReplacesTheConfiguredOnes() throws {
    let data = ActivatedSocket(descriptor: try bound(), name: "data")
    let http = ActivatedSocket(descriptor: try bound(), name: "http")
    // The configured addresses cannot be had: whoever tried them would fail.
    let server = try TestServer(activated: [http, data]) {
      $0.listen = [.unix(path: "/no/such/directory/socket")]
      $0.http = .unix(path: "/no/such/directory/http")
    }
    #expect(server.server.addresses.count == 1)
    #expect(server.port != 0)
    try server.client().ping()
    guard case .tcp(_, let port)? = server.server.httpAddress else {
      Issue.record("no HTTP port")
      return
    }
    let answer = try HttpClient(port: port).exchange("GET /readyz HTTP/1.1\r\n\r\n")
    #expect(answer.hasSuffix("ready\n"))
  }

  @Test func theFileOfAnActivatedSocketStays() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let socket = ActivatedSocket(descriptor: try boundUnix(path), name: "data")
    let server = try TestServer(activated: [socket])
    #expect(server.server.addresses == [.unix(path: path)])
    try Client(Endpoint("unix:\(path)")).ping()
    server.stop()
    #expect(FileManager.default.fileExists(atPath: path))
  }

  private func refusal(_ descriptor: Int32, insecure: Bool = false) -> String? {
    let socket = ActivatedSocket(descriptor: descriptor, name: "n")
    do {
      let queue = DispatchQueue(label: "test")
      try Listener(adopting: socket, insecure: insecure, queue: queue).close()
      return nil
    } catch {
      return error.message
    }
  }

  @Test func whatIsNoListeningSocketIsRefused() throws {
    let directory = try TemporaryDirectory()
    let file = unsafe open(directory.path + "/file", O_RDWR | O_CREAT, 0o600)
    let idle = try bound(listens: false)
    let datagrams = try bound(type: SOCK_DGRAM, listens: false)
    defer { for descriptor in [file, idle, datagrams] { close(descriptor) } }
    #expect(refusal(file)?.contains("activated socket \(file) (n)") == true)
    #expect(refusal(idle)?.contains("does not listen") == true)
    #expect(refusal(datagrams)?.contains("no stream socket") == true)
    #expect(refusal(9999) != nil)
  }

  @Test func anOpenAddressNeedsInsecureWhoeverBoundIt() throws {
    let open = try bound("0.0.0.0")
    #expect(refusal(open)?.contains("insecure = true") == true)
    #expect(refusal(open, insecure: true) == nil)
  }

  @Test(.enabled(if: DaemonProcess.path != nil, "varved is not built"))
  func theDaemonServesOnDescriptorThree() throws {
    let directory = try TemporaryDirectory()
    let descriptor = try bound()
    defer { close(descriptor) }
    let arguments = [
      "--listen", "127.0.0.1:1", "--http", "", "--capacity", "64MiB", "--data-dir",
      directory.path + "/data",
    ]
    let notify = try NotifyReceiver(directory.path + "/notify")
    let daemon = try DaemonProcess(
      arguments, environment: ["NOTIFY_SOCKET": directory.path + "/notify"], in: directory.path,
      activating: (descriptor, "data"))
    let line = try #require(daemon.line())
    #expect(line.hasPrefix("listening on 127.0.0.1:") && line != "listening on 127.0.0.1:1")
    #expect(daemon.line() == "ready")
    #expect(notify.next() == "READY=1")
    let endpoint = try Endpoint(String(line.dropFirst("listening on ".count)))
    try Client(endpoint).ping()
    daemon.signal(SIGTERM)
    #expect(notify.next() == "STOPPING=1")
    #expect(daemon.end().code == 0)
    // The service manager's own descriptor still listens: who connects now waits for the next
    // start.
    guard case .tcp(_, let port) = endpoint else { return }
    _ = try RawClient(port: port)
  }
}
