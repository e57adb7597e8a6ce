// The fault layer keeps its promises: each survivor model leaves what its name says, each rule
// meets the call it names, and a stopped disk changes no more.

import Testing
import VarveBase
import VarveFile

@Suite struct SurvivorModelTests {
  /// Three blocks, synced as 1, written as 2, 3, 4 in this order, and a name that is not synced.
  func dirty() throws -> MemoryFileSystem {
    let files = MemoryFileSystem()
    let file = try files.open("/a", .create(direct: false))
    try file.write([UInt8](repeating: 1, count: 12288), at: 0)
    try file.sync()
    try files.syncDirectory("/")
    for block in 0..<3 {
      try file.write([UInt8](repeating: UInt8(2 + block), count: 4096), at: UInt64(block) * 4096)
    }
    _ = try files.open("/b", .create(direct: false))
    return files
  }

  func firsts(_ files: MemoryFileSystem) throws -> [UInt8] {
    let bytes = try files.readAll("/a")
    return stride(from: 0, to: bytes.count, by: 4096).map { bytes[$0] }
  }

  @Test func aPrefixSurvivesInTheOrderOfChanges() throws {
    let files = try dirty()
    var seen: Set<[UInt8]> = []
    for seed in 0..<200 {
      let clone = files.crashClone(.prefix(seed: UInt64(seed)))
      let found = try firsts(clone) + [try clone.exists("/b") ? 1 : 0]
      seen.insert(found)
    }
    let expected: Set<[UInt8]> = [
      [1, 1, 1, 0], [2, 1, 1, 0], [2, 3, 1, 0], [2, 3, 4, 0], [2, 3, 4, 1],
    ]
    #expect(seen == expected)
  }

  @Test func metadataSurvivesWithoutData() throws {
    let files = try dirty()
    let file = try files.open("/a", .readWrite(direct: false))
    try file.write([9], at: 20_000)
    let clone = files.crashClone(.metadata)
    #expect(try clone.list("/") == ["a", "b"])
    #expect(try clone.readAll("/a").count == 20_001)
    #expect(try firsts(clone) == [1, 1, 1, 0, 0])
  }

  @Test func theLastWriteIsTornAtASector() throws {
    let files = try dirty()
    let file = try files.open("/a", .readWrite(direct: false))
    try file.write([UInt8](repeating: 7, count: 8192), at: 4096)
    var lengths: Set<Int> = []
    for seed in 0..<400 {
      let bytes = try files.crashClone(.tornLast(seed: UInt64(seed))).readAll("/a")
      #expect(bytes[0] == 2)
      let kept = bytes[4096...].prefix { $0 == 7 }.count
      #expect(kept % 512 == 0 && bytes[(4096 + kept)...].allSatisfy { $0 == 1 })
      lengths.insert(kept)
    }
    #expect(lengths.count == 16 && lengths.max() == 8192 - 512)
  }

  @Test func whatIsSyncedSurvivesEveryModel() throws {
    let files = try dirty()
    try files.open("/a", .readWrite(direct: false)).sync()
    try files.syncDirectory("/")
    for survival in CrashSurvival.models(seed: 5) {
      let clone = files.crashClone(survival)
      #expect(try firsts(clone) == [2, 3, 4] && clone.list("/") == ["a", "b"], "\(survival)")
    }
  }

  @Test func aKillKeepsWhatIsUnsyncedUnsynced() throws {
    let files = try dirty()
    let lock = try files.lockFile("/LOCK")
    let clone = files.killClone()
    #expect(try firsts(clone) == [2, 3, 4])
    #expect(try firsts(clone.crashClone(.none)) == [1, 1, 1])
    _ = try clone.lockFile("/LOCK")
    withExtendedLifetime(lock) {}
  }
}

@Suite struct FaultRuleTests {
  func faulty(_ rules: FaultRule...) -> (FaultyFileSystem, FaultRules) {
    let list = FaultRules(rules)
    return (FaultyFileSystem(MemoryFileSystem(), judge: list), list)
  }

