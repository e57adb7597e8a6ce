// The part of opening that fills the fingerprint table from the tables' names: about 11 bytes read
// and 50 ns a page.

internal import VarveBase

extension EngineOpening {
  /// Made before any segment is taken over. As large as tables and segments both say there may be
  /// pages: what they say beyond each other is deleted, or evicted.
  func beginFingerprints(_ state: ManifestState) -> Fingerprints {
    let inTables = state.tables.reduce(UInt64(0)) { $0 + $1.counts.pages }
    let inSegments = state.segments.values.reduce(UInt64(0)) { $0 + $1.pages }
    let pages = Int(clamping: min(inTables, inSegments))
    return Fingerprints(
      pages: configuration.hasFingerprints ? pages : nil, ledger: ledger, logger: logger)
  }

  /// Takes what the tables know; reads nothing where there is no fingerprint table any more. The
  /// live segments are known, the log's tail is still to be read.
  func fill(
    _ fingerprints: Fingerprints, _ tables: [Table], _ namespaces: NamespaceTable,
    live: LiveSegments
  ) throws(EngineOpenError) {
    do throws(IndexError) {
      for table in tables where fingerprints.isOn {
        var facts = NamespaceFacts(namespaces)
        var batch: [FingerprintEntry] = []
        batch.reserveCapacity(FingerprintTable.batchMax)
        try table.visitNames { name in
          guard name.isPage, live.contains(name.segment) else { return }
          facts.note(name)
          batch.append(FingerprintEntry(hash: name.hash, segment: name.segment))
          guard batch.count == FingerprintTable.batchMax else { return }
          fingerprints.insert(batch[...])
          batch.removeAll(keepingCapacity: true)
        }
        fingerprints.insert(batch[...])
      }
      // Deletes in a second reading: most of what they ended is gone, and need not be remembered.
      for table in tables where table.summary.counts.tombstones > 0 && fingerprints.isOn {
        var hashes: [UInt64] = []
        try table.visitNames { name in
          guard !name.isPage else { return }
          hashes.append(name.hash)
          guard hashes.count == FingerprintTable.batchMax else { return }
          fingerprints.remove(hashes: hashes)
          hashes.removeAll(keepingCapacity: true)
        }
        fingerprints.remove(hashes: hashes)
      }
    } catch {
      throw opened(error)
    }
  }
}

/// Tells namespaces what pages they hold, with one look at the namespace table for a run of names.
struct NamespaceFacts {
  private let namespaces: NamespaceTable
  private var id: UInt32?
  private var namespace: LiveNamespace?

  init(_ namespaces: NamespaceTable) { self.namespaces = namespaces }

  private mutating func find(_ id: UInt32) -> LiveNamespace? {
    if id != self.id {
      self.id = id
      namespace = namespaces[id]
    }
    return namespace
  }

  mutating func note(_ name: TableName) {
    find(name.namespace)?.note(rawBytes: name.rawBytes, expires: name.expires)
  }

  mutating func note(_ record: PageRecord) {
    find(record.name.namespace)?.note(
      rawBytes: record.location.rawBytes, expires: record.expirySeconds != 0)
  }
}
