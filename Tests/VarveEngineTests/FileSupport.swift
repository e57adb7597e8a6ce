// What the tests of files, log and arena share: a seed that is printed and can be replayed, a
// temporary directory, and the file systems they run on.

import Glibc
import VarveBase
import VarveFile

/// Reproducible random numbers. The seed comes from `VARVE_SEED` or from the machine, and is
/// printed, so that a failure can be replayed.
struct StoreDice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  static func seeded(_ test: String) -> StoreDice {
    let seed: UInt64
    if let text = unsafe getenv("VARVE_SEED"), let given = unsafe UInt64(String(cString: text)) {
      seed = given
    } else {
      seed = UInt64.random(in: 0 ... .max)
    }
    print("\(test): VARVE_SEED=\(seed)")
    return StoreDice(seed: seed)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count + 8)
    while result.count < count { result.appendLE(next()) }
    result.removeLast(result.count - count)
    return result
  }

  mutating func id() -> PageID { PageID(next(), next(), next(), next()) }
}

/// A directory of its own, removed with the value.
final class StoreTemporaryDirectory {
  let path: String

  init() {
    var template = Array("/tmp/varve-test-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { preconditionFailure("mkdtemp: \(errno)") }
    path = String(
      decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.removeTree(path, PosixFileSystem()) }

  private static func removeTree(_ path: String, _ files: PosixFileSystem) {
    guard let names = try? files.list(path) else { return }
    for name in names {
      let inner = path + "/" + name
      if (try? files.isDirectory(inner)) == true {
        removeTree(inner, files)
      } else {
        try? files.remove(inner)
      }
    }
    try? files.remove(path)
  }
}

/// The file systems every engine test should hold on.
enum StoreDisk: String, CaseIterable, Sendable {
  case posixDirect, posixBuffered, memoryDirect, memoryBuffered

  /// A fresh file system and a directory in it; keep the third value as long as they are used.
  func make() throws -> (any FileSystem, String, StoreTemporaryDirectory?) {
    switch self {
    case .posixDirect, .posixBuffered:
      let directory = StoreTemporaryDirectory()
      return (PosixFileSystem(allowsDirect: self == .posixDirect), directory.path, directory)
    case .memoryDirect, .memoryBuffered:
      let files = MemoryFileSystem(hasDirect: self == .memoryDirect)
      try files.createDirectory("/data")
      return (files, "/data", nil)
    }
  }
}

extension AlignedBuffer {
  /// A copy of a range; the buffer is alive while it is made.
  func copy(_ range: Range<Int>) -> [UInt8] { unsafe Array(bytes[range]) }
}

/// Memory fit for direct transfers, filled.
func aligned(_ bytes: [UInt8]) -> AlignedBuffer {
  let buffer = AlignedBuffer(byteCount: (bytes.count + 4095) / 4096 * 4096)
  unsafe buffer.mutableBytes.copyBytes(from: bytes)
  return buffer
}
