// Reading a segment file, open or sealed, by whoever knows what lies where. Knows no format beyond
// 4 KiB blocks.

package import VarveBase
package import VarveFile

/// An open segment file. Many threads may read through one.
package final class SegmentReader: Sendable {
  package let number: UInt64
  package let path: String
  private let file: any File

  private init(number: UInt64, path: String, file: any File) {
    self.number = number
    self.path = path
    self.file = file
  }

  /// Opens segment `number` in `directory`, direct where the file system allows it.
  package static func open(
    _ files: any FileSystem, directory: String, number: UInt64
  ) throws(LogError) -> SegmentReader {
    let path = SegmentFormat.path(directory, number)
    return try SegmentReader(
      number: number, path: path,
      file: fileCall { () throws(FileError) in
        try files.open(path, .read(direct: true))
      })
  }

  /// Reads whole blocks into aligned memory; returns the bytes read, fewer at the file's end.
  package func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(LogError) -> Int {
    do throws(FileError) {
      return try unsafe file.read(into: buffer, at: offset)
    } catch { throw .file(error) }
  }

  /// Reads a contiguous range of blocks into several aligned buffers.
  package func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(LogError) -> Int {
    do throws(FileError) {
      return try unsafe file.readVector(into: buffers, at: offset)
    } catch { throw .file(error) }
  }

  /// Gives the bytes `offset ..< offset + count` to `body`, piece by piece, read through `buffer`.
  /// Returns false when the file ends before.
  package func stream(
    offset: UInt64, count: Int, through buffer: AlignedBuffer,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(LogError) -> Bool {
    let block = UInt64(Limits.blockBytes)
    var position = offset
    let end = offset + UInt64(count)
    while position < end {
      let start = position / block * block
      let wanted = Int(min(UInt64(buffer.byteCount), SegmentFormat.padded(end) - start))
      let got = try unsafe read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[0..<wanted]), at: start)
      let upTo = min(end, start + UInt64(wanted))
      guard start + UInt64(got) >= upTo else { return false }
      unsafe body(
        UnsafeRawBufferPointer(
          rebasing: buffer.bytes[Int(position - start)..<Int(upTo - start)]))
      position = upTo
    }
    return true
  }

  /// A short range as an array; nil when the file ends before. For footers and headers, on which
  /// all of a segment hangs: what the disk refuses is asked for once more.
  package func bytes(offset: UInt64, count: Int) throws(LogError) -> [UInt8]? {
    do throws(LogError) {
      return try bytesOnce(offset, count)
    } catch {
      guard error.isDamage else { throw error }
      return try bytesOnce(offset, count)
    }
  }

  private func bytesOnce(_ offset: UInt64, _ count: Int) throws(LogError) -> [UInt8]? {
    let buffer = AlignedBuffer(byteCount: min(1 << 20, SegmentFormat.padded(count) + 4096))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    let isWhole = unsafe try stream(offset: offset, count: count, through: buffer) {
      unsafe bytes.append(contentsOf: $0)
    }
    return isWhole ? bytes : nil
  }
}

/// A call of the file layer whose error becomes the log's.
func fileCall<Result>(_ body: () throws(FileError) -> Result) throws(LogError) -> Result {
  do throws(FileError) {
    return try body()
  } catch {
    throw error.isNoSpace ? .noSpace : .file(error)
  }
}
