// The ceilings of `varvebench engine`: the same bytes with the same checks and nothing else.

import Foundation
import Synchronization
import VarveBase

/// Hot: copy and XXH3-64. Cold: O_DIRECT reads of a page's size, nothing verified. Put: XXH3-64 and
/// O_DIRECT appends of a call's size, fdatasync every 64 MiB, as the engine does.
final class RawDisk {
  private let path: String
  private let pages: BenchPages
  private var file: RawFile?

  init(path: String, pages: BenchPages) {
    self.path = path
    self.pages = pages
  }

  func end() {
    file = nil
    try? FileManager.default.removeItem(atPath: path)
    try? FileManager.default.removeItem(atPath: path + ".put")
  }

  func round(_ cell: EngineCell, seconds: Double) throws -> Sample {
    let pages = pages
    switch cell.operation {
    case .getHot:
      return try Round.run(connections: cell.workers, seconds: seconds, pid: getpid()) { _ in
        RawCopy(cell: cell, pages: pages)
      }
    case .getCold:
      let file = try coldFile(cell)
      return try Round.run(connections: cell.workers, seconds: seconds, pid: getpid()) {
        RawReads(cell: cell, file: file, turn: $0)
      }
    case .put:
      let file = try RawFile(path: path + ".put")
      let end = AppendPosition()
      return try Round.run(connections: cell.workers, seconds: seconds, pid: getpid()) {
        RawAppends(cell: cell, pages: pages, file: file, end: end, turn: $0)
      }
    }
  }

  /// As many bytes as our side's cold pages.
  func coldFile(_ cell: EngineCell) throws -> RawFile {
    if let file { return file }
    let made = try RawFile(path: path)
    let calls = pages.count / cell.pages
    for index in 0..<cell.coldCalls {
      let first = index % calls * cell.pages
      let bytes = unsafe pages.bytes(first..<first + cell.pages)
      guard unsafe made.write(bytes, at: index * cell.callBytes) else {
        throw Failure("\(path): errno \(errno)")
      }
    }
    guard made.sync() else { throw Failure("\(path): fdatasync: errno \(errno)") }
    file = made
    return made
  }
}

private struct RawCopy: Load {
  let cell: EngineCell
  let pages: BenchPages
  private let memory: AlignedBuffer
  private var turn = 0

  init(cell: EngineCell, pages: BenchPages) {
    self.cell = cell
    self.pages = pages
    memory = AlignedBuffer(byteCount: cell.pageBytes)
  }

  mutating func call() throws -> Work? {
    let first = turn % cell.hotCalls * cell.pages
    turn += 1
    for page in first..<first + cell.pages {
      unsafe memory.mutableBytes.copyMemory(from: pages.bytes(page..<page + 1))
      guard unsafe XXH3.hash(memory.bytes) == pages.checksums[page] else {
        throw Failure("memory holds other bytes")
      }
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}

private struct RawReads: Load {
  let cell: EngineCell
  let file: RawFile
  private let memory: AlignedBuffer
  private var turn: Int

  init(cell: EngineCell, file: RawFile, turn: Int) {
    self.cell = cell
    self.file = file
    self.turn = turn
    memory = AlignedBuffer(byteCount: cell.pageBytes)
  }

  mutating func call() throws -> Work? {
    let start = turn % cell.coldCalls * cell.callBytes
    turn += cell.workers
    for page in 0..<cell.pages {
      guard unsafe file.read(into: memory.mutableBytes, at: start + page * cell.pageBytes) else {
        throw Failure("raw read: errno \(errno)")
      }
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}

/// Where the next append goes.
private final class AppendPosition: Sendable {
  private let end = Atomic<Int>(0)

  /// Relaxed: only that places do not overlap matters.
  func take(_ bytes: Int) -> Int { end.wrappingAdd(bytes, ordering: .relaxed).oldValue }
}

private struct RawAppends: Load {
  let cell: EngineCell
  let pages: BenchPages
  let file: RawFile
  let end: AppendPosition
  var turn: Int

  mutating func call() throws -> Work? {
    let first = turn * cell.pages % pages.count
    turn += 1
    for page in first..<first + cell.pages {
      guard unsafe XXH3.hash(pages.bytes(page..<page + 1)) == pages.checksums[page] else {
        throw Failure("memory holds other bytes")
      }
    }
    let start = end.take(cell.callBytes)
    guard unsafe file.write(pages.bytes(first..<first + cell.pages), at: start) else {
      throw Failure("raw write: errno \(errno)")
    }
    let synced = Limits.unsyncedBytesMax
    if start / synced != (start + cell.callBytes) / synced, !file.sync() {
      throw Failure("raw sync: errno \(errno)")
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}
