// Cache method 3: what precedes the bytes of pages, and what became of each page.

internal import CVarveProto

/// Describes `count` pages whose bytes follow in DATA frames (all, or with `ask` those needed).
package struct PutHeader: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var chain: Chain
  package var first: UInt32
  package var count: UInt32
  package var pageBytes: [UInt32]
  package var checksum: [UInt64]
  package var durable: Bool
  package var ttlSeconds: UInt64
  package var ask: Bool

  package init(
    namespaceID: UInt32 = 0,
    chain: Chain = Chain(),
    first: UInt32 = 0,
    count: UInt32 = 0,
    pageBytes: [UInt32] = [],
    checksum: [UInt64] = [],
    durable: Bool = false,
    ttlSeconds: UInt64 = 0,
    ask: Bool = false
  ) {
    self.namespaceID = namespaceID
    self.chain = chain
    self.first = first
    self.count = count
    self.pageBytes = pageBytes
    self.checksum = checksum
    self.durable = durable
    self.ttlSeconds = ttlSeconds
    self.ask = ask
  }
}

extension PutHeader: ProtobufMessage {
  static var defaults: PutHeader { PutHeader() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PutHeader())
    unsafe varve__v1__put_header__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutHeader.self).pointee
    namespaceID = unsafe c.namespace_
    if let message = unsafe c.chain { chain = try unsafe Chain(at: message) }
    first = unsafe c.first
    count = unsafe c.count
    pageBytes = unsafe ProtobufArray.numbers(c.page_bytes, c.n_page_bytes)
    checksum = unsafe ProtobufArray.numbers(c.checksum, c.n_checksum)
    durable = unsafe c.durable != 0
    ttlSeconds = unsafe c.ttl_seconds
    ask = unsafe c.ask != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutHeader.self)
    unsafe c.pointee.namespace_ = namespaceID
    unsafe c.pointee.chain = unsafe arena.message(chain)
    unsafe c.pointee.first = first
    unsafe c.pointee.count = count
    unsafe c.pointee.page_bytes = unsafe arena.array(pageBytes)
    unsafe c.pointee.n_page_bytes = pageBytes.count
    unsafe c.pointee.checksum = unsafe arena.array(checksum)
    unsafe c.pointee.n_checksum = checksum.count
    unsafe c.pointee.durable = durable ? 1 : 0
    unsafe c.pointee.ttl_seconds = ttlSeconds
    unsafe c.pointee.ask = ask ? 1 : 0
  }
}

/// One status for each page of the header.
package struct PutResult: WireMessage, Hashable {
  package var status: [PageStatus]

  package init(status: [PageStatus] = []) {
    self.status = status
  }
}

extension PutResult: ProtobufMessage {
  static var defaults: PutResult { PutResult() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PutResult())
    unsafe varve__v1__put_result__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutResult.self).pointee
    status = unsafe ProtobufArray.numbers(c.status, c.n_status).map {
      PageStatus(wire: $0.rawValue)
    }
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutResult.self)
    unsafe c.pointee.status = unsafe arena.array(
      status.map { Varve__V1__PageStatus(rawValue: $0.rawValue) })
    unsafe c.pointee.n_status = status.count
  }
}
