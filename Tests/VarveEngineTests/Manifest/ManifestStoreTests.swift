// The manifest on disk: what a commit promises, what a crash may leave, what damage is told.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct ManifestStoreTests {
  private func files() throws -> MemoryFileSystem {
    let files = MemoryFileSystem()
    try files.createDirectory("/data")
    try files.syncDirectory("/")
    return files
  }

  private func open(
    _ files: MemoryFileSystem, create: Bool = false, rollBytes: Int = 1 << 20
  ) throws -> ManifestStore {
    try ManifestStore.open(
      files, directory: "/data", createIfMissing: create, rollBytes: rollBytes)
  }

  private func manifests(_ files: MemoryFileSystem) throws -> [String] {
    try files.list("/data").filter { ManifestFormat.number(ofName: $0) != nil }
  }

  @Test func `what is committed is there after reopening`() throws {
    let files = try files()
    let store = try open(files, create: true)
    #expect(store.state == ManifestState())
    for edit in MakeManifest.everything { try store.commit([edit]) }
    #expect(try ManifestStore.read(files, directory: "/data") == store.state)
    let again = try open(files)
    #expect(again.state == store.state)
    #expect(try files.list("/data") == ["CURRENT", "MANIFEST-0000000000000002", "NAMESPACES"])
    #expect(again.fileBytes > 0)
  }

  @Test func `without CURRENT a store is begun only when that is said`() throws {
    let files = try files()
    #expect(throws: IndexError.missing(file: "/data/CURRENT")) { try open(files) }
    #expect(throws: IndexError.missing(file: "/data/CURRENT")) {
      try ManifestStore.read(files, directory: "/data")
    }
    try files.writeAll("/data/MANIFEST-0000000000000007", [1, 2, 3])
    _ = try open(files, create: true)
    #expect(try manifests(files) == ["MANIFEST-0000000000000008"])
  }

  /// Found by the crash run, seed 500003: starts that crashed three times before CURRENT was
  /// replaced left a manifest each, and the capacity was passed.
  @Test func `what crashed starts left goes before one more is made`() throws {
    let crashable = CrashableFileSystem()
    try crashable.files.createDirectory("/data")
    func open(create: Bool) throws -> ManifestStore {
      try ManifestStore.open(crashable.files, directory: "/data", createIfMissing: create)
    }
    try open(create: true).commit(MakeManifest.everything)
    for number in [5, 9] as [UInt64] {
      try crashable.files.writeAll("/data/" + ManifestFormat.name(number), [1, 2, 3])
    }
    let before = Locked<[String]?>(nil)
    crashable.watch { disk, call in
      guard call.kind == .create, call.path.contains("MANIFEST") else { return }
      before.withLock { $0 = try? disk.disk.list("/data").filter { $0.contains("MANIFEST") } }
    }
    _ = try open(create: false)
    crashable.watch(nil)
    #expect(before.withLock { $0 } == [ManifestFormat.name(1)])
    #expect(
      try crashable.files.list("/data").filter { $0.contains("MANIFEST") }
        == [ManifestFormat.name(10)])
  }

  @Test func `a batch that does not fit is refused whole`() throws {
    let store = try open(try files(), create: true)
    let before = store.state
    #expect(throws: IndexError.self) { try store.commit([.addSegment(1), .addSegment(1)]) }
    #expect(store.state == before)
    try store.commit([.addSegment(1)])
    #expect(try store.commit([]) == store.state)
  }

  @Test func `a crash loses no committed batch and no part of one appears`() throws {
    var dice = Dice()
    for round in 0..<40 {
      let files = try files()
      let store = try open(files, create: true, rollBytes: round % 2 == 0 ? 300 : 1 << 20)
      var states = [store.state]
      for edit in MakeManifest.everything {
        states.append(try store.commit([edit]))
        let survival = CrashSurvival.random(seed: dice.next(), percent: 50)
        let crashed = files.crashClone(round % 3 == 0 ? .none : survival)
        let found = try ManifestStore.read(crashed, directory: "/data")
        #expect(found == store.state, dice.comment)
        let copy = try ManifestStore.namespaceCopy(crashed, directory: "/data")
        #expect(copy.namespaces == found.namespaces, dice.comment)
        #expect(copy.nextNamespace == found.nextNamespace)
      }
      for state in states { state.checkInvariants() }
    }
  }

  @Test func `a batch torn by a crash is as if never written`() throws {
    let files = try files()
    let store = try open(files, create: true)
    try store.commit([.addSegment(1)])
    let before = store.state
    let length = try files.size("/data/MANIFEST-0000000000000001")
    try store.commit([.createNamespace(MakeManifest.namespace(1))])
    let whole = try files.readAll("/data/MANIFEST-0000000000000001")
    for end in Int(length)..<whole.count {
      for tail in [[], [UInt8](repeating: 0, count: whole.count - end)] {
        let torn = Array(whole[0..<end]) + tail
        let file = try ManifestFile(torn, number: 1, file: "m")
        #expect(file.state == before && file.goodBytes == Int(length), "cut at \(end)")
      }
    }
    let found = try ManifestFile(whole, number: 1, file: "m").state
    #expect(found == store.state)
  }

  @Test func `any bit turned over is damage, or takes the last batch away`() throws {
    let files = try files()
    let store = try open(files, create: true)
    try store.commit([.addSegment(1), .createNamespace(MakeManifest.namespace(1))])
    try store.commit([.addTable(MakeManifest.table(3))])
    let before = store.state
    let length = try files.size("/data/MANIFEST-0000000000000001")
    try store.commit([.lastBirth(12)])
    let whole = try files.readAll("/data/MANIFEST-0000000000000001")
    for bit in 0..<whole.count * 8 {
      var bytes = whole
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      if bit / 8 < Int(length) {
        #expect(throws: IndexError.self, "bit \(bit)") {
          try ManifestFile(bytes, number: 1, file: "m")
        }
      } else {
        #expect(try ManifestFile(bytes, number: 1, file: "m").state == before, "bit \(bit)")
      }
    }
    for name in ["CURRENT", "NAMESPACES"] {
      for bit in 0..<Int(try files.size("/data/" + name)) * 8 {
        files.flipBit(bit, of: "/data/" + name)
        #expect(throws: IndexError.self, "\(name) bit \(bit)") {
          if name == "CURRENT" {
            _ = try ManifestStore.read(files, directory: "/data")
          } else {
            _ = try ManifestStore.readNamespaces(files, directory: "/data")
          }
        }
        files.flipBit(bit, of: "/data/" + name)
      }
    }
    #expect(try ManifestStore.read(files, directory: "/data") == store.state)
  }

  @Test func `garbage is refused`() throws {
    var dice = Dice()
    for _ in 0..<500 {
      let bytes = dice.bytes(dice.below(200))
      #expect(throws: IndexError.self, dice.comment) {
        try ManifestFile(bytes, number: 1, file: "m")
      }
      #expect(throws: IndexError.self) { try ManifestFormat.readNamespaces(bytes, file: "n") }
      #expect(throws: IndexError.self) { try ManifestFormat.readCurrent(bytes, file: "c") }
    }
  }

  /// A manifest file of batches that check, whatever their payloads say.
  private func file(_ payloads: [[UInt8]], numbers: [UInt64] = [1, 2, 3]) -> [UInt8] {
    var bytes = ManifestFormat.header(number: 1, snapshotBytes: 0)
    for (payload, batch) in zip(payloads, numbers) {
      bytes += ManifestFormat.record(payload, batch: batch, number: 1, offset: bytes.count)
    }
    return bytes
  }

  @Test func `batches that check and make no sense are damage that says what is wrong`() throws {
    let good = ManifestEdit.encode([.addSegment(1)])
    #expect(try ManifestFile(file([good]), number: 1, file: "m").batches == 1)
    var gap = file([good]) + [0]
    gap += ManifestFormat.record(good, batch: 2, number: 1, offset: gap.count)
    for (bytes, what) in [
      (file([good, [1, 99]]), "edits in the batch"),
      (file([good, good]), "add segment 1, next is 2): edits that fit"),
      (file([good, good], numbers: [1, 3]), "batch number"),
      (gap, "place of the next whole batch"),
    ] {
      let error = #expect(throws: IndexError.self) {
        try ManifestFile(bytes, number: 1, file: "m")
      }
      let said = String(describing: try #require(error))
      #expect(said.contains(what), "\(said)")
    }
  }

  @Test func `a copy of the namespaces that checks and makes no sense is damage`() throws {
    for payload in [[1, 99], ManifestEdit.encode([.retireNamespace(4)])] as [[UInt8]] {
      var bytes = ManifestFormat.namespacesMagic
      bytes.appendLE(ManifestFormat.version)
      bytes.appendLE(UInt32(payload.count))
      bytes.appendLE(CRC32C.checksum(payload, seed: CRC32C.checksum(bytes)))
      bytes += payload
      #expect(throws: IndexError.self) { try ManifestFormat.readNamespaces(bytes, file: "n") }
    }
  }

  @Test func `the last number is no file's`() {
    #expect(ManifestFormat.number(ofName: "MANIFEST-fffffffffffffffe") == UInt64.max - 1)
    #expect(ManifestFormat.number(ofName: "MANIFEST-ffffffffffffffff") == nil)
  }

  /// The commit has been written to the file that became too long: it is in force.
  @Test func `a commit holds when the short file behind it cannot be begun`() throws {
    let disk = FailingFiles(try files())
    let store = try ManifestStore.open(
      disk, directory: "/data", createIfMissing: true, rollBytes: 400)
    disk.fail("create")
    var birth: UInt64 = 0
    var failed = false
    while !failed {
      birth += 1
      try #require(birth < 500)
      do { try store.commit([.lastBirth(birth)]) } catch { failed = true }
    }
    // The one that fails is the first behind the failed roll, which has no file to go to.
    #expect(store.state.lastBirth == birth - 1)
    #expect(try ManifestStore.read(disk, directory: "/data").lastBirth == birth - 1)
    disk.fail(nil)
    try store.commit([.lastBirth(birth)])
    #expect(try ManifestStore.read(disk, directory: "/data").lastBirth == birth)
  }

  @Test func `unknown versions are refused naming both`() throws {
    var header = ManifestFormat.header(number: 1, snapshotBytes: 0)
    header.storeLE(UInt32(2), at: 8)
    header.storeLE(CRC32C.checksum(Array(header[0..<36])), at: 36)
    #expect(throws: IndexError.unknownVersion(file: "m", found: 2, supported: 1)) {
      try ManifestFile(header, number: 1, file: "m")
    }
    var copy = ManifestFormat.namespaces(ManifestState())
    copy.storeLE(UInt32(9), at: 8)
    let checksum = CRC32C.checksum(
      Array(copy[20...]), seed: CRC32C.checksum(Array(copy[0..<16])))
    copy.storeLE(checksum, at: 16)
    #expect(throws: IndexError.unknownVersion(file: "n", found: 9, supported: 1)) {
      try ManifestFormat.readNamespaces(copy, file: "n")
    }
  }

  @Test func `a long manifest is followed by a short one`() throws {
    let files = try files()
    let store = try open(files, create: true, rollBytes: 400)
    for birth in 1...200 { try store.commit([.lastBirth(UInt64(birth))]) }
    let names = try manifests(files)
    #expect(names.count == 1 && names != ["MANIFEST-0000000000000001"])
    #expect(try files.size("/data/" + names[0]) < 500)
    #expect(try ManifestStore.read(files, directory: "/data").lastBirth == 200)
  }

  @Test func `a second copy that was lost or is old is made anew at the start`() throws {
    let files = try files()
    let store = try open(files, create: true)
    try store.commit([.createNamespace(MakeManifest.namespace(1))])
    try files.remove("/data/NAMESPACES")
    _ = try open(files)
    let copy = try ManifestStore.readNamespaces(files, directory: "/data")
    #expect(copy == [MakeManifest.namespace(1)])
  }

  @Test func `after a commit that failed the next goes on in a new file`() throws {
    let disk = FailingFiles(try files())
    let store = try ManifestStore.open(disk, directory: "/data", createIfMissing: true)
    try store.commit([.addSegment(1)])
    for failing in ["write", "sync", "rename", "create", "syncDirectory"] {
      let before = store.state
      let next = before.nextSegment
      let edits: [ManifestEdit] = [
        .addSegment(next),
        .createNamespace(MakeManifest.namespace(before.nextNamespace, "ns\(next)")),
      ]
      disk.fail(failing)
      #expect(throws: IndexError.self, "\(failing)") { try store.commit(edits) }
      #expect(store.state == before)
      disk.fail(nil)
      let after = try store.commit([.addSegment(next)])
      #expect(try ManifestStore.read(disk, directory: "/data") == after, "\(failing)")
      let copy = try ManifestStore.namespaceCopy(disk, directory: "/data")
      #expect(copy.namespaces == after.namespaces, "\(failing)")
    }
  }
}
