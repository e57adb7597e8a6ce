// Cache method 2: how much of a chain is stored.

internal import CVarveProto

/// Asks for the run of present pages from `first`.
package struct LookupRequest: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var chain: Chain
  package var first: UInt32
  package var count: UInt32
  package var wantPresent: Bool
  package var exact: Bool
  package var prefetch: Bool

  package init(
    namespaceID: UInt32 = 0,
    chain: Chain = Chain(),
    first: UInt32 = 0,
    count: UInt32 = 0,
    wantPresent: Bool = false,
    exact: Bool = false,
    prefetch: Bool = false
  ) {
    self.namespaceID = namespaceID
    self.chain = chain
    self.first = first
    self.count = count
    self.wantPresent = wantPresent
    self.exact = exact
    self.prefetch = prefetch
  }
}

extension LookupRequest: ProtobufMessage {
  static var defaults: LookupRequest { LookupRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__LookupRequest())
    unsafe varve__v1__lookup_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__LookupRequest.self).pointee
    namespaceID = unsafe c.namespace_
    if let message = unsafe c.chain { chain = try unsafe Chain(at: message) }
    first = unsafe c.first
    count = unsafe c.count
    wantPresent = unsafe c.want_present != 0
    exact = unsafe c.exact != 0
    prefetch = unsafe c.prefetch != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__LookupRequest.self)
    unsafe c.pointee.namespace_ = namespaceID
    unsafe c.pointee.chain = unsafe arena.message(chain)
    unsafe c.pointee.first = first
    unsafe c.pointee.count = count
    unsafe c.pointee.want_present = wantPresent ? 1 : 0
    unsafe c.pointee.exact = exact ? 1 : 0
    unsafe c.pointee.prefetch = prefetch ? 1 : 0
  }
}

/// The length of that run, and a bitmap of every page when it was wanted.
package struct LookupResponse: WireMessage, Hashable {
  package var hitPages: UInt32
  package var hitBytes: UInt64
  package var present: [UInt8]

  package init(hitPages: UInt32 = 0, hitBytes: UInt64 = 0, present: [UInt8] = []) {
    self.hitPages = hitPages
    self.hitBytes = hitBytes
    self.present = present
  }
}

extension LookupResponse: ProtobufMessage {
  static var defaults: LookupResponse { LookupResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__LookupResponse())
    unsafe varve__v1__lookup_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__LookupResponse.self).pointee
    hitPages = unsafe c.hit_pages
    hitBytes = unsafe c.hit_bytes
    present = unsafe ProtobufArray.bytes(c.present)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__LookupResponse.self)
    unsafe c.pointee.hit_pages = hitPages
    unsafe c.pointee.hit_bytes = hitBytes
    unsafe c.pointee.present = unsafe arena.bytes(present)
  }
}
