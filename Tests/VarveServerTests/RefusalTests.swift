// The one place that maps the engine's errors: status, and the numbers in the message.

import Testing
import VarveBase
import VarveEngine
import VarveServer
import VarveWire

@Suite struct RefusalTests {
  static let table: [(EngineError, StatusCode, [String])] = [
    (.namespaceUnknown, .notFound, ["unknown namespace"]),
    (.tooManyNamespaces(limit: 7), .resourceExhausted, ["7", "retry"]),
    (.namespaceNameLength(bytes: 0, limit: 9), .invalidArgument, ["0 bytes", "1 to 9"]),
    (
      .optionDisagrees(option: "page_tokens", existing: "64", asked: "32"), .failedPrecondition,
      ["page_tokens", "64", "32"]
    ),
    (.pageBytesMaxTooLarge(asked: 9, limit: 8), .invalidArgument, ["9", "8"]),
    (.stagingExhausted(limit: 5), .resourceExhausted, ["5 bytes", "retry later"]),
    (.readMemoryExhausted(limit: 5), .resourceExhausted, ["5", "retry"]),
    (.queueFull(limit: 3), .resourceExhausted, ["3", "retry later"]),
    (.readOnly(reason: "fsync failed"), .unavailable, ["read-only", "fsync failed"]),
    (.storage("segment 4"), .internal, ["segment 4"]),
    (.closed, .unavailable, ["stopping"]),
  ]

  @Test(arguments: table.indices)
  func everyErrorHasItsStatusAndEvidence(_ index: Int) {
    let (error, status, words) = Self.table[index]
    let problem = Refusal(error).problem
    #expect(problem.status == status)
    for word in words { #expect(problem.message.contains(word), "\(problem.message)") }
  }

  @Test func ourMistakesAreToldByNumberAlone() throws {
    let server = try TestServer()
    let calls = try #require(server.server.calls)
    let first = calls.judged(Refusal(.storage("secret path")), method: "Get").problem
    let second = calls.judged(Refusal(.storage("secret path")), method: "Get").problem
    #expect(first.status == .internal)
    #expect(!first.message.contains("secret"))
    #expect(first.message.contains("incident 1"))
    #expect(second.message.contains("incident 2"))
    let other = Refusal(EngineError.closed)
    #expect(calls.judged(other, method: "Get") == other)
  }
}
