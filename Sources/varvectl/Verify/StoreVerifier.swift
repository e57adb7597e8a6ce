// Reads a whole data directory, every block and every payload, and tells what does not hold. Uses
// the engine's own readers and changes nothing but the holder's name in LOCK.

import VarveBase
import VarveEngine
import VarveFile

/// Verifies one data directory that no daemon holds.
struct StoreVerifier {
  private static let cacheBytes = 1 << 20

  private let files: any FileSystem
  private let directory: String
  private let progress: (_ done: UInt64, _ total: UInt64, _ stage: String) -> Void
  private var report: VerifyReport

  init(
    _ files: any FileSystem, directory: String,
    progress: @escaping (_ done: UInt64, _ total: UInt64, _ stage: String) -> Void = { _, _, _ in }
  ) {
    self.files = files
    self.directory = directory
    self.progress = progress
    report = VerifyReport(directory: directory)
  }

  /// Everything, in the order manifest, tables, segments.
  mutating func run() throws(Failure) -> VerifyReport {
    let lock = try takeLock()
    defer { withExtendedLifetime(lock) {} }
    let state = try readManifest()
    if let state {
      verifyNamespaces(state)
      try verifyTables(state)
    }
    try verifySegments(state)
    return report
  }

  private func takeLock() throws(Failure) -> any FileLock {
    let path = directory + "/LOCK"
    do throws(FileError) {
      if try files.exists(path) { return try files.lockFile(path) }
    } catch {
      throw refused(error)
    }
    throw Failure(
      .notFound, "\(directory) is no data directory of varved: it has no LOCK",
      advice: "name what --data-dir named; 'make run' uses ./var")
  }

  private func refused(_ error: FileError) -> Failure {
    if case .locked(_, let holder) = error {
      return Failure(
        .error, "\(directory) is in use by \(holder)",
        advice: "verify reads a directory at rest: stop the daemon first")
    }
    return Failure(error.isNotFound ? .notFound : .error, "\(error)")
  }

  private func relative(_ path: String) -> String {
    path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
  }

  private mutating func add(_ finding: VerifyFinding) { report.findings.append(finding) }
}

// MARK: - Manifest and tables

extension StoreVerifier {
  private mutating func readManifest() throws(Failure) -> ManifestState? {
    do {
      return try ManifestStore.read(files, directory: directory)
    } catch {
      try note(error, file: "CURRENT")
      return nil
    }
  }

  /// Damage becomes a finding; what keeps anything from being read ends the command.
  private mutating func note(_ error: IndexError, file: String) throws(Failure) {
    switch error {
    case .corrupt(let path, let offset, let what, let expected, let found):
      add(
        VerifyFinding(
          .corruption, file: relative(path), offset: offset,
          "\(what) is \(found), expected \(expected)"))
    case .missing(let path):
      add(VerifyFinding(.corruption, file: relative(path), "missing"))
    case .file(let error) where error.isNotFound:
      add(VerifyFinding(.corruption, file: file, "missing"))
    case .file, .invalidEdit:
      add(VerifyFinding(.corruption, file: file, "\(error)"))
    case .outdated(let path, let found, let supported):
      add(
        VerifyFinding(
          .note, file: relative(path),
          "format version \(found), this release reads \(supported): made anew from the segments "
            + "at the next start"))
    case .unknownVersion:
      throw Failure(.error, "\(error)", advice: "use the varvectl of the release that wrote it")
    case .memoryFull, .noRoom, .logNotSynced:
      throw Failure(.error, "\(error)")
    }
  }

  private mutating func verifyNamespaces(_ state: ManifestState) {
    report.namespaces = state.namespaces.count
    do throws(IndexError) {
      let copy = try ManifestStore.namespaceCopy(files, directory: directory)
      // The copy is written first: after a crash between the two it may be one edit ahead.
      if copy.namespaces != state.namespaces {
        add(
          VerifyFinding(
            .note, file: "NAMESPACES",
            "holds \(copy.namespaces.count) namespaces, the manifest \(state.namespaces.count)"))
      }
    } catch {
      add(VerifyFinding(.corruption, file: "NAMESPACES", "\(error)"))
    }
  }

  private mutating func verifyTables(_ state: ManifestState) throws(Failure) {
    let tables = TableDirectory(
      files, path: directory + "/tables", cache: BlockCache(budgetBytes: Self.cacheBytes))
    let total = state.tables.reduce(0) { $0 + $1.fileBytes }
    for summary in state.tables {
      progress(report.tableBytes, total, "tables")
      report.tables += 1
      do throws(IndexError) {
        try tables.open(summary).verify()
        report.tableBytes += summary.fileBytes
      } catch {
        try note(error, file: relative(tables.path(of: summary.number)))
      }
    }
    let known = Set(state.tables.map { relative(tables.path(of: $0.number)) })
    do throws(FileError) {
      for name in try files.list(directory + "/tables") where !known.contains("tables/\(name)") {
        add(VerifyFinding(.note, file: "tables/\(name)", "not in the manifest: left by a crash"))
      }
    } catch {
      add(VerifyFinding(.corruption, file: "tables", "\(error)"))
    }
  }
}

