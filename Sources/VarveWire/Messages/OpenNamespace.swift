// Cache method 1: name to id.

internal import CVarveProto

/// Creates the namespace unless it is there; with `mustExist` it is only looked for.
package struct OpenNamespaceRequest: WireMessage, Hashable {
  package var name: String
  package var options: NamespaceOptions
  package var mustExist: Bool

  package init(
    name: String = "",
    options: NamespaceOptions = NamespaceOptions(),
    mustExist: Bool = false
  ) {
    self.name = name
    self.options = options
    self.mustExist = mustExist
  }
}

extension OpenNamespaceRequest: ProtobufMessage {
  static var defaults: OpenNamespaceRequest { OpenNamespaceRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__OpenNamespaceRequest())
    unsafe varve__v1__open_namespace_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__OpenNamespaceRequest.self).pointee
    name = try unsafe ProtobufText.string(c.name)
    if let message = unsafe c.options { options = try unsafe NamespaceOptions(at: message) }
    mustExist = unsafe c.must_exist != 0
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__OpenNamespaceRequest.self)
    unsafe c.pointee.name = unsafe arena.text(name)
    unsafe c.pointee.options = unsafe arena.message(options)
    unsafe c.pointee.must_exist = mustExist ? 1 : 0
  }
}

/// The id by which every other call names the namespace.
package struct OpenNamespaceResponse: WireMessage, Hashable {
  package var namespaceID: UInt32
  package var created: Bool
  package var info: NamespaceInfo

  package init(
    namespaceID: UInt32 = 0,
    created: Bool = false,
    info: NamespaceInfo = NamespaceInfo()
  ) {
    self.namespaceID = namespaceID
    self.created = created
    self.info = info
  }
}

extension OpenNamespaceResponse: ProtobufMessage {
  static var defaults: OpenNamespaceResponse { OpenNamespaceResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__OpenNamespaceResponse())
    unsafe varve__v1__open_namespace_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__OpenNamespaceResponse.self).pointee
    namespaceID = unsafe c.namespace_id
    created = unsafe c.created != 0
    if let message = unsafe c.info { info = try unsafe NamespaceInfo(at: message) }
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__OpenNamespaceResponse.self)
    unsafe c.pointee.namespace_id = namespaceID
    unsafe c.pointee.created = created ? 1 : 0
    unsafe c.pointee.info = unsafe arena.message(info)
  }
}
