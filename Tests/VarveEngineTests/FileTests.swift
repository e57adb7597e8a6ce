// The door to the disk keeps its promises, whichever file system is behind it.

import Testing
import VarveBase
import VarveFile

@Suite struct FileTests {
  @Test(arguments: StoreDisk.allCases)
  func whatIsWrittenIsRead(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    var dice = StoreDice.seeded("whatIsWrittenIsRead")
    let file = try files.open(directory + "/a", .create(direct: true))
    let bytes = dice.bytes(5 * 4096)
    let source = aligned(bytes)
    defer { withExtendedLifetime(source) {} }
    try unsafe file.write(source.bytes, at: 8192)
    #expect(try file.size() == 7 * 4096)
    let buffer = AlignedBuffer(byteCount: 8 * 4096)
    defer { withExtendedLifetime(buffer) {} }
    let got = try unsafe file.read(into: buffer.mutableBytes, at: 0)
    #expect(got == 7 * 4096)
    #expect(buffer.copy(0..<8192) == [UInt8](repeating: 0, count: 8192))
    #expect(buffer.copy(8192..<7 * 4096) == bytes)
    #expect(try unsafe file.read(into: buffer.mutableBytes, at: 9 * 4096) == 0)
  }

  @Test(arguments: StoreDisk.allCases)
  func vectorsAreOneContiguousRange(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    var dice = StoreDice.seeded("vectors")
    let file = try files.open(directory + "/v", .create(direct: true))
    let parts = (1...5).map { dice.bytes($0 * 4096) }
    let buffers = parts.map(aligned)
    defer { withExtendedLifetime(buffers) {} }
    try unsafe file.writeVector(buffers.map { unsafe $0.bytes }, at: 4096)
    let targets = [2, 9, 9].map { AlignedBuffer(byteCount: $0 * 4096) }
    let got = try unsafe file.readVector(into: targets.map { unsafe $0.mutableBytes }, at: 4096)
    #expect(got == 15 * 4096)
    let read = targets.flatMap { $0.copy(0..<$0.byteCount) }
    #expect(Array(read[0..<got]) == parts.flatMap { $0 })
  }

  @Test(arguments: StoreDisk.allCases)
  func moreBuffersThanTheKernelTakesAtOnce(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    let file = try files.open(directory + "/v", .create(direct: true))
    let buffers = (0..<1030).map { index in
      aligned([UInt8](repeating: UInt8(index % 251), count: 4096))
    }
    defer { withExtendedLifetime(buffers) {} }
    try unsafe file.writeVector(buffers.map { unsafe $0.bytes }, at: 0)
    let targets = (0..<1030).map { _ in AlignedBuffer(byteCount: 4096) }
    let got = try unsafe file.readVector(into: targets.map { unsafe $0.mutableBytes }, at: 0)
    #expect(got == 1030 * 4096)
    #expect(targets[1029].copy(0..<1) == [UInt8(1029 % 251)])
  }

  @Test(arguments: StoreDisk.allCases)
  func wholeFilesAreReplacedAtomically(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    let path = directory + "/CURRENT"
    try files.replaceAtomically(path, Array("one".utf8))
    try files.replaceAtomically(path, Array("three".utf8))
    #expect(try files.readAll(path) == Array("three".utf8))
    #expect(try files.list(directory) == ["CURRENT"])
    #expect(try files.size(path) == 5)
  }

  @Test(arguments: StoreDisk.allCases)
  func namesComeAndGo(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    try files.createDirectory(directory + "/d")
    try files.createDirectory(directory + "/d")
    try files.writeAll(directory + "/d/x", [1])
    #expect(try files.list(directory) == ["d"])
    #expect(try files.isDirectory(directory + "/d"))
    #expect(try !files.isDirectory(directory + "/d/x"))
    try files.rename(directory + "/d/x", to: directory + "/y")
    #expect(try files.exists(directory + "/y"))
    #expect(try !files.exists(directory + "/d/x"))
    try files.remove(directory + "/y")
    try files.remove(directory + "/d")
    #expect(try files.list(directory).isEmpty)
    #expect(try files.totalBytes(directory) >= files.freeBytes(directory))
  }

  @Test(arguments: StoreDisk.allCases)
  func errorsNameOperationAndPath(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    let missing = directory + "/missing"
    let notFound = #expect(throws: FileError.self) { try files.open(missing, .read(direct: false)) }
    #expect(
      notFound == .system(.open, path: missing, errno: Errno.notFound, offset: nil))
    #expect("\(try #require(notFound))".contains(missing))
    try files.writeAll(missing, [1])
    let exists = #expect(throws: FileError.self) {
      try files.open(missing, .create(direct: true))
    }
    #expect(exists?.errno == Errno.exists)
    #expect(throws: FileError.self) { try files.remove(directory + "/none") }
    #expect(throws: FileError.self) { try files.list(directory + "/none") }
    try files.createDirectory(directory + "/d")
    try files.writeAll(directory + "/d/x", [1])
    let full = #expect(throws: FileError.self) { try files.remove(directory + "/d") }
    #expect(full?.errno == Errno.notEmpty)
  }

  @Test(arguments: StoreDisk.allCases)
  func aLockIsHeldOnceAndNamesItsHolder(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    let path = directory + "/LOCK"
    var lock: (any FileLock)? = try files.lockFile(path)
    let held = #expect(throws: FileError.self) { try files.lockFile(path) }
    guard case .locked(path, let holder)? = held else {
      Issue.record("not a lock error: \(String(describing: held))")
      return
    }
    #expect(holder.hasPrefix("pid ") || holder == "this process")
    #expect(lock?.path == path)
    lock = nil
    _ = try files.lockFile(path)
  }

  @Test func buffersOfAFullDiskEndInNoSpace() throws {
    let files = MemoryFileSystem(totalBytes: 16 * 4096)
    let file = try files.open("/a", .create(direct: false))
    try file.write([UInt8](repeating: 1, count: 16 * 4096), at: 0)
    #expect(try files.freeBytes("/") == 0)
    let error = #expect(throws: FileError.self) { try file.write([1], at: 16 * 4096) }
    #expect(error?.isNoSpace == true)
  }

  @Test func unlinkedOpenFilesStillTakeSpace() throws {
    let files = MemoryFileSystem()
    var file: (any File)? = try files.open("/a", .create(direct: false))
    try file?.write([UInt8](repeating: 1, count: 8192), at: 0)
    try files.syncDirectory("/")
    try files.remove("/a")
    try files.syncDirectory("/")
    #expect(files.usedBytes == 8192)
    file = nil
    #expect(files.usedBytes == 0)
  }

  @Test func posixSaysWhenItFellBack() throws {
    let directory = StoreTemporaryDirectory()
    let files = PosixFileSystem(allowsDirect: false)
    #expect(!files.fellBackToBuffered)
    let file = try files.open(directory.path + "/a", .create(direct: true))
    #expect(!file.isDirect)
    #expect(files.fellBackToBuffered)
    try file.write([UInt8](repeating: 7, count: 100_000), at: 3)
    #expect(try file.read(count: 1, at: 100_002) == [7])
  }
}
