// A trace file as lines of bytes, plain or compressed; a line at a time, for traces may be long.

import Foundation

/// The lines of one file, read once from its beginning.
final class TraceLines {
  /// Longer lines are no trace: the longest real one has some tens of KiB.
  static let lineBytesMax = 64 << 20
  private static let readBytes = 256 << 10

  let path: String
  private let file: FileHandle
  private var zstd: ZstdStream?
  private var buffer: [UInt8] = []
  /// Where the next line begins in `buffer`, and how far it was searched for its end.
  private var start = 0
  private var searched = 0
  private var isAtEnd = false

  init(path: String) throws(TraceError) {
    var isFolder: ObjCBool = false
    let isThere = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard isThere, !isFolder.boolValue else {
      throw .unreadable(path: path, reason: "no such file")
    }
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
    }
    self.path = path
    self.file = file
    if path.hasSuffix(".zst") { zstd = try ZstdStream() }
  }

  /// The next line without its line feed; nil after the last.
  func next() throws(TraceError) -> [UInt8]? {
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[start..<end])
        start = end + 1
        searched = start
        return line
      }
      searched = buffer.count
      if isAtEnd {
        guard start < buffer.count else { return nil }
        let line = Array(buffer[start...])
        start = buffer.count
        return line
      }
      guard buffer.count - start <= Self.lineBytesMax else {
        throw .unreadable(path: path, reason: "a line is longer than \(Self.lineBytesMax) bytes")
      }
      try fill()
    }
  }

  private func fill() throws(TraceError) {
    buffer.removeSubrange(0..<start)
    searched -= start
    start = 0
    let data: Data
    do {
      data = try file.read(upToCount: Self.readBytes) ?? Data()
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    isAtEnd = data.isEmpty
    guard zstd != nil else {
      buffer.append(contentsOf: data)
      return
    }
    do {
      try zstd?.decompress(Array(data), into: &buffer)
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
    guard !isAtEnd || zstd?.isAtFrameEnd == true else {
      throw .unreadable(path: path, reason: "the compressed data ends too early")
    }
  }
}
