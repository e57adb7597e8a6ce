// What the kernel counts for this process.

internal import Glibc
package import VarveBase

/// A reading of processor time, memory and descriptors.
package struct ProcessUsage: Sendable {
  package var cpuSeconds = 0.0
  package var residentBytes = 0
  package var openFiles = 0
  package var openFilesMax = 0

  package init() {
    var usage = rusage()
    if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
    }
    residentBytes = Self.residentPages() * sysconf(Int32(_SC_PAGESIZE))
    openFiles = Self.countOpenFiles()
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      openFilesMax = Int(clamping: limit.rlim_cur)
    }
  }

  package var gauges: [Gauge] {
    [
      Gauge("process_cpu_seconds_total", "Processor time, user and system", cpuSeconds),
      Gauge(
        "process_resident_memory_bytes", "Memory of the process in RAM", Double(residentBytes)),
      Gauge("process_open_fds", "Open descriptors", Double(openFiles)),
      Gauge("process_max_fds", "Most descriptors that may be open", Double(openFilesMax)),
    ]
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }

  /// The second number of /proc/self/statm.
  private static func residentPages() -> Int {
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return 0 }
    let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? Int(fields[1]) ?? 0 : 0
  }

  /// Entries of /proc/self/fd, without the two dots and the descriptor that reads them.
  private static func countOpenFiles() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return max(count - 3, 0)
  }
}
