// The calls about namespaces. All but the listing block until their edit is synced.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  package func openNamespace(
    _ request: OpenNamespaceRequest
  ) throws(Refusal) -> OpenNamespaceResponse {
    let options = try options(request.options)
    let (view, isCreated) = try refusing { () throws(EngineError) in
      try engine.openNamespace(
        name: request.name, options: options, mustExist: request.mustExist)
    }
    return OpenNamespaceResponse(namespaceID: view.id, created: isCreated, info: Self.info(view))
  }

  package func listNamespaces() -> ListNamespacesResponse {
    ListNamespacesResponse(namespaces: engine.namespaces().map(Self.info))
  }

  package func clearNamespace(_ request: NamespaceName) throws(Refusal) -> PagesResponse {
    let pages = try refusing { () throws(EngineError) in
      try engine.clearNamespace(name: request.name)
    }
    return PagesResponse(affected: UInt32(clamping: pages))
  }

  package func dropNamespace(_ request: NamespaceName) throws(Refusal) -> PagesResponse {
    let pages = try refusing { () throws(EngineError) in
      try engine.dropNamespace(name: request.name)
    }
    return PagesResponse(affected: UInt32(clamping: pages))
  }

  /// The options as the engine takes them, or the refusal of what this version lacks.
  private func options(
    _ asked: VarveWire.NamespaceOptions
  ) throws(Refusal) -> VarveEngine.NamespaceOptions {
    try check(quotaBytes: asked.quotaBytes)
    var options = VarveEngine.NamespaceOptions()
    try check(codec: asked.codec)
    if asked.codec == .raw { options.codec = PageCodec.raw }
    try check(description: asked.description)
    try checkTTL(asked.ttlSeconds)
    try check(weight: asked.weight)
    options.weight = asked.weight
    options.pageTokens = asked.pageTokens
    options.pageBytesMax = asked.pageBytesMax
    options.ttlSeconds = asked.ttlSeconds
    options.description = asked.description
    return options
  }

  func check(quotaBytes: UInt64) throws(Refusal) {
    guard quotaBytes == 0 else {
      throw Refusal(
        .unimplemented, "quota_bytes \(quotaBytes) is not supported by this version",
        value: quotaBytes)
    }
  }

  func check(codec: Codec) throws(Refusal) {
    switch codec {
    case .unspecified, .raw: return
    case .planes: throw Refusal(.unimplemented, "codec PLANES is not supported by this version")
    case .unknown(let number):
      throw Refusal(.invalidArgument, "codec \(number) is unknown", value: UInt64(number))
    }
  }

  func check(weight: UInt32) throws(Refusal) {
    guard weight <= Limits.weightMax else {
      throw Refusal(
        .invalidArgument, "weight \(weight) is over the limit of \(Limits.weightMax)",
        limit: "weight_max", limitValue: UInt64(Limits.weightMax), value: UInt64(weight))
    }
  }

  func check(description: String) throws(Refusal) {
    let bytes = description.utf8.count
    guard bytes <= Limits.descriptionBytesMax else {
      throw Refusal(
        .invalidArgument,
        "description has \(bytes) bytes; the limit is \(Limits.descriptionBytesMax)",
        limit: "description_bytes_max", limitValue: UInt64(Limits.descriptionBytesMax),
        value: UInt64(bytes))
    }
  }

  static func info(_ view: NamespaceView) -> NamespaceInfo {
    var options = VarveWire.NamespaceOptions()
    options.pageTokens = view.options.pageTokens
    options.pageBytesMax = view.options.pageBytesMax
    options.ttlSeconds = view.options.ttlSeconds
    options.codec = Codec(wire: UInt32(view.options.codec))
    options.description = view.options.description
    options.weight = max(1, view.options.weight)
    return NamespaceInfo(
      name: view.name, id: view.id, options: options, tenant: view.tenant, pages: view.pages,
      bytes: view.bytes, lookups: view.lookups, pagesAsked: view.pagesAsked,
      pagesHit: view.pagesHit, bytesIn: view.bytesIn, bytesOut: view.bytesOut)
  }
}