// MARK: - Segments

extension StoreVerifier {
  private mutating func verifySegments(_ state: ManifestState?) throws(Failure) {
    let listings: [SegmentListing]
    do throws(LogError) {
      listings = try SegmentListing.list(files, directory: directory + "/segments")
    } catch {
      return try note(error, file: "segments")
    }
    let scanner = SegmentScanner(files, directory: directory + "/segments")
    let total = listings.reduce(0) { $0 + $1.fileBytes }
    var done: UInt64 = 0
    for listing in listings {
      progress(done, total, "segments")
      done += listing.fileBytes
      try verify(listing, scanner, state)
    }
    let present = Set(listings.map(\.number))
    for (number, entry) in state?.segments.sorted(by: { $0.key < $1.key }) ?? []
    where !present.contains(number) {
      // It is in the manifest before its file is made: without a seal it may never have been.
      add(
        VerifyFinding(
          entry.isSealed ? .corruption : .note,
          file: relative(SegmentFormat.path(directory + "/segments", number)),
          entry.isSealed ? "missing with \(entry.pages) pages" : "announced, not yet made"))
    }
  }

  private mutating func verify(
    _ listing: SegmentListing, _ scanner: SegmentScanner, _ state: ManifestState?
  ) throws(Failure) {
    let file = relative(listing.path)
    if listing.state == .foreign {
      return add(VerifyFinding(.note, file: file, "is no segment"))
    }
    let entry = state?.segments[listing.number]
    guard state == nil || entry != nil else {
      return add(
        VerifyFinding(.note, file: file, "not in the manifest: removed at the next start"))
    }
    if case .unreadable(let error) = listing.state {
      let severity: VerifyFinding.Severity = entry?.isSealed == false ? .note : .corruption
      return add(VerifyFinding(severity, file: file, offset: 0, "\(error)"))
    }
    if let damage = listing.headerDamage {
      add(VerifyFinding(.corruption, file: file, offset: 0, "\(damage)"))
    }
    do throws(LogError) {
      let scan = try scanner.scan(listing, check: .all)
      count(scan, file: file, entry)
      if scan.source == .footer { try compareHeaders(scan, file: file) }
    } catch {
      try note(error, file: file)
    }
  }

  /// A footer repeats the headers of its extents, and then they are not read at their own places:
  /// but a segment whose footer is lost lives by them.
  private mutating func compareHeaders(_ scan: SegmentScan, file: String) throws(LogError) {
    let reader = try SegmentReader.open(
      files, directory: directory + "/segments", number: scan.number)
    for extent in scan.extents where !extent.header.isRemade {
      let offset = extent.position.offset
      let found = try reader.bytes(offset: offset, count: extent.headerUsed.count)
      guard found != extent.headerUsed else { continue }
      add(
        VerifyFinding(
          .corruption, file: file, offset: offset,
          "header of the extent differs from its copy in the footer"))
    }
  }

  private mutating func count(_ scan: SegmentScan, file: String, _ entry: SegmentEntry?) {
    report.segments += 1
    report.extents += scan.extents.count
    report.pages += scan.pageCount
    if case .damagedFooter(let error) = scan.source {
      add(VerifyFinding(.corruption, file: file, offset: scan.endOffset, "footer: \(error)"))
    }
    if let error = scan.unreadable {
      add(VerifyFinding(.corruption, file: file, "\(error)"))
    }
    let isSealed = entry?.isSealed ?? (scan.source != .tail)
    if isSealed, scan.source == .tail {
      add(VerifyFinding(.corruption, file: file, "sealed, and its footer is gone"))
    }
    if let entry, isSealed, entry.pages > UInt64(scan.pageCount + scan.pagesDropped) {
      add(
        VerifyFinding(
          .corruption, file: file,
          "\(scan.pageCount + scan.pagesDropped) pages found, \(entry.pages) were sealed"))
    }
    for extent in scan.extents {
      report.payloadBytes += extent.pages.reduce(0) { $0 + UInt64($1.location.storedBytes) }
      guard extent.pagesDropped > 0 else { continue }
      // Beyond the last sync a crash of the machine may tear pages; those are not served.
      let isTorn = !isSealed && extent.position >= scan.syncedUpTo
      add(
        VerifyFinding(
          isTorn ? .note : .corruption, file: file, offset: extent.position.offset,
          "\(extent.pagesDropped) pages of this extent do not have their checksums"
            + (isTorn ? ", beyond the last sync" : "")))
    }
  }

  private mutating func note(_ error: LogError, file: String) throws(Failure) {
    switch error {
    case .corrupt(let path, let offset, let reason):
      add(VerifyFinding(.corruption, file: relative(path), offset: offset, reason))
    case .unsupportedVersion, .foreignByteOrder:
      throw Failure(.error, "\(error)", advice: "use the varvectl of the release that wrote it")
    case .file, .noSpace, .tooLarge, .syncFailed, .closed:
      add(VerifyFinding(.corruption, file: file, "\(error)"))
    }
  }
}
