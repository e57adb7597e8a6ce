// Changing a namespace's options while it is used. Pages stored before keep the lifetime and the
// size they were put with.

internal import VarveBase

/// Options to change; nil leaves one as it is, 0 and empty give back the default.
package struct NamespaceChange: Equatable, Sendable {
  package var pageTokens: UInt32?
  /// 0: half a segment.
  package var pageBytesMax: UInt32?
  /// 0: pages do not expire.
  package var ttlSeconds: UInt64?
  /// 0: the default.
  package var weight: UInt32?
  package var description: String?

  package init() {}
}

extension Engine {
  /// Changes options; answered when that is on disk.
  ///
  /// - Throws: `.namespaceUnknown`, `.pageBytesMaxTooLarge`, or what makes the store read-only.
  package func setNamespace(
    name: String, _ change: NamespaceChange
  ) throws(EngineError) -> NamespaceView {
    let limit = configuration.pageBytesMax
    if let asked = change.pageBytesMax, asked > limit {
      throw .pageBytesMaxTooLarge(asked: asked, limit: limit)
    }
    return try edits.withLock { (_) throws(EngineError) in
      guard let namespace = namespaceTable.named(name) else { throw .namespaceUnknown }
      try checkWritable()
      let old = namespace.options
      var new = old
      new.pageTokens = change.pageTokens ?? old.pageTokens
      new.pageBytesMax = change.pageBytesMax.map { $0 == 0 ? limit : $0 } ?? old.pageBytesMax
      new.ttlSeconds = change.ttlSeconds ?? old.ttlSeconds
      new.weight = change.weight ?? old.weight
      new.description = change.description ?? old.description
      if new != old {
        guard var entry = manifest.state.namespaces[namespace.id] else { throw .namespaceUnknown }
        entry.options = new
        try commit([.setNamespace(entry)])
        namespace.set(new)
      }
      return namespace.view(at: nowSeconds)
    }
  }
}
