// The manifest at start: the one there is, or one made of what the segments and the namespace table
// say when it is lost. On a full disk the oldest segments make room for it first.

internal import Logging
internal import VarveBase
internal import VarveFile

extension EngineOpening {
  /// The manifest in force, or a new one if the old is damaged.
  func openManifest(_ listings: [SegmentListing]) throws(EngineOpenError) -> ManifestStore {
    if rebuilds {
      let known = try? ManifestStore.read(files, directory: configuration.directory)
      if let known { return try beginManifest(known.withoutTables()) }
      return try beginManifest(try rebuiltState(listings))
    }
    let isNew = try isEmptyStore(listings)
    let directory = configuration.directory
    do throws(EngineOpenError) {
      return try withRoom(listings) { () throws(IndexError) in
        try ManifestStore.open(
          files, directory: directory, createIfMissing: isNew,
          rollBytes: configuration.manifestRollBytes)
      }
    } catch {
      guard case .damaged(let path, let what) = error else { throw error }
      logger.error(
        "the manifest and the index are rebuilt from the segments: \(path) is damaged: \(what)")
      counters.rebuilds.add()
      return try beginManifest(try rebuiltState(listings), listings)
    }
  }

  func beginManifest(
    _ state: ManifestState, _ listings: [SegmentListing] = []
  ) throws(EngineOpenError) -> ManifestStore {
    try withRoom(listings) { () throws(IndexError) in
      try ManifestStore.begin(files, directory: configuration.directory, state: state)
    }
  }

  /// A store is new only when nothing in it says otherwise: a lost manifest is not an empty store.
  private func isEmptyStore(_ listings: [SegmentListing]) throws(EngineOpenError) -> Bool {
    do throws(FileError) {
      let tables = try files.list(tablesDirectory)
      return tables.isEmpty && listings.allSatisfy { $0.state == .foreign }
    } catch {
      throw .io(path: configuration.directory, what: "\(error)")
    }
  }

  /// Runs a step that writes a few KiB. If the disk is full, the oldest segments go first,
  /// without a word in the manifest, which could not be written: they are then missing, and that
  /// is said.
  private func withRoom<Result>(
    _ listings: [SegmentListing], _ body: () throws(IndexError) -> Result
  ) throws(EngineOpenError) -> Result {
    var victims = listings.filter { $0.header != nil }.map(\.path)[...]
    while true {
      do throws(IndexError) {
        return try body()
      } catch {
        guard case .file(let cause) = error, cause.isNoSpace, let victim = victims.popFirst() else {
          throw opened(error)
        }
        logger.error("the disk is full, \(victim) goes to make room: \(error)")
        do throws(FileError) {
          guard try files.exists(victim) else { continue }
          try files.remove(victim)
          try files.syncDirectory(segmentsDirectory)
        } catch {
          throw .io(path: victim, what: "\(error)")
        }
      }
    }
  }

  // MARK: - From the segments

  /// What a manifest would say: every segment there is (those that cannot be read are set aside
  /// later, not removed as dropped), the namespaces of the second copy, numbers above all taken.
  private func rebuiltState(_ listings: [SegmentListing]) throws(EngineOpenError) -> ManifestState {
    let names = try namespacesLeft(listings)
    var edits: [ManifestEdit] = []
    for listing in listings where listing.state != .foreign {
      edits.append(.addSegment(listing.number))
      if case .sealed(_, let trailer) = listing.state {
        edits.append(.sealSegment(SegmentEntry(trailer.summary(fileBytes: listing.fileBytes))))
      }
    }
    let last = listings.map(\.number).max() ?? 0
    edits.append(.nextSegment(last + 1))
    edits.append(.nextFile(try highestTable() + 1))
    do throws(IndexError) {
      return try names.applying(edits)
    } catch {
      throw .damaged(path: segmentsDirectory, what: "\(error)")
    }
  }

  private func highestTable() throws(EngineOpenError) -> UInt64 {
    do throws(FileError) {
      return try files.list(tablesDirectory).compactMap(TableFormat.number(ofName:)).max() ?? 0
    } catch {
      throw .io(path: tablesDirectory, what: "\(error)")
    }
  }

  /// The namespaces as a state that holds nothing else.
  private func namespacesLeft(
    _ listings: [SegmentListing]
  ) throws(EngineOpenError) -> ManifestState {
    let directory = configuration.directory
    let damage: IndexError
    do throws(IndexError) {
      return try ManifestStore.namespaceCopy(files, directory: directory)
    } catch {
      if case .unknownVersion = error { throw opened(error) }
      damage = error
    }
    do throws(IndexError) {
      return try ManifestStore.newest(files, directory: directory).namespacesOnly()
    } catch {
      if case .unknownVersion = error { throw opened(error) }
    }
    guard acceptsCleared else {
      throw .damaged(
        path: directory + "/" + ManifestFormat.namespacesName,
        what: "\(damage), and the manifest is lost as well: which namespaces were cleared or "
          + "dropped is not known any more. 'varvectl rebuild-index \(directory) "
          + "--accept-cleared' takes the names from the segments; pages of namespaces that were "
          + "cleared or dropped may come back with it")
    }
    return try namespacesOfFooters(listings)
  }

  /// Names as the footers repeat them; of the ids of one name the highest, which the last Clear
  /// made. An id without a name in any footer gets one of its own.
  private func namespacesOfFooters(
    _ listings: [SegmentListing]
  ) throws(EngineOpenError) -> ManifestState {
    let scanner = SegmentScanner(files, directory: segmentsDirectory)
    var names: [UInt32: String] = [:]
    var ids: Set<UInt32> = []
    for listing in listings where listing.header != nil {
      guard let scan = try? scanner.scan(listing, check: .none) else { continue }
      names.merge(scan.namespaces) { first, _ in first }
      for extent in scan.extents { ids.formUnion(extent.pages.map(\.name.namespace)) }
    }
    var newest: [String: UInt32] = [:]
    for id in ids.union(names.keys) {
      let name = names[id] ?? "recovered-\(id)"
      newest[name] = max(newest[name] ?? 0, id)
    }
    var edits: [ManifestEdit] = []
    for (name, id) in newest.sorted(by: { $0.value < $1.value }) {
      var options = NamespaceOptions()
      options.pageBytesMax = configuration.pageBytesMax
      options.codec = PageCodec.raw
      edits.append(.createNamespace(NamespaceEntry(id: id, name: name, options: options)))
      logger.warning("namespace \(name) comes back from the segments under its id \(id)")
    }
    do throws(IndexError) {
      return try ManifestState().applying(edits)
    } catch {
      throw .damaged(path: segmentsDirectory, what: "\(error)")
    }
  }
}

extension ManifestState {
  /// Namespaces and the next namespace id, nothing else.
  func namespacesOnly() -> ManifestState {
    (try? ManifestState().following(self)) ?? ManifestState()
  }
}
