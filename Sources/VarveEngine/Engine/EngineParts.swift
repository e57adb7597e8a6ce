// The parts of an engine as opening made them.

internal import VarveBase
internal import VarveFile

/// Everything recovery builds; `Engine.init` takes it as it is.
struct EngineParts {
  let configuration: EngineConfiguration
  let counters: EngineCounters
  let bootID: String
  let files: any FileSystem
  let clock: any Clock
  let ledger: MemoryLedger
  let lock: any FileLock
  let manifest: ManifestStore
  let namespaces: NamespaceTable
  let keeper: SegmentKeeper
  let index: IndexKeeper
  let fingerprints: Fingerprints
  let log: ValueLog
  let staging: StagingPool
  let arena: PageArena
  let io: IOPool
  /// The highest birth or delete sequence ever given out.
  let lastSequence: UInt64
  /// Recovery could not sync what it found: the store serves it, and takes nothing.
  let syncFailure: LogError?
}
