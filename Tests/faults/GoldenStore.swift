// A golden directory: a small store of the format of now, with its contents as text beside it. It
// is made once for a format and then never again; every later version must read it.

import VarveBase
import VarveEngine
import VarveFile

enum GoldenStore {
  /// The pages that are in it, and those that were deleted or cleared.
  static func pages(_ seed: UInt32) -> [FaultPage] {
    FaultPage.chain(seed, 12) { [1, 31, 700, 100, 4097, 1500][$0 % 6] }
  }

  static func write(to directory: String) throws {
    let files = PosixFileSystem(allowsDirect: false)
    let clock = ManualClock()
    func open() throws -> FaultStore {
      try FaultStore(FaultStore.configuration(directory), files: files, clock: clock)
    }
    var store = try open()
    let first = try store.namespace("golden/a")
    let second = try store.namespace("golden/b")
    try store.put(pages(1), first)
    try store.put(pages(2), second)
    _ = try store.engine.clearNamespace(name: "golden/b")
    try store.engine.flush()
    store.close()
    store = try open()
    try store.put(pages(3), try store.namespace("golden/b"))
    _ = try store.engine.delete(
      ChainSlice(namespace: first, ids: pages(1).map(\.id), first: 10, count: 2, atRoot: true))
    try store.engine.flush()
    store.close()
    store = try open()
    // A tail that no table has, in a segment without a footer.
    try store.put(pages(4), first)
    store.close()
    try files.remove(directory + "/LOCK")
    try files.writeAll(directory + "/contents.txt", Array(try text(of: directory, files).utf8))
  }

  /// Every file as `varvectl dump` prints it.
  static func text(of directory: String, _ files: any FileSystem) throws -> String {
    var text = ""
    var names = try files.list(directory).filter { $0 != "LOCK" && $0 != "contents.txt" }
    for folder in ["tables", "segments"] {
      names.removeAll { $0 == folder }
      names += try files.list(directory + "/" + folder).map { folder + "/" + $0 }
    }
    for name in names {
      text += "# \(name)\n"
      var dump = FileDump(files, path: directory + "/" + name) { text += $0 + "\n" }
      precondition(dump.run() && dump.damages == 0, "\(name) cannot be dumped")
    }
    return text
  }
}
