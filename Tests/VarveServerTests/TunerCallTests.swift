// The tuner over the wire, in the configuration and in the metrics; what it decides is tested where
// it decides.

import Foundation
import Logging
import Testing
import VarveBase
import VarveClient
import VarveEngine
import VarveFile
import VarveServer
import VarveTuner
import VarveWire

@Suite(.serialized) struct TunerCallTests {
  private func refused(_ body: () throws -> Void) -> Problem? {
    do {
      try body()
      Issue.record("it was not refused")
    } catch ClientError.problem(let problem) {
      return problem
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  private func knobs(_ status: TunerStatusResponse) -> [String: VarveWire.Knob] {
    Dictionary(uniqueKeysWithValues: status.knobs.map { ($0.name, $0) })
  }

  @Test func theKnobsStandWhereTheConfigurationPutsThem() throws {
    let server = try TestServer()
    let client = try server.client()
    let status = try client.tunerStatus()
    #expect(status.mode == "observe" && status.drift == 0)
    let knobs = knobs(status)
    #expect(knobs["size_ratio"]?.value == 4 && knobs["inner_runs_max"]?.value == 3)
    #expect(knobs["last_runs_max"]?.value == 1 && knobs["filter_bits_per_name"]?.value == 10)
    #expect(knobs["memtable_bytes"]?.value == Double((96 << 20) / 16))
    #expect(knobs["memtable_bytes"]?.min == Double((96 << 20) / 64))
    #expect(knobs["arena_bytes"].map { $0.value > 0 && $0.value <= 0.4 * Double(96 << 20) } == true)
    for knob in status.knobs {
      #expect(knob.min <= knob.value && knob.value <= knob.max, "\(knob)")
      #expect(!knob.reason.isEmpty)
    }
    #expect(try client.tunerHistory(last: 5).isEmpty)
  }

  @Test func anOperatorHoldsKnobsAndGivesThemBack() throws {
    let server = try TestServer()
    let client = try server.client()
    let held = try client.setTuner(
      SetTunerRequest(mode: "observe", manual: ["size_ratio": 8, "inner_runs_max": 7]))
    #expect(held.mode == "observe")
    #expect(knobs(held)["size_ratio"]?.value == 8 && knobs(held)["size_ratio"]?.manual == true)
    #expect(knobs(held)["last_runs_max"]?.manual == false)
    // The engine has it.
    let engine = try #require(server.server.calls?.engine)
    #expect(engine.tuning.shape == IndexShape(sizeRatio: 8, innerRunsMax: 7, lastRunsMax: 1))
    let history = try client.tunerHistory()
    #expect(history.map(\.knob) == ["size_ratio", "inner_runs_max"])
    #expect(history.map(\.verdict) == ["manual", "manual"] && history.map(\.to) == [8, 7])
    #expect(try client.tunerHistory(last: 1).map(\.id) == [2])
    let given = try client.setTuner(SetTunerRequest(mode: "auto", automatic: ["size_ratio"]))
    #expect(given.mode == "auto" && knobs(given)["size_ratio"]?.manual == false)
    #expect(knobs(given)["size_ratio"]?.value == 8)
  }

  @Test func whatCannotBeIsRefusedByName() throws {
    let server = try TestServer()
    let client = try server.client()
    let status = try client.tunerStatus()
    let io = try #require(knobs(status)["io_threads"]?.value)
    #expect(try client.setTuner(SetTunerRequest(manual: ["io_threads": io])) == status)
    let rows: [(SetTunerRequest, StatusCode, String)] = [
      (SetTunerRequest(mode: "fast"), .invalidArgument, "fast"),
      (SetTunerRequest(manual: ["size_ratio": 1]), .invalidArgument, "from 2 to 16"),
      (SetTunerRequest(manual: ["size_ratio": 17]), .invalidArgument, "from 2 to 16"),
      (SetTunerRequest(manual: ["inner_runs_max": 1.5]), .invalidArgument, "a whole number"),
      (SetTunerRequest(manual: ["last_runs_max": .nan]), .invalidArgument, "from 1 to 15"),
      (SetTunerRequest(manual: ["filter_bits_per_name": 1]), .invalidArgument, "from 2 to 16"),
      (SetTunerRequest(manual: ["memtable_bytes": 1e9]), .invalidArgument, "memtable_bytes"),
      (SetTunerRequest(manual: ["io_threads": 3]), .failedPrecondition, "io_threads"),
      (SetTunerRequest(manual: ["speed": 1]), .invalidArgument, "speed"),
      (SetTunerRequest(automatic: ["arena_bytes"]), .failedPrecondition, "arena_bytes"),
      (SetTunerRequest(automatic: ["speed"]), .invalidArgument, "speed"),
      // Nothing of a request that is refused takes force.
      (SetTunerRequest(mode: "manual", manual: ["size_ratio": 8, "a": 1]), .invalidArgument, ""),
    ]
    for (request, code, word) in rows {
      let problem = refused { _ = try client.setTuner(request) }
      #expect(problem?.status == code, "\(request)")
      #expect(word.isEmpty || problem?.message.contains(word) == true, "\(request)")
    }
    #expect(try client.tunerStatus() == status)
  }

  @Test func boundsOfTheConfigurationHoldAndStartTheIndex() throws {
    let server = try TestServer { configuration in
      configuration.tuner.mode = .manual
      configuration.tuner.bounds[.sizeRatio] = 6...8
      configuration.tuner.bounds[.innerRunsMax] = 2...2
    }
    let client = try server.client()
    let status = try client.tunerStatus()
    #expect(status.mode == "manual")
    #expect(knobs(status)["size_ratio"]?.value == 6 && knobs(status)["size_ratio"]?.min == 6)
    #expect(knobs(status)["inner_runs_max"]?.value == 2)
    #expect(knobs(status)["inner_runs_max"]?.manual == true)
    let problem = refused {
      _ = try client.setTuner(SetTunerRequest(manual: ["size_ratio": 9]))
    }
    #expect(problem?.message.contains("from 6 to 8") == true)
    let engine = try #require(server.server.calls?.engine)
    #expect(engine.tuning.shape == IndexShape(sizeRatio: 6, innerRunsMax: 2, lastRunsMax: 1))
  }

  @Test(arguments: [
    ("tuner.mode", "fast"), ("tuner.size_ratio", "1-8"), ("tuner.size_ratio", "8-4"),
    ("tuner.size_ratio", "4-"), ("tuner.size_ratio", "2-4-8"), ("tuner.inner_runs_max", "0"),
    ("tuner.last_runs_max", "16"), ("tuner.size_ratio", "2.5"), ("tuner.size_ratio", "all"),
    ("tuner.filter_bits_per_name", "nan"), ("tuner.memtable_bytes", "1KiB"),
    ("tuner.window_seconds", "0"), ("tuner.window_seconds", "3601"),
  ])
  func aConfigurationThatCannotBe(_ key: String, _ text: String) {
    var sources = ConfigurationSources()
    sources.file = [(key, .text(text))]
    #expect(throws: ConfigurationProblem.self) { try sources.merged() }
  }

  @Test func boundsAreReadFromTextAndNumber() throws {
    var sources = ConfigurationSources()
    sources.file = [
      ("memory_max", .text("128MiB")), ("tuner.size_ratio", .integer(8)),
      ("tuner.inner_runs_max", .text("2-5")), ("tuner.memtable_bytes", .text("4MiB-8MiB")),
      ("tuner.filter_bits_per_name", .text("6.5")),
    ]
    let merged = try sources.merged()
    #expect(merged.tuner.bounds[.sizeRatio] == 8...8)
    #expect(merged.tuner.bounds[.innerRunsMax] == 2...5)
    let engine = try merged.engineConfiguration()
    #expect(engine.shape == IndexShape(sizeRatio: 8, innerRunsMax: 3, lastRunsMax: 1))
    #expect(engine.memtableBytes == 8 << 20 && engine.filterBitsPerName == 6.5)
  }

  @Test func theMetricsTellTheKnobs() throws {
    let server = try TestServer()
    _ = try server.client().setTuner(SetTunerRequest(manual: ["size_ratio": 5]))
    let text = server.server.respond(to: "/metrics").body
    for line in [
      "varve_tuner_mode{mode=\"observe\"} 1", "varve_tuner_knob{knob=\"size_ratio\"} 5",
      "varve_tuner_knob_manual{knob=\"size_ratio\"} 1", "varve_tuner_drift 0",
      "varve_tuner_decisions_total{verdict=\"manual\"} 1", "varve_tuner_windows_total 0",
    ] {
      #expect(text.contains(line + "\n"), "\(line)")
    }
  }

  // MARK: - The driver

  /// An engine in memory whose driver a test turns itself.
  private func driven(
    _ options: TunerOptions
  ) throws -> (engine: Engine, driver: TunerDriver, clock: ManualClock) {
    var configuration = EngineConfiguration(directory: "/store", capacityBytes: 64 << 20)
    configuration.segmentBytes = 256 << 10
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 4 << 20
    configuration.memtableBytes = 64 << 10
    configuration.simulation = EngineConfiguration.Simulation(seed: 1)
    let clock = ManualClock()
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    let engine = try Engine.open(
      configuration, files: MemoryFileSystem(), clock: clock,
      ledger: MemoryLedger(limitBytes: 256 << 20), logger: logger)
    var settings = TunerSettings()
    settings.mode = .auto
    let driver = TunerDriver(
      engine, settings, knobs: Knob.ofIndex(memtableBytes: 65_536...65_536),
      prices: .bytes(blockBytes: 16_384), options: options, clock: clock, logger: logger)
    return (engine, driver, clock)
  }

  @Test func aLoadOfPutsMovesTheEnginesShape() throws {
    var options = TunerOptions()
    options.windowPagesMin = 100
    let (engine, driver, clock) = try driven(options)
    defer { engine.close() }
    let space = try engine.openNamespace(name: "n", options: NamespaceOptions(), mustExist: false).0
    let page = [UInt8](repeating: 1, count: 64)
    var number: UInt64 = 0
    driver.turn()
    for _ in 0..<40 {
      for _ in 0..<100 {
        let ids = (0..<8).map { PageID(number, UInt64($0), 1, 2) }
        number += 1
        let session = try engine.beginPut(
          PutOrder(
            slice: ChainSlice(
              namespace: space.id, ids: ids, first: 0, count: 8, atRoot: true),
            pageBytes: [UInt32](repeating: 64, count: 8),
            checksums: [UInt64](repeating: XXH3.hash(page), count: 8)))
        for _ in 0..<8 {
          if case .memory(let memory) = session.nextDestination() {
            unsafe memory.copyBytes(from: page)
          }
          session.received(64)
        }
        session.finish { _ in }
        engine.indexStep()
      }
      clock.advance(millis: 1000)
      engine.syncStep()
      driver.turn()
    }
    let tuner = driver.current
    #expect(tuner.windowCount == 40)
    #expect(Setting(engine.tuning) == tuner.setting)
    // Merging less is what puts alone ask for.
    #expect(tuner.history.decisions.contains { $0.verdict == .kept })
    #expect(engine.tuning.sizeRatio > 4 || engine.tuning.lastRunsMax > 1)
    let log = tuner.history.decisions.map(\.atUnix)
    #expect(log == log.sorted() && log.allSatisfy { $0 >= 1_700_000_000 })
  }

  @Test func theThreadEndsWhenItIsTold() throws {
    let (engine, driver, _) = try driven(TunerOptions())
    #expect(driver.start())
    driver.stop()
    driver.stop()
    engine.close()
  }
}
