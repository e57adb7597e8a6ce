// What lies in the segments directory at start: which files are segments, whether they were sealed,
// and how large they are. Looks at the first and the last block of each, no more.

internal import VarveBase
package import VarveFile

/// One name in the segments directory.
package struct SegmentListing: Sendable {
  package enum State: Equatable, Sendable {
    /// Has its footer: one read gives its contents.
    case sealed(SegmentHeader, SegmentTrailer)
    /// Was being written: its contents come from a scan.
    case unsealed(SegmentHeader)
    /// Named as a segment, but its header is missing or damaged. A crash of the machine leaves that
    /// only where the segment was just being made: a header is synced before any extent is written.
    case unreadable(LogError)
    /// Not named as a segment; none of our business.
    case foreign
  }

  package let name: String
  package let path: String
  /// 0 for foreign files.
  package let number: UInt64
  package let state: State
  /// Why the header had to be taken from a copy; nil where it is sound.
  package let headerDamage: LogError?
  package let fileBytes: UInt64
  package let allocatedBytes: UInt64

  package var header: SegmentHeader? {
    switch state {
    case .sealed(let header, _), .unsealed(let header): header
    case .unreadable, .foreign: nil
    }
  }

  /// The same file taken as unsealed: a crash tore its footer off.
  package var unsealed: SegmentListing {
    guard case .sealed(let header, _) = state else { return self }
    return SegmentListing(self, .unsealed(header))
  }

  private init(_ other: SegmentListing, _ state: State) {
    name = other.name
    path = other.path
    number = other.number
    self.state = state
    headerDamage = other.headerDamage
    fileBytes = other.fileBytes
    allocatedBytes = other.allocatedBytes
  }

  /// Everything in the directory, segments by number first, foreign files last. Throws
  /// `.unsupportedVersion` when a segment is of another release: nothing must then be touched.
  package static func list(
    _ files: any FileSystem, directory: String
  ) throws(LogError) -> [SegmentListing] {
    var segments: [SegmentListing] = []
    var foreign: [SegmentListing] = []
    let names = try fileCall { () throws(FileError) in try files.list(directory) }
    for name in names {
      let listing = try SegmentListing(files, directory: directory, name: name)
      if listing.state == .foreign { foreign.append(listing) } else { segments.append(listing) }
    }
    return segments.sorted { $0.number < $1.number } + foreign
  }

  /// One name; its file is there.
  package init(_ files: any FileSystem, directory: String, name: String) throws(LogError) {
    self.name = name
    let path = directory + "/" + name
    self.path = path
    fileBytes = try fileCall { () throws(FileError) in try files.size(path) }
    allocatedBytes = try fileCall { () throws(FileError) in try files.allocatedBytes(path) }
    guard let number = SegmentFormat.number(fileName: name) else {
      self.number = 0
      state = .foreign
      headerDamage = nil
      return
    }
    self.number = number
    do throws(LogError) {
      let reader = try SegmentReader.open(files, directory: directory, number: number)
      (state, headerDamage) = try Self.state(reader, fileBytes: fileBytes)
    } catch {
      guard error.isDamage else { throw error }
      (state, headerDamage) = (.unreadable(error), nil)
    }
  }

  private static func state(
    _ reader: SegmentReader, fileBytes: UInt64
  ) throws(LogError) -> (State, LogError?) {
    let block = Limits.blockBytes
    var last: [UInt8]?
    if fileBytes >= UInt64(2 * block), fileBytes % UInt64(block) == 0 {
      do throws(LogError) {
        last = try reader.bytes(offset: fileBytes - UInt64(block), count: block)
      } catch {
        // Without its trailer a segment is read by its extents.
        guard error.isDamage else { throw error }
      }
    }
    do throws(LogError) {
      guard let first = try reader.bytes(offset: 0, count: block) else {
        throw .corrupt(path: reader.path, offset: 0, reason: "shorter than its header")
      }
      let (header, damage) = try SegmentHeader.salvaged(
        first.rawSpan, path: reader.path, number: reader.number)
      // Torn while the segment was being made: there is nothing to salvage it for.
      if let damage, fileBytes <= UInt64(block) { throw damage }
      guard let last,
        let trailer = SegmentTrailer(last.rawSpan, header: header, fileBytes: fileBytes)
      else { return (.unsealed(header), damage) }
      return (.sealed(header, trailer), damage)
    } catch {
      // The trailer repeats what the contents need of the header. Who wrote it when is lost.
      guard error.isDamage, let last,
        let trailer = SegmentTrailer(last.rawSpan, number: reader.number, fileBytes: fileBytes)
      else { throw error }
      let header = SegmentHeader(
        number: trailer.number, bootID: BootID(0, 0), createdMillis: 0, salt: trailer.salt)
      return (.sealed(header, trailer), error)
    }
  }
}

extension LogError {
  /// The bytes are not what was written, or the disk cannot give them: trying again will not help,
  /// and the rest of the store can do without.
  package var isDamage: Bool {
    switch self {
    case .corrupt: true
    case .file(let error): error.errno == Errno.inputOutput
    default: false
    }
  }
}
