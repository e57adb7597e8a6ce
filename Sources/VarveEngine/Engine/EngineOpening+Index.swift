// The part of opening that reads the tables: open each, remove strays, count what lives where.

internal import Logging
internal import VarveBase
internal import VarveFile

extension EngineOpening {
  func openIndex(
    _ manifest: ManifestStore, _ keeper: SegmentKeeper, _ namespaces: NamespaceTable,
    _ fingerprints: Fingerprints
  ) throws(EngineOpenError) -> IndexKeeper {
    let directory = TableDirectory(
      files, path: tablesDirectory,
      cache: BlockCache(budgetBytes: configuration.blockCacheBytes, ledger: ledger),
      ledger: ledger, blockBytes: configuration.tableBlockBytes)
    do throws(IndexError) {
      let summaries = manifest.state.tables
      let strays = try directory.removeStrays(keeping: summaries)
      if strays > 0 { logger.info("removed \(strays) tables that count no more") }
      var tables: [Table] = []
      for summary in summaries {
        tables.append(try directory.open(summary))
        keeper.disk.adopt(DiskLedger.rounded(summary.fileBytes))
      }
      return IndexKeeper(
        directory: directory, tables: tables, manifest: manifest, keeper: keeper,
        namespaces: namespaces, clock: clock, ledger: ledger, fingerprints: fingerprints,
        tuning: configuration.tuning,
        // A simulation waits for nothing.
        budget: MergeBudget(
          bytesPerSecond: configuration.simulation == nil
            ? configuration.mergeBytesPerSecond : nil))
    } catch {
      throw opened(error)
    }
  }

  /// What each segment holds is the sum of what the tables carry; tables of before there was such
  /// a thing are read record by record. Every block is checked, so that a damaged one is found here
  /// and not by a request.
  func count(
    _ index: IndexKeeper, _ keeper: SegmentKeeper, _ namespaces: NamespaceTable
  ) throws(EngineOpenError) {
    let tables = index.snapshot().tables
    do throws(IndexError) {
      guard let sum = PageCensus.sum(of: tables) else {
        return try Merge.visitPages(tables) { namespace, record in
          // Dead segments and retired namespaces hold nothing: `count` says no to both.
          _ = keeper.count(record.page(namespace, at: WindowPlace(firstAfter: .zero)))
        }
      }
      for table in tables { try table.checkBlocks() }
      // Merges forget what is gone at different times, so sums of that say nothing.
      let live = keeper.table.live
      let census = sum.limited(at: clock.wallMillis() / 1000) { segment, namespace in
        live.contains(segment) && namespaces[namespace] != nil
      }
      guard census.isSane else {
        throw .corrupt(
          file: tablesDirectory, offset: 0, what: "sum of what the tables hold", expected: 0,
          found: 1)
      }
      keeper.count(census)
    } catch {
      throw opened(error)
    }
  }
}
