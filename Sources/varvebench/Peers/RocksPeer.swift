// RocksDB with BlobDB in a process of its own, without a socket: one a page size, since its program
// takes one.

final class RocksPeer: PeerSide {
  let name = "rocksdb"
  let configuration =
    "BlobDB, write-ahead log, no compression, direct I/O, in process (options in Bench/rocks)"
  let isServed = false
  private var sides: [Int: RocksSide] = [:]

  init(program: String, directory: String, cells: [Cell]) throws {
    for cell in cells where sides[cell.pageBytes] == nil {
      sides[cell.pageBytes] = try RocksSide(
        program: program, directory: "\(directory)/rocks-\(cell.pageBytes)",
        pageBytes: cell.pageBytes, pages: cell.pages,
        hotCalls: PageSets.bytes / cell.pageBytes / cell.pages, coldCalls: 1,
        cacheBytes: 2 * PageSets.bytes, wal: true)
    }
  }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    guard let side = sides[cell.pageBytes] else {
      throw Failure("rocksdb was not started for this size")
    }
    let order = cell.operation == .put ? "put" : "get-hot"
    let pressure = PressureMeter()
    var sample = try side.round(order, workers: cell.connections, seconds: seconds)
    sample.pressure = pressure.end()
    return sample
  }

  func end() { for side in sides.values { side.end() } }
}