  @Test func theNthCallOfAKindOnAPathFails() throws {
    let (files, rules) = faulty(
      FaultRule(.write, path: "seg", nth: 1, .fail(Errno.noSpace)))
    let other = try files.open("/other", .create(direct: false))
    let file = try files.open("/seg", .create(direct: false))
    try other.write([1], at: 0)
    try file.write([1], at: 0)
    try other.write([1], at: 0)
    let expected = FileError.system(.write, path: "/seg", errno: Errno.noSpace, offset: 9)
    #expect(throws: expected) { try file.write([1], at: 9) }
    try file.write([1], at: 9)
    #expect(rules.hitCount == 1)
  }

  @Test func readsAreCutFlippedAndMisdirected() throws {
    let (files, _) = faulty(
      FaultRule(.read, nth: 0, .cutShort(3, errno: 5)), FaultRule(.read, nth: 1, .flipBit(9)),
      FaultRule(.read, nth: 2, .misdirect(4)))
    let file = try files.open("/a", .create(direct: false))
    try file.write([0, 1, 2, 3, 4, 5, 6, 7], at: 0)
    #expect(try file.read(count: 4, at: 0) == [0, 1, 2])
    #expect(try file.read(count: 4, at: 0) == [0, 3, 2, 3])
    #expect(try file.read(count: 4, at: 0) == [4, 5, 6, 7])
    #expect(try file.read(count: 4, at: 0) == [0, 1, 2, 3])
  }

  @Test func aWriteCutShortLeavesItsBeginning() throws {
    let (files, _) = faulty(FaultRule(.write, .cutShort(2, errno: Errno.inputOutput)))
    let file = try files.open("/a", .create(direct: false))
    #expect(throws: FileError.self) { try file.write([1, 2, 3, 4], at: 0) }
    #expect(try files.readAll("/a") == [1, 2])
  }

  @Test func aSyncThatFailedOnceClaimsSuccessAndDoesNothing() throws {
    let disk = MemoryFileSystem()
    let rules = FaultRules([FaultRule(.sync, fault: .failThenClaim(errno: 5))])
    let files = FaultyFileSystem(disk, judge: rules)
    let file = try files.open("/a", .create(direct: false))
    try files.syncDirectory("/")
    try file.write([1, 2], at: 0)
    #expect(throws: FileError.self) { try file.sync() }
    try file.sync()
    #expect(try disk.crashClone(.none).readAll("/a") == [])
    rules.clear()
    try file.sync()
    #expect(try disk.crashClone(.none).readAll("/a") == [1, 2])
  }

  @Test func aDelayRunsBeforeTheCall() throws {
    let ran = Locked(0)
    let (files, _) = faulty(FaultRule(.rename, .delay { ran.withLock { $0 += 1 } }))
    try files.writeAll("/a", [1])
    try files.rename("/a", to: "/b")
    #expect(ran.withLock { $0 } == 1)
    #expect(try files.readAll("/b") == [1])
  }
}

@Suite struct CrashableFileSystemTests {
  @Test func everyChangeIsSeenBeforeItHappensAndCountedByKind() throws {
    let crashable = CrashableFileSystem()
    let seen = Locked<[String]>([])
    crashable.watch { disk, call in
      let isThere = (try? disk.disk.exists(call.path)) ?? false
      seen.withLock { $0.append("\(call.kind.rawValue) \(isThere)") }
    }
    try crashable.files.replaceAtomically("/a", [1])
    try crashable.files.remove("/a")
    #expect(
      seen.withLock { $0 } == [
        "create false", "write true", "sync true", "rename true", "syncDirectory true",
        "remove true",
      ])
    #expect(crashable.counts[.write] == 1 && crashable.changeCount == 6)
  }

  @Test func aStoppedDiskChangesNoMore() throws {
    let crashable = CrashableFileSystem()
    let file = try crashable.files.open("/a", .create(direct: false))
    crashable.stop(atChange: 2)
    try file.write([1], at: 0)
    #expect(!crashable.isStopped || crashable.changeCount == 2)
    #expect(throws: FileError.self) { try file.write([2], at: 0) }
    #expect(throws: FileError.self) { try crashable.files.remove("/a") }
    #expect(try file.read(count: 1, at: 0) == [1])
    #expect(crashable.isStopped && crashable.changeCount == 2)
  }
}
