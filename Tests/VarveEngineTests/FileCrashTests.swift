// The in-memory disk after an imagined crash: what was synced is there, the rest is dice.

import Testing
import VarveBase
import VarveFile

@Suite struct FileCrashTests {
  @Test func nothingUnsyncedSurvivesNone() throws {
    let files = MemoryFileSystem()
    let file = try files.open("/a", .create(direct: false))
    try file.write([UInt8](repeating: 1, count: 8192), at: 0)
    try file.sync()
    try files.syncDirectory("/")
    try file.write([UInt8](repeating: 2, count: 8192), at: 4096)
    _ = try files.open("/b", .create(direct: false))
    let after = files.crashClone(.none)
    #expect(try after.list("/") == ["a"])
    #expect(try after.readAll("/a") == [UInt8](repeating: 1, count: 8192))
    #expect(try files.readAll("/a").count == 12288, "the living disk is unchanged")
  }

  @Test func everythingSurvivesAll() throws {
    let files = MemoryFileSystem()
    let file = try files.open("/a", .create(direct: false))
    try file.write(Array("never synced".utf8), at: 5)
    let after = files.crashClone(.all)
    #expect(try after.readAll("/a") == [0, 0, 0, 0, 0] + Array("never synced".utf8))
  }

  @Test func aNameWithoutDirectorySyncIsNotThere() throws {
    let files = MemoryFileSystem()
    let file = try files.open("/a", .create(direct: false))
    try file.write([1], at: 0)
    try file.sync()
    #expect(try files.crashClone(.none).list("/").isEmpty)
    try files.syncDirectory("/")
    #expect(try files.crashClone(.none).readAll("/a") == [1])
    try files.rename("/a", to: "/b")
    #expect(try files.crashClone(.none).list("/") == ["a"])
    #expect(try files.crashClone(.all).list("/") == ["b"])
    try files.remove("/b")
    #expect(try files.crashClone(.none).readAll("/a") == [1])
  }

  @Test func replacedFilesAreOldOrNewNeverMixed() throws {
    var dice = StoreDice.seeded("replacedFiles")
    let old = dice.bytes(10_000)
    let new = dice.bytes(9_000)
    let files = MemoryFileSystem()
    try files.replaceAtomically("/CURRENT", old)
    #expect(try files.crashClone(.none).readAll("/CURRENT") == old)
    try files.replaceAtomically("/CURRENT", new)
    #expect(try files.crashClone(.none).readAll("/CURRENT") == new)
  }

  @Test func randomSurvivalIsReproducibleAndKeepsSynced() throws {
    var dice = StoreDice.seeded("randomSurvival")
    let files = MemoryFileSystem()
    let file = try files.open("/a", .create(direct: false))
    let synced = dice.bytes(64 * 4096)
    try file.write(synced, at: 0)
    try file.sync()
    try files.syncDirectory("/")
    let lost = dice.bytes(64 * 4096)
    try file.write(lost, at: 64 * 4096)
    let seed = dice.next()
    let one = try files.crashClone(.random(seed: seed, percent: 50)).readAll("/a")
    let two = try files.crashClone(.random(seed: seed, percent: 50)).readAll("/a")
    #expect(one == two)
    #expect(Array(one[0..<64 * 4096]) == synced)
    let whole = (64..<one.count / 4096).count { block in
      one[block * 4096..<(block + 1) * 4096]
        .elementsEqual(lost[(block - 64) * 4096..<(block - 63) * 4096])
    }
    #expect(whole > 0 && whole < 64, "\(whole) of 64 blocks survived whole")
  }
}
