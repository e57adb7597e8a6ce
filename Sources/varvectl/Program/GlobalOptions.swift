// The options of every command that speaks to a daemon.

import ArgumentParser
import Foundation
import VarveClient

/// May stand before or after the command's name.
struct GlobalOptions: ParsableArguments {
  static let endpointDefault = "127.0.0.1:4770"
  /// A token is a line of text; a larger file is something else.
  static let tokenBytesMax = 4096

  @Option(help: "HOST:PORT or unix:PATH (default: $VARVE_ENDPOINT, else \(endpointDefault)).")
  var endpoint: String?

  @Option(help: ArgumentHelp("File whose first line is the token.", valueName: "file"))
  var tokenFile: String?

  @Flag(help: "Print one JSON value for programs.")
  var json = false

  @Option(
    help: ArgumentHelp("Longest silence of the daemon that is borne.", valueName: "seconds"))
  var timeout = 30.0

  func validate() throws {
    guard timeout >= 0.001, timeout <= 86_400 else {
      throw ValidationError("--timeout \(timeout) is not within 0.001 and 86400 seconds")
    }
  }

  func resolvedEndpoint(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(Failure) -> Endpoint {
    let named = environment["VARVE_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
    let text = endpoint ?? named ?? Self.endpointDefault
    do {
      return try Endpoint(text)
    } catch {
      throw Failure(.usage, "\(error)")
    }
  }

  func clientOptions() throws(Failure) -> ClientOptions {
    let millis = Int(timeout * 1000)
    return ClientOptions(
      connectMillis: min(millis, 5_000), timeoutMillis: millis, name: "varvectl/\(Tool.version)",
      token: try token())
  }

  private func token() throws(Failure) -> [UInt8] {
    guard let tokenFile else { return [] }
    guard let file = FileHandle(forReadingAtPath: tokenFile),
      let data = try? file.read(upToCount: Self.tokenBytesMax + 1)
    else { throw Failure(.usage, "--token-file \(tokenFile) cannot be read") }
    let line = data.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, data.count <= Self.tokenBytesMax else {
      throw Failure(
        .usage,
        "--token-file \(tokenFile) has no token in its first line, or over \(Self.tokenBytesMax) "
          + "bytes")
    }
    return Array(line)
  }

  /// Connects, does the work and tells a trouble with the daemon as a `Failure`.
  func withClient<Result>(_ body: (Client) throws -> Result) throws -> Result {
    let endpoint = try resolvedEndpoint()
    do {
      let client = try Client(endpoint, options: clientOptions())
      defer { client.close() }
      return try body(client)
    } catch let error as ClientError {
      throw Failure(error, endpoint: endpoint)
    }
  }
}
