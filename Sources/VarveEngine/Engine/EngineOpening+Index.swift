// The part of opening that reads the tables: open each, remove strays, count what lives where.

internal import Logging
internal import VarveBase
internal import VarveFile

extension EngineOpening {
  func openIndex(
    _ manifest: ManifestStore, _ keeper: SegmentKeeper, _ namespaces: NamespaceTable
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
        namespaces: namespaces, clock: clock, ledger: ledger,
        tuning: configuration.tuning,
        // A simulation waits for nothing.
        budget: MergeBudget(
          bytesPerSecond: configuration.simulation == nil
            ? configuration.mergeBytesPerSecond : nil))
    } catch {
      throw opened(error)
    }
  }

  /// Live pages by segment and namespace are derived from the tables, never stored: what is derived
  /// cannot disagree. Costs one pass over the tables, about 200 bytes a page; a damaged block is
  /// found here and not by a request.
  func count(_ index: IndexKeeper, _ keeper: SegmentKeeper) throws(EngineOpenError) {
    do throws(IndexError) {
      try Merge.visitPages(index.snapshot().tables) { namespace, record in
        // Dead segments and retired namespaces hold nothing: `count` says no to both.
        _ = keeper.count(record.page(namespace, at: WindowPlace(firstAfter: .zero)))
      }
    } catch {
      throw opened(error)
    }
  }
}
