// Cache method 9: a client saw bytes that do not match their checksum.

internal import CVarveProto
package import VarveBase

/// Names the page, the checksum that was sent with it and the one that was found.
package struct ReportCorruptRequest: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var pageID: PageID
  package var expected: UInt64
  package var found: UInt64

  package init(
    namespaceID: UInt32 = 0, pageID: PageID = .zero, expected: UInt64 = 0, found: UInt64 = 0
  ) {
    self.namespaceID = namespaceID
    self.pageID = pageID
    self.expected = expected
    self.found = found
  }
}

extension ReportCorruptRequest: ProtobufMessage {
  static var defaults: ReportCorruptRequest { ReportCorruptRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__ReportCorruptRequest())
    unsafe varve__v1__report_corrupt_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ReportCorruptRequest.self).pointee
    guard unsafe c.page_id.len == PageID.byteCount,
      let id = unsafe ProtobufArray.ids(c.page_id).first
    else {
      throw .invalid(
        field: "page_id bytes", value: unsafe UInt64(c.page_id.len), rule: "an id has 32")
    }
    namespaceID = unsafe c.namespace_
    pageID = id
    expected = unsafe c.expected
    found = unsafe c.found
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ReportCorruptRequest.self)
    unsafe c.pointee.namespace_ = namespaceID
    unsafe c.pointee.page_id = unsafe arena.ids([pageID])
    unsafe c.pointee.expected = expected
    unsafe c.pointee.found = found
  }
}
