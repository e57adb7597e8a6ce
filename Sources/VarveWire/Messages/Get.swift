// Cache method 4: the request, and the runs in which frames answer it.

internal import CVarveProto

/// Asks for the bytes of a range of a chain.
package struct GetRequest: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var chain: Chain
  package var first: UInt32
  package var count: UInt32
  package var sparse: Bool

  package init(
    namespaceID: UInt32 = 0,
    chain: Chain = Chain(),
    first: UInt32 = 0,
    count: UInt32 = 0,
    sparse: Bool = false
  ) {
    self.namespaceID = namespaceID
    self.chain = chain
    self.first = first
    self.count = count
    self.sparse = sparse
  }
}

extension GetRequest: ProtobufMessage {
  static var defaults: GetRequest { GetRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__GetRequest())
    unsafe varve__v1__get_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__GetRequest.self).pointee
    namespaceID = unsafe c.namespace_
    if let message = unsafe c.chain { chain = try unsafe Chain(at: message) }
    first = unsafe c.first
    count = unsafe c.count
    sparse = unsafe c.sparse != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__GetRequest.self)
    unsafe c.pointee.namespace_ = namespaceID
    unsafe c.pointee.chain = unsafe arena.message(chain)
    unsafe c.pointee.first = first
    unsafe c.pointee.count = count
    unsafe c.pointee.sparse = sparse ? 1 : 0
  }
}

/// Describes the pages whose bytes follow, in order. The number of pages is the number of
/// checksums; one `pageBytes` means all alike; an empty `status` means all PRESENT.
package struct PageRun: WireMessage, Hashable {
  package var first: UInt32
  package var pageBytes: [UInt32]
  package var checksum: [UInt64]
  package var status: [PageStatus]

  package init(
    first: UInt32 = 0,
    pageBytes: [UInt32] = [],
    checksum: [UInt64] = [],
    status: [PageStatus] = []
  ) {
    self.first = first
    self.pageBytes = pageBytes
    self.checksum = checksum
    self.status = status
  }
}

extension PageRun: ProtobufMessage {
  static var defaults: PageRun { PageRun() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PageRun())
    unsafe varve__v1__page_run__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PageRun.self).pointee
    first = unsafe c.first
    pageBytes = unsafe ProtobufArray.numbers(c.page_bytes, c.n_page_bytes)
    checksum = unsafe ProtobufArray.numbers(c.checksum, c.n_checksum)
    status = unsafe ProtobufArray.numbers(c.status, c.n_status).map {
      PageStatus(wire: $0.rawValue)
    }
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PageRun.self)
    unsafe c.pointee.first = first
    unsafe c.pointee.page_bytes = unsafe arena.array(pageBytes)
    unsafe c.pointee.n_page_bytes = pageBytes.count
    unsafe c.pointee.checksum = unsafe arena.array(checksum)
    unsafe c.pointee.n_checksum = checksum.count
    unsafe c.pointee.status = unsafe arena.array(
      status.map { Varve__V1__PageStatus(rawValue: $0.rawValue) })
    unsafe c.pointee.n_status = status.count
  }
}
