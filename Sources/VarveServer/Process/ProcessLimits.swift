// What the process asks of the kernel for itself.

internal import Glibc

package enum ProcessLimits {
  /// Lifts the soft bound of open descriptors to the hard one: connections and segments need them.
  ///
  /// - Returns: descriptors that may be open now.
  @discardableResult
  package static func raiseOpenFiles() -> UInt64 {
    guard var limit = openFiles() else { return .max }
    let soft = UInt64(limit.rlim_cur)
    limit.rlim_cur = limit.rlim_max
    let isRaised =
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    return isRaised ? UInt64(limit.rlim_max) : soft
  }

  /// What `raiseOpenFiles` can get at most.
  package static func openFilesHard() -> UInt64 { openFiles().map { UInt64($0.rlim_max) } ?? .max }

  private static func openFiles() -> rlimit? {
    var limit = rlimit()
    let status = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return status == 0 ? limit : nil
  }
}
