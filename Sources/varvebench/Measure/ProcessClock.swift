// Processor time of a process, from /proc: user and system, all threads, those that ended included.

import Foundation
import VarveBase

enum ProcessClock {
  /// Seconds that process `pid` has used up to now. Ticks of 10 ms: rounds of a second and more
  /// see it to a percent or two.
  static func seconds(of pid: Int32) throws -> Double {
    let path = "/proc/\(pid)/stat"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure("\(path) cannot be read: the server has gone")
    }
    guard let ticks = ticks(inStat: text) else { throw Failure("\(path) is not as proc(5) says") }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Processor time of this process, in microseconds' steps.
  static func ownSeconds() -> Double {
    var usage = rusage()
    let status = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
    precondition(status == 0, "getrusage gave \(status)")
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// Waits until the process does nothing of its own any more (touching its memory, flushing what
  /// was put), or for 20 s at most: the clock starts on a server at rest.
  static func rest(_ pid: Int32) throws {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + 20_000_000_000
    var quietCount = 0
    var last = try seconds(of: pid)
    while quietCount < 3, clock.monotonicNanos() < deadline {
      Thread.sleep(forTimeInterval: 0.1)
      let now = try seconds(of: pid)
      quietCount = now - last < 0.015 ? quietCount + 1 : 0
      last = now
    }
  }

  /// utime + stime, fields 14 and 15. The name in field 2 may hold spaces and parentheses: fields
  /// are counted from the last one.
  static func ticks(inStat text: String) -> UInt64? {
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
    guard fields.count > 12, let user = UInt64(fields[11]), let system = UInt64(fields[12]) else {
      return nil
    }
    return user + system
  }
}
