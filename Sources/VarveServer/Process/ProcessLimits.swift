// What the process asks of the kernel for itself.

internal import Glibc

package enum ProcessLimits {
  /// Lifts the soft bound of open descriptors to the hard one: connections and segments need them.
  package static func raiseOpenFiles() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
