// Admin methods 68 to 71: namespaces by name.

internal import CVarveProto

/// Asks for every namespace of the tenant.
package struct ListNamespacesRequest: WireMessage, Hashable {
  package init() {}
}

extension ListNamespacesRequest: ProtobufMessage {
  static var defaults: ListNamespacesRequest { ListNamespacesRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__ListNamespacesRequest())
    unsafe varve__v1__list_namespaces_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) { self.init() }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {}
}

/// Every namespace of the tenant.
package struct ListNamespacesResponse: WireMessage, Hashable {
  package var namespaces: [NamespaceInfo]

  package init(namespaces: [NamespaceInfo] = []) {
    self.namespaces = namespaces
  }
}

extension ListNamespacesResponse: ProtobufMessage {
  static var defaults: ListNamespacesResponse { ListNamespacesResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__ListNamespacesResponse())
    unsafe varve__v1__list_namespaces_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ListNamespacesResponse.self).pointee
    namespaces = try unsafe ProtobufArray.messages(c.namespaces, c.n_namespaces)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__ListNamespacesResponse.self)
    unsafe c.pointee.namespaces = unsafe arena.messages(namespaces)
    unsafe c.pointee.n_namespaces = namespaces.count
  }
}

/// Names the namespace that is to be cleared or dropped.
package struct NamespaceName: WireMessage, Hashable {
  package var name: String

  package init(name: String = "") {
    self.name = name
  }
}

extension NamespaceName: ProtobufMessage {
  static var defaults: NamespaceName { NamespaceName() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__NamespaceName())
    unsafe varve__v1__namespace_name__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceName.self).pointee
    name = try unsafe ProtobufText.string(c.name)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__NamespaceName.self)
    unsafe c.pointee.name = unsafe arena.text(name)
  }
}

/// Changes the options named in `fields`.
package struct SetNamespaceRequest: WireMessage, Hashable {
  package var name: String
  package var options: NamespaceOptions
  package var fields: [String]

  package init(
    name: String = "",
    options: NamespaceOptions = NamespaceOptions(),
    fields: [String] = []
  ) {
    self.name = name
    self.options = options
    self.fields = fields
  }
}

extension SetNamespaceRequest: ProtobufMessage {
  static var defaults: SetNamespaceRequest { SetNamespaceRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__SetNamespaceRequest())
    unsafe varve__v1__set_namespace_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetNamespaceRequest.self).pointee
    name = try unsafe ProtobufText.string(c.name)
    if let message = unsafe c.options { options = try unsafe NamespaceOptions(at: message) }
    fields = try unsafe ProtobufText.strings(c.fields, c.n_fields)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetNamespaceRequest.self)
    unsafe c.pointee.name = unsafe arena.text(name)
    unsafe c.pointee.options = unsafe arena.message(options)
    unsafe c.pointee.fields = unsafe arena.array(fields.map { unsafe arena.text($0) })
    unsafe c.pointee.n_fields = fields.count
  }
}
