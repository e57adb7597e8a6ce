// The table of keys. `config/varved.toml` shows each with the default that stands here; a test
// holds file and table together.

internal import Logging
internal import VarveBase
internal import VarveTuner

/// One key of the configuration: its name, its default as the file shows it, and its meaning.
package struct ConfigurationKey: Sendable {
  package let name: String
  /// The default as TOML.
  package let defaultText: String
  let apply:
    @Sendable (inout ServerConfiguration, ConfigurationValue) throws(ConfigurationProblem) -> Void

  /// `VARVE_` and the key in upper case, dots as underscores.
  package var variable: String {
    "VARVE_" + name.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
  }

  package static func named(_ name: String) -> ConfigurationKey? { all.first { $0.name == name } }

  package static let all: [ConfigurationKey] = [
    ConfigurationKey(name: "listen", defaultText: "[\"127.0.0.1:4770\"]") {
      (configuration, value) throws(ConfigurationProblem) in
      var addresses: [ListenAddress] = []
      for text in try value.texts("listen") { addresses.append(try ListenAddress(text)) }
      configuration.listen = addresses
    },
    ConfigurationKey(name: "http", defaultText: "\"127.0.0.1:4771\"") {
      (configuration, value) throws(ConfigurationProblem) in
      let text = try value.text("http")
      configuration.http = text.isEmpty ? nil : try ListenAddress(text)
    },
    ConfigurationKey(name: "data_dir", defaultText: "\"/var/lib/varve\"") {
      (configuration, value) throws(ConfigurationProblem) in
      configuration.dataDirectory = try value.text("data_dir")
    },
    size("capacity", "\"10GiB\"", \.capacityBytes),
    size("min_free", "0", \.minFreeBytes),
    ConfigurationKey(name: "segment_bytes", defaultText: "0") {
      (configuration, value) throws(ConfigurationProblem) in
      let bytes = try value.bytes("segment_bytes")
      guard bytes <= UInt64(Limits.segmentBytesMax) else {
        throw ConfigurationProblem(
          "segment_bytes \(bytes) is over the limit of \(Limits.segmentBytesMax)")
      }
      configuration.segmentBytes = bytes
    },
    size("memory_max", "0", \.memoryMaxBytes),
    ConfigurationKey(name: "log_level", defaultText: "\"info\"") {
      (configuration, value) throws(ConfigurationProblem) in
      guard let level = Logger.Level(rawValue: try value.text("log_level")) else {
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        throw ConfigurationProblem("log_level = \(value.shown) is none of \(names)")
      }
      configuration.logLevel = level
    },
    number("slow_request_ms", "1000", 0...3_600_000, \.slowRequestMillis),
    number("sync_interval_ms", "1000", 1...Limits.syncIntervalMillisMax, \.syncIntervalMillis),
    number("drain_seconds", "10", 0...3600, \.drainSeconds),
    ConfigurationKey(name: "insecure", defaultText: "false") {
      (configuration, value) throws(ConfigurationProblem) in
      configuration.insecure = try value.flag("insecure")
    },
    number("io_threads", "4", 1...Limits.ioThreadsMax, \.ioThreads),
    ConfigurationKey(name: "direct_io", defaultText: "true") {
      (configuration, value) throws(ConfigurationProblem) in
      configuration.directIO = try value.flag("direct_io")
    },
    ConfigurationKey(name: "fingerprint_table", defaultText: "\"auto\"") {
      (configuration, value) throws(ConfigurationProblem) in
      switch try value.text("fingerprint_table") {
      case "auto": configuration.hasFingerprints = true
      case "off": configuration.hasFingerprints = false
      default:
        throw ConfigurationProblem("fingerprint_table = \(value.shown) is none of auto, off")
      }
    },
    number("connections_max", "1024", 1...Limits.connectionsMax, \.connectionsMax),
    number("handshake_seconds", "10", 1...3600, \.handshakeSeconds),
    number("stall_seconds", "30", 1...3600, \.stallSeconds),
    number("streams_max", "256", 1...4096, \.streamsMax),
    number("idle_seconds", "3600", 0...604_800, \.idleSeconds),
    number("min_rate", "128", 0...1_048_576, \.minRate),
    ConfigurationKey(name: "tuner.mode", defaultText: "\"observe\"") {
      (configuration, value) throws(ConfigurationProblem) in
      guard let mode = TunerMode(rawValue: try value.text("tuner.mode")) else {
        let names = TunerMode.allCases.map(\.rawValue).joined(separator: ", ")
        throw ConfigurationProblem("tuner.mode = \(value.shown) is none of \(names)")
      }
      configuration.tuner.mode = mode
    },
    number("tuner.window_seconds", "10", 1...3600, \.tuner.windowSeconds),
    bounds(.sizeRatio), bounds(.innerRunsMax), bounds(.lastRunsMax), bounds(.memtableBytes),
    bounds(.filterBits),
    later("tokens_file"), later("tls.cert"), later("tls.key"), later("tls.client_ca"),
  ]

  private static func size(
    _ name: String, _ defaultText: String,
    _ field: any WritableKeyPath<ServerConfiguration, UInt64> & Sendable
  ) -> ConfigurationKey {
    ConfigurationKey(name: name, defaultText: defaultText) {
      (configuration, value) throws(ConfigurationProblem) in
      configuration[keyPath: field] = try value.bytes(name)
    }
  }

  private static func number(
    _ name: String, _ defaultText: String, _ range: ClosedRange<Int>,
    _ field: any WritableKeyPath<ServerConfiguration, Int> & Sendable
  ) -> ConfigurationKey {
    ConfigurationKey(name: name, defaultText: defaultText) {
      (configuration, value) throws(ConfigurationProblem) in
      configuration[keyPath: field] = try value.number(name, range)
    }
  }

  /// Bounds of a knob: a text, or a number that holds it.
  private static func bounds(_ knob: KnobName) -> ConfigurationKey {
    let name = "tuner." + knob.rawValue
    return ConfigurationKey(name: name, defaultText: "\"\"") {
      (configuration, value) throws(ConfigurationProblem) in
      let text = if case .integer(let number) = value { "\(number)" } else { try value.text(name) }
      configuration.tuner.bounds[knob] = try TunerSettings.parse(text, knob)
    }
  }

  /// A key whose feature this version lacks: the empty text is its default, anything else is
  /// refused, because a silently ignored `tls.cert` would be a door left open.
  private static func later(_ name: String) -> ConfigurationKey {
    ConfigurationKey(name: name, defaultText: "\"\"") {
      (_, value) throws(ConfigurationProblem) in
      guard try value.text(name).isEmpty else {
        throw ConfigurationProblem("\(name) is not supported by this version")
      }
    }
  }
}
