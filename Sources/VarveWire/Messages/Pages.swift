// Cache methods 5 to 9: calls that name pages and move no bytes.

internal import CVarveProto

/// Touch, Pin, Unpin and Delete of a range of a chain; `seconds` is Pin's.
package struct PagesRequest: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var chain: Chain
  package var first: UInt32
  package var count: UInt32
  package var seconds: UInt64

  package init(
    namespaceID: UInt32 = 0,
    chain: Chain = Chain(),
    first: UInt32 = 0,
    count: UInt32 = 0,
    seconds: UInt64 = 0
  ) {
    self.namespaceID = namespaceID
    self.chain = chain
    self.first = first
    self.count = count
    self.seconds = seconds
  }
}

extension PagesRequest: ProtobufMessage {
  static var defaults: PagesRequest { PagesRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PagesRequest())
    unsafe varve__v1__pages_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PagesRequest.self).pointee
    namespaceID = unsafe c.namespace_
    if let message = unsafe c.chain { chain = try unsafe Chain(at: message) }
    first = unsafe c.first
    count = unsafe c.count
    seconds = unsafe c.seconds
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PagesRequest.self)
    unsafe c.pointee.namespace_ = namespaceID
    unsafe c.pointee.chain = unsafe arena.message(chain)
    unsafe c.pointee.first = first
    unsafe c.pointee.count = count
    unsafe c.pointee.seconds = seconds
  }
}

/// How many pages the call affected.
package struct PagesResponse: WireMessage, Hashable {
  package var affected: UInt32

  package init(affected: UInt32 = 0) {
    self.affected = affected
  }
}

extension PagesResponse: ProtobufMessage {
  static var defaults: PagesResponse { PagesResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PagesResponse())
    unsafe varve__v1__pages_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PagesResponse.self).pointee
    affected = unsafe c.affected
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PagesResponse.self)
    unsafe c.pointee.affected = affected
  }
}

/// Whether the daemon read the page again and found it bad itself.
package struct ReportCorruptResponse: WireMessage, Hashable {
  package var confirmed: Bool

  package init(confirmed: Bool = false) {
    self.confirmed = confirmed
  }
}

extension ReportCorruptResponse: ProtobufMessage {
  static var defaults: ReportCorruptResponse { ReportCorruptResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__ReportCorruptResponse())
    unsafe varve__v1__report_corrupt_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ReportCorruptResponse.self).pointee
    confirmed = unsafe c.confirmed != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ReportCorruptResponse.self)
    unsafe c.pointee.confirmed = confirmed ? 1 : 0
  }
}
