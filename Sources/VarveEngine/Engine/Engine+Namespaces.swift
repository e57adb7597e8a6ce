// Namespaces: edits of the manifest, synced when they are answered. Clear and Drop cost O(1): the
// internal id is retired and everything under it is absent at once.

internal import VarveBase

extension Engine {
  /// Finds or creates a namespace. Options that are 0 or empty take the default or what is there.
  package func openNamespace(name: String, options: NamespaceOptions, mustExist: Bool)
    throws(EngineError) -> (view: NamespaceView, created: Bool)
  {
    let bytes = name.utf8.count
    guard bytes > 0, bytes <= Limits.namespaceNameBytesMax else {
      throw .namespaceNameLength(bytes: bytes, limit: Limits.namespaceNameBytesMax)
    }
    let limit = configuration.pageBytesMax
    guard options.pageBytesMax <= limit else {
      throw .pageBytesMaxTooLarge(asked: options.pageBytesMax, limit: limit)
    }
    return try edits.withLock { (_) throws(EngineError) in
      if let existing = namespaceTable.named(name) {
        if let problem = disagreement(asked: options, existing: existing.options) { throw problem }
        return (existing.view(at: nowSeconds), false)
      }
      guard !mustExist else { throw .namespaceUnknown }
      try checkWritable()
      guard namespaceTable.count < Limits.namespacesMax else {
        throw .tooManyNamespaces(limit: Limits.namespacesMax)
      }
      var chosen = options
      if chosen.pageBytesMax == 0 { chosen.pageBytesMax = configuration.pageBytesMax }
      if chosen.codec == 0 { chosen.codec = PageCodec.raw }
      let made = try create(name: name, options: chosen, retiring: nil)
      return (made.view(at: nowSeconds), true)
    }
  }

  /// The namespace of an id; nil when it is unknown, cleared or dropped.
  package func namespace(_ id: UInt32) -> NamespaceView? {
    namespaceTable[id]?.view(at: nowSeconds)
  }

  package func namespaces() -> [NamespaceView] {
    let now = nowSeconds
    return namespaceTable.all.map { $0.view(at: now) }
  }

  private func livePages(_ namespace: LiveNamespace) -> UInt64 {
    UInt64(clamping: namespace.live(at: nowSeconds).pages)
  }

  /// Empties a namespace: it lives on under a new id. Returns the pages that were in it, expired
  /// ones left out.
  package func clearNamespace(name: String) throws(EngineError) -> UInt64 {
    try edits.withLock { (_) throws(EngineError) in
      let old = try writable(name)
      _ = try create(name: name, options: old.options, retiring: old)
      return livePages(old)
    }
  }

  /// Removes a namespace. Returns the pages that were in it, expired ones left out.
  package func dropNamespace(name: String) throws(EngineError) -> UInt64 {
    try edits.withLock { (_) throws(EngineError) in
      let old = try writable(name)
      try commit([.retireNamespace(old.id)])
      namespaceTable.remove(old)
      return livePages(old)
    }
  }

  func liveNamespace(_ id: UInt32) throws(EngineError) -> LiveNamespace {
    guard !isClosed else { throw .closed }
    guard let namespace = namespaceTable[id] else { throw .namespaceUnknown }
    return namespace
  }

  private func writable(_ name: String) throws(EngineError) -> LiveNamespace {
    guard let found = namespaceTable.named(name) else { throw .namespaceUnknown }
    try checkWritable()
    return found
  }

  /// One batch of edits: the old id dies and the new one lives, or neither.
  private func create(name: String, options: NamespaceOptions, retiring old: LiveNamespace?)
    throws(EngineError) -> LiveNamespace
  {
    let id = manifest.state.nextNamespace
    let entry = NamespaceEntry(id: id, name: name, options: options)
    let retired: [ManifestEdit] = old.map { [.retireNamespace($0.id)] } ?? []
    try commit(retired + [.createNamespace(entry)])
    if let old { namespaceTable.remove(old) }
    let made = LiveNamespace(id: id, name: name, options: options)
    namespaceTable.add(made)
    return made
  }

  /// The first option that was asked for and differs.
  private func disagreement(asked: NamespaceOptions, existing: NamespaceOptions) -> EngineError? {
    func differs(_ option: String, _ existing: String, _ asked: String) -> EngineError {
      .optionDisagrees(option: option, existing: existing, asked: asked)
    }
    if asked.pageTokens != 0, asked.pageTokens != existing.pageTokens {
      return differs("page_tokens", "\(existing.pageTokens)", "\(asked.pageTokens)")
    }
    if asked.pageBytesMax != 0, asked.pageBytesMax != existing.pageBytesMax {
      return differs("page_bytes_max", "\(existing.pageBytesMax)", "\(asked.pageBytesMax)")
    }
    if asked.ttlSeconds != 0, asked.ttlSeconds != existing.ttlSeconds {
      return differs("ttl_seconds", "\(existing.ttlSeconds)", "\(asked.ttlSeconds)")
    }
    if asked.codec != 0, asked.codec != existing.codec {
      return differs("codec", "\(existing.codec)", "\(asked.codec)")
    }
    if asked.weight != 0, asked.weight != max(existing.weight, 1) {
      return differs("weight", "\(max(existing.weight, 1))", "\(asked.weight)")
    }
    if !asked.description.isEmpty, asked.description != existing.description {
      return differs("description", existing.description, asked.description)
    }
    return nil
  }
}
