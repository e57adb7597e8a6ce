// How much memory there is to divide: the machine's, or what a control group leaves of it.

internal import Glibc

package struct MachineMemory: Equatable, Sendable {
  package var physicalBytes: UInt64
  package var group: ControlGroup.MemoryBound?

  package init(physicalBytes: UInt64, group: ControlGroup.MemoryBound? = nil) {
    self.physicalBytes = physicalBytes
    self.group = group
  }

  /// This machine's, as it is now.
  package static func current() -> MachineMemory {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageBytes = sysconf(Int32(_SC_PAGESIZE))
    let known = pages > 0 && pageBytes > 0
    return MachineMemory(
      physicalBytes: known ? UInt64(pages) * UInt64(pageBytes) : .max,
      group: ControlGroup.memoryBound())
  }

  package var availableBytes: UInt64 { min(physicalBytes, group?.bytes ?? .max) }

  /// Why `total` bytes cannot be had here, with both numbers; nil where they can.
  func problem(total: UInt64) -> String? {
    guard total > availableBytes else { return nil }
    if let group, group.bytes == availableBytes {
      return "memory_max \(total) is more than this process may have: its control group allows "
        + "\(group.bytes) (\(group.path))"
    }
    return "memory_max \(total) is more than the \(physicalBytes) bytes this machine has"
  }
}
