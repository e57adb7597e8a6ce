// Every setting of the daemon with its default. How each is written is `ConfigurationKey`'s; what
// wins over what is `ConfigurationSources`'.

package import Logging
package import VarveEngine
package import VarveTuner
internal import VarveBase

/// The daemon's settings, checked one by one when they are set and together by `check()`.
package struct ServerConfiguration: Sendable {
  package var listen: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 4770)]
  /// nil: no HTTP.
  package var http: ListenAddress? = .tcp(host: "127.0.0.1", port: 4771)
  package var dataDirectory = "/var/lib/varve"
  package var capacityBytes: UInt64 = 10 << 30
  /// What the file system keeps free; 0: 2 % of it.
  package var minFreeBytes: UInt64 = 0
  /// 0: derived from the capacity.
  package var segmentBytes: UInt64 = 0
  /// 0: `MemorySplit.automatic`.
  package var memoryMaxBytes: UInt64 = 0
  package var logLevel = Logger.Level.info
  /// 0: no request is called slow.
  package var slowRequestMillis = 1000
  package var syncIntervalMillis = 1000
  package var drainSeconds = 10
  package var insecure = false
  package var ioThreads = 4
  package var directIO = true
  package var hasFingerprints = true
  package var connectionsMax = 1024
  package var handshakeSeconds = 10
  package var stallSeconds = 30
  /// gRPC: streams at once on a connection.
  package var streamsMax = 256
  /// gRPC: how long a connection without streams is kept; 0: for ever.
  package var idleSeconds = 3600
  /// gRPC: bytes a second that a stream must move within `stallSeconds`.
  package var minRate = 128
  package var tuner = TunerSettings()

  package init() {}

  /// What no single key can tell: addresses that need `insecure`, sizes that must fit together.
  package func check() throws(ConfigurationProblem) {
    guard !listen.isEmpty else { throw ConfigurationProblem("listen names no address") }
    var open = listen
    if let http { open.append(http) }
    for address in open where !address.isLoopback && !insecure {
      throw ConfigurationProblem(
        "\(address) can be reached from other machines and this version has no access tokens: "
          + "bind a loopback address, or set insecure = true if the network is trusted")
    }
    guard !dataDirectory.isEmpty else { throw ConfigurationProblem("data_dir is empty") }
    _ = try tunerKnobs()
    let engine = try engineConfiguration()
    if let problem = engine.problem() { throw ConfigurationProblem(problem) }
    try checkDescriptors(allowed: ProcessLimits.openFilesHard())
  }

  /// What the engine is opened with.
  package func engineConfiguration() throws(ConfigurationProblem) -> EngineConfiguration {
    let split = try memorySplit()
    var engine = EngineConfiguration(directory: dataDirectory, capacityBytes: capacityBytes)
    engine.segmentBytes = segmentBytes == 0 ? nil : UInt32(clamping: segmentBytes)
    engine.arenaBytes = split.arenaBytes
    engine.stagingBytes = split.stagingBytes
    engine.memtableBytes = split.memtableBytes
    engine.blockCacheBytes = split.blockCacheBytes
    engine.minFreeBytes = minFreeBytes == 0 ? nil : minFreeBytes
    engine.syncIntervalMillis = syncIntervalMillis
    engine.ioThreads = ioThreads
    engine.directIO = directIO
    engine.hasFingerprints = hasFingerprints
    let start = tuner.start(engine.tuning)
    engine.shape = start.shape
    engine.memtableBytes = start.memtableBytes
    engine.filterBitsPerName = start.filterBitsPerName
    return engine
  }

  /// The knobs of the index within the bounds configured.
  package func tunerKnobs() throws(ConfigurationProblem) -> [Knob] {
    try tuner.knobs(memtableBytesMax: try memorySplit().memtableBytes)
  }

  /// How the memory is divided; a total that is not there to be had is refused.
  package func memorySplit(
    on machine: MachineMemory = .current()
  ) throws(ConfigurationProblem) -> MemorySplit {
    let total = memoryMaxBytes == 0 ? MemorySplit.automatic(on: machine) : memoryMaxBytes
    let split = try MemorySplit(totalBytes: total)
    if let problem = machine.problem(total: total) { throw ConfigurationProblem(problem) }
    return split
  }
}
