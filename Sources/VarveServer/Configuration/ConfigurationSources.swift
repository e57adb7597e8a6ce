// Flags win over variables win over the file win over defaults.

/// The settings of one start, by where they came from.
package struct ConfigurationSources: Sendable {
  /// Path of the file, for messages; its keys are flat (`tls.cert`).
  package var filePath = ""
  package var file: [(key: String, value: ConfigurationValue)] = []
  package var environment: [String: String] = [:]
  package var flags: [(key: String, value: ConfigurationValue)] = []

  package init() {}

  /// The settings in force, or the first problem with the place it came from.
  package func merged() throws(ConfigurationProblem) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    for (name, value) in file {
      guard let key = ConfigurationKey.named(name) else {
        throw ConfigurationProblem("\(filePath): unknown key \"\(name)\"")
      }
      try apply(key, value, from: filePath, to: &configuration)
    }
    for key in ConfigurationKey.all {
      guard let text = environment[key.variable] else { continue }
      try apply(key, .text(text), from: key.variable, to: &configuration)
    }
    for (name, value) in flags {
      guard let key = ConfigurationKey.named(name) else {
        preconditionFailure("the flag \(name) has no key")
      }
      let flag = "--" + name.map { $0 == "_" ? "-" : String($0) }.joined()
      try apply(key, value, from: flag, to: &configuration)
    }
    try configuration.check()
    return configuration
  }

  private func apply(
    _ key: ConfigurationKey, _ value: ConfigurationValue, from source: String,
    to configuration: inout ServerConfiguration
  ) throws(ConfigurationProblem) {
    do {
      try key.apply(&configuration, value)
    } catch {
      throw ConfigurationProblem("\(source): \(error.message)")
    }
  }
}
