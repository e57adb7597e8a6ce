// What a namespace is told and tells: options and information.

internal import CVarveProto

/// Settings of a namespace; 0 and empty mean "the server's default" or "unchanged".
package struct NamespaceOptions: WireMessage, Hashable {
  package var pageTokens: UInt32
  package var pageBytesMax: UInt32
  package var ttlSeconds: UInt64
  package var quotaBytes: UInt64
  package var codec: Codec
  package var description: String
  /// Share beside other namespaces.
  package var weight: UInt32

  package init(
    pageTokens: UInt32 = 0,
    pageBytesMax: UInt32 = 0,
    ttlSeconds: UInt64 = 0,
    quotaBytes: UInt64 = 0,
    codec: Codec = .unspecified,
    description: String = "",
    weight: UInt32 = 0
  ) {
    self.pageTokens = pageTokens
    self.pageBytesMax = pageBytesMax
    self.ttlSeconds = ttlSeconds
    self.quotaBytes = quotaBytes
    self.codec = codec
    self.description = description
    self.weight = weight
  }
}

extension NamespaceOptions: ProtobufMessage {
  static var defaults: NamespaceOptions { NamespaceOptions() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__NamespaceOptions())
    unsafe varve__v1__namespace_options__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceOptions.self).pointee
    pageTokens = unsafe c.page_tokens
    pageBytesMax = unsafe c.page_bytes_max
    ttlSeconds = unsafe c.ttl_seconds
    quotaBytes = unsafe c.quota_bytes
    codec = unsafe Codec(wire: c.codec.rawValue)
    description = try unsafe ProtobufText.string(c.description)
    weight = unsafe c.weight
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceOptions.self)
    unsafe c.pointee.page_tokens = pageTokens
    unsafe c.pointee.page_bytes_max = pageBytesMax
    unsafe c.pointee.ttl_seconds = ttlSeconds
    unsafe c.pointee.quota_bytes = quotaBytes
    unsafe c.pointee.codec = Varve__V1__Codec(rawValue: codec.rawValue)
    unsafe c.pointee.description = unsafe arena.text(description)
    unsafe c.pointee.weight = weight
  }
}

/// A namespace as the server describes it, with its counts since the start.
package struct NamespaceInfo: WireMessage, Hashable {
  package var name: String
  package var id: UInt32
  package var options: NamespaceOptions
  package var tenant: String
  package var pages: UInt64
  package var bytes: UInt64
  package var pinnedBytes: UInt64
  package var lookups: UInt64
  package var pagesAsked: UInt64
  package var pagesHit: UInt64
  package var bytesIn: UInt64
  package var bytesOut: UInt64

  package init(
    name: String = "",
    id: UInt32 = 0,
    options: NamespaceOptions = NamespaceOptions(),
    tenant: String = "",
    pages: UInt64 = 0,
    bytes: UInt64 = 0,
    pinnedBytes: UInt64 = 0,
    lookups: UInt64 = 0,
    pagesAsked: UInt64 = 0,
    pagesHit: UInt64 = 0,
    bytesIn: UInt64 = 0,
    bytesOut: UInt64 = 0
  ) {
    self.name = name
    self.id = id
    self.options = options
    self.tenant = tenant
    self.pages = pages
    self.bytes = bytes
    self.pinnedBytes = pinnedBytes
    self.lookups = lookups
    self.pagesAsked = pagesAsked
    self.pagesHit = pagesHit
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
  }
}

extension NamespaceInfo: ProtobufMessage {
  static var defaults: NamespaceInfo { NamespaceInfo() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__NamespaceInfo())
    unsafe varve__v1__namespace_info__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceInfo.self).pointee
    name = try unsafe ProtobufText.string(c.name)
    id = unsafe c.id
    if let message = unsafe c.options { options = try unsafe NamespaceOptions(at: message) }
    tenant = try unsafe ProtobufText.string(c.tenant)
    pages = unsafe c.pages
    bytes = unsafe c.bytes
    pinnedBytes = unsafe c.pinned_bytes
    lookups = unsafe c.lookups
    pagesAsked = unsafe c.pages_asked
    pagesHit = unsafe c.pages_hit
    bytesIn = unsafe c.bytes_in
    bytesOut = unsafe c.bytes_out
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceInfo.self)
    unsafe c.pointee.name = unsafe arena.text(name)
    unsafe c.pointee.id = id
    unsafe c.pointee.options = unsafe arena.message(options)
    unsafe c.pointee.tenant = unsafe arena.text(tenant)
    unsafe c.pointee.pages = pages
    unsafe c.pointee.bytes = bytes
    unsafe c.pointee.pinned_bytes = pinnedBytes
    unsafe c.pointee.lookups = lookups
    unsafe c.pointee.pages_asked = pagesAsked
    unsafe c.pointee.pages_hit = pagesHit
    unsafe c.pointee.bytes_in = bytesIn
    unsafe c.pointee.bytes_out = bytesOut
  }
}
