// Who asks for what namespaces share: memory for pages, threads that may wait for the disk.

internal import VarveBase

/// A namespace with its weight, or the engine itself.
package struct Claimant: Equatable, Sendable {
  /// 0: the engine.
  package let namespace: UInt32
  /// 1 … `Limits.weightMax`.
  package let weight: Int

  package init(namespace: UInt32, weight: Int) {
    precondition(weight >= 1 && weight <= Limits.weightMax, "a weight of \(weight)")
    self.namespace = namespace
    self.weight = weight
  }

  /// Work that nobody's call stands behind. Shares do not bind it.
  package static let engine = Claimant(namespace: 0, weight: 1)

  var isEngine: Bool { namespace == 0 }
}

extension LiveNamespace {
  /// As whom its calls ask.
  var claimant: Claimant { Claimant(namespace: id, weight: max(1, Int(options.weight))) }
}
