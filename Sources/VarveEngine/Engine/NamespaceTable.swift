// The live namespaces by both of their names, shared by whoever meets a namespace id: calls, the
// segment keeper (counts, footers) and compaction.

internal import VarveBase

/// Live namespaces. Changed only together with the manifest, under this lock (which is therefore
/// the outermost of the engine's: a manifest commit happens within it).
final class NamespaceTable: Sendable {
  struct State: Sendable {
    var byID: [UInt32: LiveNamespace] = [:]
    var byName: [String: LiveNamespace] = [:]
  }

  private let state: Locked<State>

  init(_ namespaces: [LiveNamespace]) {
    var initial = State()
    for namespace in namespaces {
      initial.byID[namespace.id] = namespace
      initial.byName[namespace.name] = namespace
    }
    state = Locked(initial)
  }

  subscript(id: UInt32) -> LiveNamespace? { state.withLock { $0.byID[id] } }

  func named(_ name: String) -> LiveNamespace? { state.withLock { $0.byName[name] } }

  var all: [LiveNamespace] { state.withLock { $0.byID.values.sorted { $0.name < $1.name } } }

  /// The ids in force: records of any other are dead.
  var ids: Set<UInt32> { state.withLock { Set($0.byID.keys) } }

  func add(_ namespace: LiveNamespace) {
    state.withLock {
      precondition($0.byID[namespace.id] == nil, "namespace \(namespace.id) is there already")
      $0.byID[namespace.id] = namespace
      $0.byName[namespace.name] = namespace
    }
  }

  func remove(_ namespace: LiveNamespace) {
    state.withLock {
      $0.byID[namespace.id] = nil
      if $0.byName[namespace.name]?.id == namespace.id { $0.byName[namespace.name] = nil }
    }
    namespace.retire()
  }

  var count: Int { state.withLock { $0.byID.count } }
}
