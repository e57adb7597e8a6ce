// Faults by rule: the nth call of a kind on a path pattern meets one fate. Rules are read in their
// order; the first that matches decides.

internal import VarveBase

/// One rule of a fault-injecting file system.
package struct FaultRule: Sendable {
  package enum Fault: Sendable {
    case effect(FaultEffect)
    /// The sync fails, and every later sync of that file claims success without doing anything:
    /// what a kernel does that dropped the dirty pages it could not write.
    case failThenClaim(errno: Int32)
  }

  /// nil: every kind.
  package var kind: FileCall.Kind?
  /// The path contains this; empty matches all.
  package var path: String
  /// Of the calls that match kind and path, from 0: the first that the rule acts on, and how many.
  package var nth: Int
  package var times: Int
  package var fault: Fault

  package init(
    _ kind: FileCall.Kind?, path: String = "", nth: Int = 0, times: Int = 1, _ effect: FaultEffect
  ) {
    self.init(kind, path: path, nth: nth, times: times, fault: .effect(effect))
  }

  package init(
    _ kind: FileCall.Kind?, path: String = "", nth: Int = 0, times: Int = 1, fault: Fault
  ) {
    precondition(nth >= 0 && times > 0, "a rule acts on call \(nth), \(times) times")
    self.kind = kind
    self.path = path
    self.nth = nth
    self.times = times
    self.fault = fault
  }
}

/// A list of rules with their counts.
package final class FaultRules: FileJudge {
  private struct State {
    var rules: [(rule: FaultRule, seen: Int)]
    var claiming: Set<String> = []
    var hits = 0
  }

  private let state: Locked<State>

  package init(_ rules: [FaultRule]) { state = Locked(State(rules: rules.map { ($0, 0) })) }

  /// Calls that met a fault.
  package var hitCount: Int { state.withLock { $0.hits } }

  /// Files that were closed are forgotten: their next syncs are honest.
  package func forgetClaims() { state.withLock { $0.claiming.removeAll() } }

  /// No rule acts from here on.
  package func clear() {
    state.withLock {
      $0.rules.removeAll()
      $0.claiming.removeAll()
    }
  }

  package func judge(_ call: FileCall) -> FaultEffect {
    state.withLock { state in
      // A new file under the name is another file.
      if call.kind == .create { state.claiming.remove(call.path) }
      if call.kind == .sync, state.claiming.contains(call.path) { return .claimDone }
      var decided: FaultRule.Fault?
      // Every rule counts every call it matches, whichever rule decides.
      for index in state.rules.indices {
        let (rule, seen) = state.rules[index]
        guard rule.kind == nil || rule.kind == call.kind,
          rule.path.isEmpty || call.path.contains(rule.path)
        else { continue }
        state.rules[index].seen += 1
        if decided == nil, seen >= rule.nth, seen < rule.nth + rule.times { decided = rule.fault }
      }
      guard let decided else { return .pass }
      state.hits += 1
      switch decided {
      case .effect(let effect): return effect
      case .failThenClaim(let errno):
        state.claiming.insert(call.path)
        return .fail(errno)
      }
    }
  }
}
