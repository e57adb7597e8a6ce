// SetNamespace: which options a request names, and what each may become.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  /// Changes the options that `fields` names; without `fields`, those that are not 0 or empty.
  /// Blocks until synced.
  package func setNamespace(_ request: SetNamespaceRequest) throws(Refusal) -> NamespaceInfo {
    let change = try change(request)
    let view = try refusing { () throws(EngineError) in
      try engine.setNamespace(name: request.name, change)
    }
    return Self.info(view)
  }

  private static let optionNames = [
    "page_tokens", "page_bytes_max", "ttl_seconds", "quota_bytes", "codec", "description",
    "weight",
  ]

  private func change(_ request: SetNamespaceRequest) throws(Refusal) -> NamespaceChange {
    for field in request.fields where !Self.optionNames.contains(field) {
      throw Refusal(
        .invalidArgument,
        "fields names \"\(field.prefix(64))\"; an option is one of "
          + Self.optionNames.joined(separator: ", "))
    }
    let options = request.options
    func names(_ option: String, isSet: Bool) -> Bool {
      request.fields.isEmpty ? isSet : request.fields.contains(option)
    }
    var change = NamespaceChange()
    if names("page_tokens", isSet: options.pageTokens != 0) {
      change.pageTokens = options.pageTokens
    }
    if names("page_bytes_max", isSet: options.pageBytesMax != 0) {
      change.pageBytesMax = options.pageBytesMax
    }
    if names("ttl_seconds", isSet: options.ttlSeconds != 0) {
      try checkTTL(options.ttlSeconds)
      change.ttlSeconds = options.ttlSeconds
    }
    if names("weight", isSet: options.weight != 0) {
      try check(weight: options.weight)
      change.weight = options.weight
    }
    if names("description", isSet: !options.description.isEmpty) {
      try check(description: options.description)
      change.description = options.description
    }
    // What every namespace has already may be asked for: no quota, pages at rest as they came.
    if names("quota_bytes", isSet: options.quotaBytes != 0) {
      try check(quotaBytes: options.quotaBytes)
    }
    if names("codec", isSet: options.codec != .unspecified) { try check(codec: options.codec) }
    return change
  }
}
