// The bound that control groups put on this process's memory: `memory.max` of version 2,
// `memory.limit_in_bytes` of version 1, the least of the group and those above it.

internal import Glibc

/// Finds the bound from `/proc/self/cgroup`, `/proc/self/mountinfo` and the files they lead to.
package enum ControlGroup {
  package struct MemoryBound: Equatable, Sendable {
    package let bytes: UInt64
    /// The file that says so.
    package let path: String

    package init(bytes: UInt64, path: String) {
      self.bytes = bytes
      self.path = path
    }
  }

  /// The kernel takes no longer file; what is cut off of a longer one would only be missing mounts.
  private static let fileBytesMax = 1 << 20

  /// nil where no group bounds memory, or none can be read.
  package static func memoryBound() -> MemoryBound? {
    guard let groups = text(of: "/proc/self/cgroup"), let mounts = text(of: "/proc/self/mountinfo")
    else { return nil }
    return memoryBound(groups: groups, mounts: mounts, read: text)
  }

  /// The same from given texts (cgroups(7), proc(5)), for tests.
  static func memoryBound(
    groups: String, mounts: String, read: (String) -> String?
  ) -> MemoryBound? {
    var least: MemoryBound?
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isSecond = fields[0] == "0" && fields[1].isEmpty
      guard isSecond || fields[1].split(separator: ",").contains("memory") else { continue }
      let name = isSecond ? "memory.max" : "memory.limit_in_bytes"
      for mount in mounts.split(separator: "\n") {
        guard let mount = Mount(mount), mount.isOf(version2: isSecond) else { continue }
        for folder in mount.folders(of: String(fields[2])) {
          let path = folder + "/" + name
          guard let word = read(path)?.split(whereSeparator: \.isWhitespace).first,
            // "max" is no number, and no bound.
            let bytes = UInt64(word), bytes < least?.bytes ?? .max
          else { continue }
          least = MemoryBound(bytes: bytes, path: path)
        }
      }
    }
    return least
  }

  private struct Mount {
    let root: String
    let point: String
    let kind: Substring
    let options: Substring

    /// A line of mountinfo: id, parent, device, root, mount point, …, "-", type, source, options.
    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 5, fields.count > dash + 3 else {
        return nil
      }
      root = Self.unescaped(fields[3])
      point = Self.unescaped(fields[4])
      kind = fields[dash + 1]
      options = fields[dash + 3]
    }

    func isOf(version2: Bool) -> Bool {
      if version2 { return kind == "cgroup2" }
      return kind == "cgroup" && options.split(separator: ",").contains("memory")
    }

    /// The folder of `group` and those above it, up to the mount. A group outside of what is
    /// mounted (a container that sees its host's names) is the mount's own.
    func folders(of group: String) -> [String] {
      var inner = group
      if root != "/" {
        guard group == root || group.hasPrefix(root + "/") else { return [point] }
        inner = String(group.dropFirst(root.count))
      }
      var parts = inner.split(separator: "/")
      // Above the namespace's own root nothing can be named.
      if parts.contains("..") { return [point] }
      var folders: [String] = []
      while !parts.isEmpty {
        folders.append(point + "/" + parts.joined(separator: "/"))
        parts.removeLast()
      }
      return folders + [point]
    }

    /// Space, tab, newline and backslash stand as three octal digits behind a backslash.
    private static func unescaped(_ field: Substring) -> String {
      var bytes: [UInt8] = []
      var rest = Array(field.utf8)[...]
      while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "\\"), rest.count >= 3,
          let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
        {
          bytes.append(code)
          rest.removeFirst(3)
        } else {
          bytes.append(byte)
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private static func text(of path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: fileBytesMax)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress.map { unsafe $0 + count }, $0.count - count)
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
