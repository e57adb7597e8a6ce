// What reads text: the HTTP port's requests, and trace files.

import Foundation
import VarveBase
import VarveServer

enum HttpFuzz {
  /// Every prefix is judged, as they come from a socket: a request once whole stays that request,
  /// a refusal never turns into one.
  static func run(_ bytes: [UInt8]) {
    let bytes = Array(bytes.prefix(2 * Limits.httpHeaderBytesMax))
    var judged: HttpRequest.Outcome?
    // Every length up to a request's usual one; then some, for the work is quadratic.
    var lengths = Array(0...min(bytes.count, 200))
    lengths += stride(from: 200, to: bytes.count, by: 509)
    for length in lengths + [bytes.count] {
      let outcome = HttpRequest.parse(Array(bytes[..<length]))
      if case .request(let request)? = judged {
        demand(outcome == .request(request), "a request became \(outcome)")
      }
      if case .refused? = judged, case .request = outcome {
        demand(false, "a refusal became \(outcome)")
      }
      if outcome != .incomplete { judged = judged ?? outcome }
    }
  }
}

enum TraceFuzz {
  private static let folder = NSTemporaryDirectory() + "varvefuzz-\(getpid())"

  /// Odd first byte: compressed. Reads at most some thousand requests.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let path = folder + (input.byte() & 1 == 1 ? ".kvt.jsonl.zst" : ".kvt.jsonl")
    guard FileManager.default.createFile(atPath: path, contents: Data(input.rest())) else {
      return demand(false, "\(path) cannot be written")
    }
    do throws(TraceError) {
      let reader = try TraceReader(path: path)
      var count = 0
      while count < 5000, try reader.next() != nil { count += 1 }
    } catch {
      demand(!"\(error)".isEmpty, "a refusal says why")
    }
  }
}
