// The option sets that must not change an answer: each absurd in one way, some in several.

internal import VarveBase
internal import VarveEngine

/// A named way to run a store.
package struct OptionSet: Sendable {
  package let name: String
  let configuration: EngineConfiguration
  /// Files without O_DIRECT.
  var hasDirect = true
  /// What is done between operations of the history.
  var between: [Operation] = []
  /// Hints of the history are turned around: "at the root" where it said elsewhere.
  var turnsHints = false

  private init(
    _ name: String, hasDirect: Bool = true, between: [Operation] = [], turnsHints: Bool = false,
    _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) {
    self.name = name
    self.hasDirect = hasDirect
    self.between = between
    self.turnsHints = turnsHints
    var configuration = EngineConfiguration(directory: "/data", capacityBytes: 256 << 20)
    configuration.segmentBytes = 256 << 10
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 8 << 20
    configuration.memtableBytes = 64 << 10
    configuration.blockCacheBytes = 1 << 20
    configuration.simulation = EngineConfiguration.Simulation(seed: 1)
    change(&configuration)
    self.configuration = configuration
  }

  /// The first is the one the others are compared with.
  package static let all: [OptionSet] = [
    OptionSet("as in production, small"),
    OptionSet("a block of one record") { $0.tableBlockBytes = 1 },
    OptionSet("a block of two records") { $0.tableBlockBytes = 100 },
    OptionSet("a memtable of one record") { $0.memtableBytes = 1 },
    OptionSet("a memtable of few records") { $0.memtableBytes = 2 << 10 },
    OptionSet("no flush but by request") { $0.memtableBytes = 64 << 20 },
    OptionSet("an arena of one chunk") { $0.arenaBytes = 64 << 10 },
    OptionSet("an arena for everything") { $0.arenaBytes = 32 << 20 },
    OptionSet("least segments") { $0.segmentBytes = 64 << 10 },
    OptionSet("segments of 128 KiB") { $0.segmentBytes = 128 << 10 },
    OptionSet("least segments of production") { $0.segmentBytes = 4 << 20 },
    OptionSet("largest segments") {
      $0.segmentBytes = 256 << 20
      $0.capacityBytes = 4 << 30
    },
    OptionSet("no block cache") { $0.blockCacheBytes = 0 },
    OptionSet("a block cache of one byte") { $0.blockCacheBytes = 1 },
    OptionSet("no fingerprint table") { $0.hasFingerprints = false },
    OptionSet("no fingerprint table and no block cache") {
      $0.hasFingerprints = false
      $0.blockCacheBytes = 0
      $0.memtableBytes = 1
    },
    OptionSet("no fingerprint table, hints turned around", turnsHints: true) {
      $0.hasFingerprints = false
      $0.memtableBytes = 2 << 10
    },
    OptionSet("no direct I/O asked for") { $0.directIO = false },
    OptionSet("no direct I/O given", hasDirect: false),
    OptionSet("leveling by twos") { $0.shape = IndexShape(sizeRatio: 2, innerRunsMax: 1) },
    OptionSet("leveling by twos, a memtable of one record") {
      $0.shape = IndexShape(sizeRatio: 2, innerRunsMax: 1)
      $0.memtableBytes = 1
    },
    OptionSet("tiering") { $0.shape = IndexShape(lastRunsMax: 3) },
    OptionSet("tiering, a memtable of one record") {
      $0.shape = IndexShape(lastRunsMax: 3)
      $0.memtableBytes = 1
    },
    OptionSet("merged as seldom as can be") {
      $0.shape = IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15)
      $0.memtableBytes = 1
    },
    OptionSet("many runs above one") {
      $0.shape = IndexShape(sizeRatio: 8, innerRunsMax: 7)
      $0.memtableBytes = 1
    },
    OptionSet("one run above many") {
      $0.shape = IndexShape(sizeRatio: 3, innerRunsMax: 1, lastRunsMax: 15)
      $0.memtableBytes = 1
    },
    OptionSet("another shape after everything", between: [.tune, .indexStep]) {
      $0.memtableBytes = 1
    },
    OptionSet("another shape after everything, and flushes", between: [.tune, .flush, .indexStep]),
    OptionSet("a new manifest at every edit") { $0.manifestRollBytes = 1 },
    OptionSet("least staging memory") { $0.stagingBytes = 1 << 20 },
    OptionSet("a flush after everything", between: [.flush]),
    OptionSet("all merged after everything", between: [.compact(indexOnly: true)]),
    OptionSet("compacted after everything", between: [.compact(indexOnly: false)]),
    OptionSet("synced after everything", between: [.syncStep]),
    OptionSet("the index kept after everything", between: [.indexStep]),
    OptionSet("a restart after everything", between: [.reopen]),
    OptionSet("flushed and restarted after everything", between: [.flush, .reopen]),
    OptionSet("restarted with a memtable of one record", between: [.reopen]) {
      $0.memtableBytes = 1
      $0.segmentBytes = 64 << 10
    },
    OptionSet("hints turned around", turnsHints: true),
    OptionSet("hints turned around, one record a block and a table", turnsHints: true) {
      $0.tableBlockBytes = 1
      $0.memtableBytes = 1
      $0.shape = IndexShape(sizeRatio: 2, innerRunsMax: 2, lastRunsMax: 2)
    },
    OptionSet("everything least", hasDirect: false) {
      $0.segmentBytes = 64 << 10
      $0.arenaBytes = 64 << 10
      $0.memtableBytes = 1
      $0.tableBlockBytes = 1
      $0.blockCacheBytes = 0
      $0.manifestRollBytes = 1
      $0.stagingBytes = 1 << 20
      $0.shape = IndexShape(sizeRatio: 2, innerRunsMax: 1)
    },
  ]
}
