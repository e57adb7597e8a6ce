// Why a call was not done, as both protocols tell it, and the one place where the engine's errors
// become statuses.

package import VarveEngine
package import VarveWire
internal import VarveBase

/// A call refused: a `Problem` that can be thrown.
package struct Refusal: Error, Equatable, Sendable {
  package let problem: Problem

  package init(_ problem: Problem) { self.problem = problem }

  package init(
    _ code: StatusCode, _ message: String, limit: String = "", limitValue: UInt64 = 0,
    value: UInt64 = 0
  ) {
    problem = Problem(code, message, limit: limit, limitValue: limitValue, value: value)
  }

  package init(_ error: WireError) { problem = error.problem }

  package init(_ error: EngineError) {
    switch error {
    case .namespaceUnknown:
      self.init(.notFound, "unknown namespace: never opened, cleared or dropped; open it again")
    case .tooManyNamespaces(let limit):
      self.init(
        .resourceExhausted, "all \(limit) namespaces are in use; drop one and retry",
        limit: "namespaces_max", limitValue: UInt64(limit), value: UInt64(limit) + 1)
    case .namespaceNameLength(let bytes, let limit):
      self.init(
        .invalidArgument, "name has \(bytes) bytes; it must have 1 to \(limit)",
        limit: "name_bytes_max", limitValue: UInt64(limit), value: UInt64(bytes))
    case .optionDisagrees(let option, let existing, let asked):
      self.init(
        .failedPrecondition, "\(option): the namespace has \(existing), the request asks \(asked)")
    case .pageBytesMaxTooLarge(let asked, let limit):
      self.init(
        .invalidArgument, "page_bytes_max \(asked) is over half a segment, \(limit)",
        limit: "page_bytes_max", limitValue: UInt64(limit), value: UInt64(asked))
    case .capacityOutOfRange(let asked, let least, let most):
      let isLess = asked < least
      self.init(
        .invalidArgument,
        isLess
          ? "capacity_bytes \(asked) is below the least, \(least) (\(Limits.segmentsMin) segments)"
          : "capacity_bytes \(asked) is over the most, \(most)",
        limit: isLess ? "capacity_bytes_min" : "capacity_bytes_max",
        limitValue: isLess ? least : most, value: asked)
    case .capacityOverDisk(let asked, let most, let minFree):
      self.init(
        .invalidArgument,
        "capacity_bytes \(asked) is over \(most): the file system could not keep min_free "
          + "\(minFree) bytes free", limit: "min_free", limitValue: most, value: asked)
    case .capacityOverDescriptors(let asked, let most):
      self.init(
        .invalidArgument,
        "capacity_bytes \(asked) is over \(most): RLIMIT_NOFILE leaves no descriptors for more "
          + "segments; raise it (LimitNOFILE= of the unit) and restart", limit: "descriptors",
        limitValue: most, value: asked)
    case .stagingExhausted(let limit):
      self.init(
        .resourceExhausted,
        "the \(limit) bytes of memory for pages being received are in use; retry later",
        limit: "staging_bytes", limitValue: UInt64(limit))
    case .connectionPutsExhausted(let bytes, let limit):
      self.init(
        .resourceExhausted,
        "the puts begun on this connection would hold \(bytes) bytes of memory; the limit is "
          + "\(limit): retry when one has ended", limit: "connection_put_bytes",
        limitValue: UInt64(limit), value: UInt64(bytes))
    case .readMemoryExhausted(let limit):
      self.init(
        .resourceExhausted,
        "no memory for pages being read within the limit of \(limit) bytes; retry later",
        limit: "memory_max", limitValue: UInt64(limit))
    case .requestMemoryExhausted(let bytes, let limit):
      self.init(
        .resourceExhausted,
        "the call needs \(bytes) bytes of memory and less is left of \(limit); ask for fewer "
          + "pages, or retry later", limit: "memory_max", limitValue: UInt64(limit),
        value: UInt64(bytes))
    case .queueFull(let limit):
      self.init(
        .resourceExhausted, "\(limit) jobs are waiting for the disk already; retry later",
        limit: "background_queue", limitValue: UInt64(limit), value: UInt64(limit) + 1)
    case .readOnly(let reason):
      self.init(.unavailable, "the store is read-only: \(reason)")
    case .storage(let what):
      self.init(.internal, what)
    case .closed:
      self.init(.unavailable, "the daemon is stopping; retry elsewhere or later")
    }
  }
}

/// Runs an engine call and turns its error into a refusal.
func refusing<Result>(_ call: () throws(EngineError) -> Result) throws(Refusal) -> Result {
  do { return try call() } catch { throw Refusal(error) }
}
