// Log lines and words to the service manager.

import Foundation
import Logging
import Testing
import VarveServer

@Suite struct ProcessTests {
  @Test(arguments: [
    (Logger.Level.trace, "<7>"), (.debug, "<7>"), (.info, "<6>"), (.notice, "<5>"),
    (.warning, "<4>"), (.error, "<3>"), (.critical, "<2>"),
  ])
  func linesCarryThePriority(_ level: Logger.Level, _ prefix: String) {
    let line = JournalLogHandler.line(
      level: level, label: "v", message: "m", metadata: ["b": "2", "a": "1"])
    #expect(line == prefix + "v: m a=1 b=2")
  }

  @Test func anEventIsOneLineWhateverANameHolds() {
    let line = JournalLogHandler.line(
      level: .info, label: "v", message: "m", metadata: ["name": "a\n<0>forged\r\u{1b}[2J"])
    #expect(!line.contains("\n") && !line.contains("\r") && !line.contains("\u{1b}"))
    #expect(line == "<6>v: m name=a <0>forged  [2J")
  }

  /// A datagram socket bound where a service manager would listen.
  private func receive(at name: String, _ body: () -> Void) -> String? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(name.utf8))
      if name.hasPrefix("@") { unsafe $0[0] = 0 }
    }
    let length = MemoryLayout<sa_family_t>.size + name.utf8.count
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(length))
      }
    }
    guard status == 0 else { return nil }
    body()
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }

  @Test func wordsReachPathAndAbstractSockets() throws {
    let directory = try TemporaryDirectory()
    for name in [directory.path + "/notify", "@varve-test-\(UUID().uuidString)"] {
      let word = receive(at: name) {
        ServiceNotifier(environment: ["NOTIFY_SOCKET": name]).send("READY=1")
      }
      #expect(word == "READY=1", "\(name)")
    }
  }

  @Test func withoutASocketNothingIsSent() {
    #expect(!ServiceNotifier(environment: [:]).send("READY=1"))
    #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": "relative"]).send("READY=1"))
    #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": "/no/such/socket"]).send("READY=1"))
  }

  @Test func theWatchdogIsOursOrNobodys() {
    func micros(_ environment: [String: String]) -> UInt64? {
      ServiceNotifier(environment: environment, processID: 7).watchdogMicros
    }
    #expect(micros(["WATCHDOG_USEC": "2000000"]) == 2_000_000)
    #expect(micros(["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7"]) == 2_000_000)
    #expect(micros(["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"]) == nil)
    #expect(micros(["WATCHDOG_USEC": "0"]) == nil)
    #expect(micros([:]) == nil)
  }
}
