// Traces of real requests, form `.kvt.jsonl`: line 1 is a head, every other line one request in
// order of arrival,
//
//     [t_ms, session, input_tokens, output_tokens, base, keep, [[start, count], …]]
//
// whose blocks are the first `keep` of request number `base` (-1: none), then each range. Two
// requests that hold the same block share the whole prefix up to and with it.

import Foundation

/// What the head of a trace says; unknown keys are ignored.
struct TraceHead: Decodable, Hashable {
  let name: String
  let blockTokens: Int?
  let requests: Int?

  private enum CodingKeys: String, CodingKey {
    case name
    case blockTokens = "block_tokens"
    case requests
  }
}

/// Reads one trace from its beginning.
final class TraceReader {
  /// More blocks in one prompt are no request (at 16 tokens a block: 67 million tokens).
  static let blocksMax = 1 << 22
  /// Block ids are dense; one beyond this would make tables of them absurd.
  static let blockIDMax = 1 << 28

  let head: TraceHead
  private let lines: TraceLines
  /// Every request so far, for later ones name it as their base.
  private var history: [TraceRequest] = []
  private var lineNumber = 1

  init(path: String) throws(TraceError) {
    lines = try TraceLines(path: path)
    guard let line = try lines.next() else {
      throw .line(path: path, number: 1, reason: "the file is empty")
    }
    do {
      head = try JSONDecoder().decode(TraceHead.self, from: Data(line))
    } catch {
      throw .line(path: path, number: 1, reason: "no head of a trace (\(Self.brief(error)))")
    }
    guard !head.name.isEmpty else { throw .line(path: path, number: 1, reason: "name is empty") }
  }

  /// The next request; nil after the last. Empty lines are passed over.
  func next() throws(TraceError) -> TraceRequest? {
    var line: [UInt8] = []
    repeat {
      guard let read = try lines.next() else { return nil }
      line = read
      lineNumber += 1
    } while line.isEmpty
    let fields: TraceFields
    do {
      fields = try JSONDecoder().decode(TraceFields.self, from: Data(line))
    } catch {
      throw .line(
        path: lines.path, number: lineNumber, reason: "no request (\(Self.brief(error)))")
    }
    let request = TraceRequest(
      number: history.count, timeMillis: fields.timeMillis,
      runs: try runs(of: fields))
    history.append(request)
    return request
  }

  private func runs(of fields: TraceFields) throws(TraceError) -> [Range<Int>] {
    func refuse(_ reason: String) -> TraceError {
      .line(path: lines.path, number: lineNumber, reason: reason)
    }
    var runs: [Range<Int>] = []
    if fields.base >= 0 {
      guard fields.base < history.count else {
        throw refuse("base \(fields.base) is no earlier request of \(history.count)")
      }
      guard fields.keep >= 0, let kept = history[fields.base].prefix(fields.keep) else {
        throw refuse(
          "keep \(fields.keep) is outside the \(history[fields.base].blockCount) blocks of request "
            + "\(fields.base)")
      }
      runs = kept
    }
    var blockCount = runs.reduce(0) { $0 + $1.count }
    for range in fields.ranges {
      guard range.count == 2, range[0] >= 0, range[0] <= Self.blockIDMax, range[1] >= 0,
        range[1] <= Self.blocksMax
      else { throw refuse("\(range) is no range [start, count]") }
      blockCount += range[1]
      guard blockCount <= Self.blocksMax else {
        throw refuse("more than \(Self.blocksMax) blocks in one request")
      }
      if range[1] > 0 { runs.append(range[0]..<range[0] + range[1]) }
    }
    return runs
  }

  /// The first clause of a decoder's complaint: the whole of it fills a page.
  private static func brief(_ error: any Error) -> String {
    switch error {
    case DecodingError.dataCorrupted(let context), DecodingError.keyNotFound(_, let context),
      DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      context.debugDescription
    default: error.localizedDescription
    }
  }
}

/// The seven fields of a request's line, by place.
private struct TraceFields: Decodable {
  let timeMillis: Int
  let base: Int
  let keep: Int
  let ranges: [[Int]]

  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    let time = try list.decode(Double.self)
    guard time.magnitude < 1e15 else {
      throw DecodingError.dataCorruptedError(in: list, debugDescription: "\(time) is no time")
    }
    timeMillis = Int(time)
    // The session, which may be a number or a name, and both token counts play no part here.
    for _ in 0..<3 { _ = try list.decode(Ignored.self) }
    base = try list.decode(Int.self)
    keep = try list.decode(Int.self)
    ranges = try list.decode([[Int]].self)
    guard list.isAtEnd else {
      throw DecodingError.dataCorruptedError(in: list, debugDescription: "more than 7 fields")
    }
  }
}

/// Any JSON value, dropped.
private struct Ignored: Decodable {
  init(from decoder: any Decoder) throws {}
}
