// The memory a control group leaves, from texts as cgroups(7) and proc(5) have them, and what is
// made of it.

import Testing
import VarveBase

@testable import VarveServer

@Suite struct ControlGroupTests {
  private static let second = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw"
  private static let first =
    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    + "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"

  private func bound(
    _ groups: String, _ mounts: String, _ files: [String: String]
  ) -> ControlGroup.MemoryBound? {
    ControlGroup.memoryBound(groups: groups, mounts: mounts) { files[$0] }
  }

  @Test func theLeastOfTheGroupAndThoseAboveItCounts() {
    let files = [
      "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "2097152\n",
      "/sys/fs/cgroup/memory.max": "4194304\n",
    ]
    #expect(
      bound("0::/a/b\n", Self.second, files)
        == .init(bytes: 2_097_152, path: "/sys/fs/cgroup/a/memory.max"))
    #expect(bound("0::/\n", Self.second, files)?.bytes == 4_194_304)
    #expect(bound("0::/a/b\n", Self.second, ["/sys/fs/cgroup/a/b/memory.max": "max\n"]) == nil)
    #expect(bound("0::/a/b\n", Self.second, [:]) == nil)
  }

  @Test func versionOneIsReadBesideVersionTwo() {
    let groups = "5:devices:/\n4:memory:/pod/1\n1:cpu,cpuacct:/\n0::/\n"
    let path = "/sys/fs/cgroup/memory/pod/1/memory.limit_in_bytes"
    let mounts = Self.first + "\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    #expect(bound(groups, mounts, [path: "1000\n"]) == .init(bytes: 1000, path: path))
    #expect(
      bound(
        groups, mounts, [path: "1000", "/sys/fs/cgroup/unified/memory.max": "900"])?.bytes == 900)
    // A controller whose name only begins like it is another.
    #expect(bound("4:memoryx:/pod/1", mounts, [path: "1000"]) == nil)
  }

  @Test func aContainerSeesItsOwnGroupWhereverItIsMounted() {
    let mount = "31 23 0:28 /docker/9 /sys/fs/cgroup ro - cgroup2 cgroup ro"
    let files = ["/sys/fs/cgroup/memory.max": "5", "/sys/fs/cgroup/x/memory.max": "4"]
    #expect(bound("0::/docker/9/x", mount, files)?.bytes == 4)
    #expect(bound("0::/docker/9", mount, files)?.bytes == 5)
    // The host's name of a group that is not mounted here, and a place above the namespace.
    #expect(bound("0::/other", mount, files)?.bytes == 5)
    #expect(bound("0::/docker/99", mount, files)?.bytes == 5)
    #expect(bound("0::/../up", Self.second, files)?.bytes == 5)
  }

  @Test func escapesInMountsAreRead() {
    let mount = "31 23 0:28 / /sys/my\\040groups rw - cgroup2 cgroup2 rw"
    #expect(bound("0::/", mount, ["/sys/my groups/memory.max": "7"])?.bytes == 7)
  }

  @Test(arguments: ["", "0", "0::", "no colons at all", "0::/a\u{0}b", "::::", "31 23 - - - -"])
  func oddTextsBoundNothing(_ text: String) {
    #expect(bound(text, Self.second, [:]) == nil)
    #expect(bound("0::/", text, ["/sys/fs/cgroup/memory.max": "7"]) == nil)
  }

  @Test func aTotalOverWhatThereIsIsRefusedWithBothNumbers() throws {
    let path = "/sys/fs/cgroup/memory.max"
    let machine = MachineMemory(
      physicalBytes: 8 << 30, group: .init(bytes: 100 << 20, path: path))
    var configuration = ServerConfiguration()
    configuration.memoryMaxBytes = 100 << 20
    #expect(try configuration.memorySplit(on: machine).totalBytes == 100 << 20)
    configuration.memoryMaxBytes += 1
    let problem = #expect(throws: ConfigurationProblem.self) {
      try configuration.memorySplit(on: machine)
    }
    let words =
      "memory_max 104857601 is more than this process may have: its control group "
      + "allows 104857600 (\(path))"
    #expect(problem?.message == words)
    let whole = #expect(throws: ConfigurationProblem.self) {
      try configuration.memorySplit(on: MachineMemory(physicalBytes: 64 << 20))
    }
    #expect(whole?.message.contains("more than the 67108864 bytes this machine has") == true)
  }

  @Test func theAutomaticTotalIsAQuarterOfWhatThereIs() throws {
    func automatic(_ physical: UInt64, _ group: UInt64?) -> UInt64 {
      MemorySplit.automatic(
        on: MachineMemory(
          physicalBytes: physical, group: group.map { .init(bytes: $0, path: "p") }))
    }
    #expect(automatic(16 << 30, nil) == 4 << 30)
    #expect(automatic(16 << 30, 2 << 30) == 512 << 20)
    #expect(automatic(1 << 40, 1 << 40) == 8 << 30)
    #expect(automatic(16 << 30, 100 << 20) == 64 << 20)
    // Less than the least: refused, not shrunk.
    #expect(throws: ConfigurationProblem.self) {
      try ServerConfiguration().memorySplit(
        on: MachineMemory(physicalBytes: 1 << 30, group: .init(bytes: 60 << 20, path: "p")))
    }
  }

  @Test func descriptorsSufficeOrAreRefusedWithTheNumbers() throws {
    var configuration = ServerConfiguration()
    configuration.capacityBytes = 64 << 20
    configuration.segmentBytes = 4 << 20
    configuration.connectionsMax = 10
    let need = try configuration.descriptorNeed()
    #expect(need.segments == 16 && need.connections == 10)
    try configuration.checkDescriptors(allowed: need.total)
    let problem = #expect(throws: ConfigurationProblem.self) {
      try configuration.checkDescriptors(allowed: need.total - 1)
    }
    let message = problem?.message ?? ""
    let words = "\(need.total) descriptors may be needed (16 segments, 10 connections"
    #expect(message.hasPrefix(words), "\(message)")
    #expect(message.contains("RLIMIT_NOFILE allows \(need.total - 1)"), "\(message)")
    configuration.capacityBytes += 1
    #expect(try configuration.descriptorNeed().segments == 17)
  }
}
