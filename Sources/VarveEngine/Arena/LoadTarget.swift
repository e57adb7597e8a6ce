// Memory that a page is to be read into, in whole file blocks, and the reading of several
// neighbouring pages with one call.

package import Synchronization
internal import VarveBase

/// Memory for the blocks of one page.
@safe struct LoadTarget {
  let location: Location
  /// Together as long as the blocks the page lies in; each piece a multiple of 4 KiB.
  let blocks: [UnsafeMutableRawBufferPointer]

  private static let block = UInt64(Limits.blockBytes)

  var start: UInt64 { UInt64(location.offset) / Self.block * Self.block }
  var end: UInt64 {
    SegmentFormat.padded(UInt64(location.offset) + UInt64(location.storedBytes))
  }

  static func skew(_ location: Location) -> Int { Int(location.offset) % Limits.blockBytes }

  static func blockBytes(_ location: Location) -> Int {
    SegmentFormat.padded(skew(location) + Int(location.storedBytes))
  }

  /// The page's own bytes within the blocks.
  static func pieces(
    _ blocks: [UnsafeMutableRawBufferPointer], skew: Int, byteCount: Int
  ) -> [UnsafeRawBufferPointer] {
    var pieces: [UnsafeRawBufferPointer] = unsafe []
    var skip = skew
    var left = byteCount
    for index in unsafe blocks.indices {
      let buffer = unsafe blocks[index]
      let count = min(buffer.count - skip, left)
      if count > 0 {
        unsafe pieces.append(
          UnsafeRawBufferPointer(rebasing: buffer[skip..<skip + count]))
      }
      left -= count
      skip = 0
    }
    precondition(left == 0, "the blocks hold the page")
    return unsafe pieces
  }

  var pieces: [UnsafeRawBufferPointer] {
    unsafe Self.pieces(
      blocks, skew: Self.skew(location), byteCount: Int(location.storedBytes))
  }

  /// nil when the bytes are the ones put.
  func mismatch() -> PageReadError? {
    var hash = XXH3.Stream()
    let pieces = unsafe self.pieces
    for index in unsafe pieces.indices { unsafe hash.update(pieces[index]) }
    let found = hash.digest()
    if found == location.checksum || PageChecks.areOff.load(ordering: .relaxed) { return nil }
    return .corrupt(
      segment: location.segment, offset: location.offset, expected: location.checksum,
      found: found)
  }
}

extension LoadTarget {
  /// Whether `next` may be read with the same call as `self`, the last page of a run that began at
  /// `runStart`: same segment, a small gap, one read not too long.
  func joins(_ next: LoadTarget, runStart: UInt64) -> Bool {
    next.location.segment == location.segment
      && next.start + Self.block >= end
      && next.start <= end + UInt64(Limits.joinedReadGapBytesMax)
      && next.end - runStart <= UInt64(Limits.joinedReadBytesMax)
  }

  /// Reads a run of neighbours. Returns the bytes got from the run's start on.
  ///
  /// Neighbours that share a block get it read once, into the first, and copied; blocks between
  /// them go into `gap`, which is thrown away.
  static func read(
    _ run: ArraySlice<LoadTarget>, _ reader: SegmentReader, gap: AlignedBuffer
  ) throws(LogError) -> Int {
    guard let first = run.first else { preconditionFailure("a run has pages") }
    var vector: [UnsafeMutableRawBufferPointer] = unsafe []
    var sharing: [Int] = []
    var position = first.start
    for index in run.indices {
      let target = run[index]
      if target.start > position {
        unsafe vector.append(
          UnsafeMutableRawBufferPointer(
            rebasing: gap.mutableBytes[0..<Int(target.start - position)]))
      }
      var blocks = unsafe target.blocks
      if target.start < position {
        sharing.append(index)
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: blocks[0][Limits.blockBytes...])
        unsafe blocks[0] = rest
      }
      unsafe vector.append(contentsOf: blocks.filter { $0.count > 0 })
      position = target.end
    }
    let got = try unsafe reader.readVector(into: vector, at: first.start)
    for index in sharing {
      guard let last = unsafe run[index - 1].blocks.last else { continue }
      let shared = unsafe UnsafeRawBufferPointer(
        rebasing: last[(last.count - Limits.blockBytes)...])
      unsafe run[index].blocks[0].copyMemory(from: shared)
    }
    return got
  }
}

/// The one switch of this file's check, so that a harness can prove that it would see wrong bytes.
package enum PageChecks {
  /// Set by canaries alone. Relaxed: nothing is published through it.
  package static let areOff = Atomic<Bool>(false)
}
