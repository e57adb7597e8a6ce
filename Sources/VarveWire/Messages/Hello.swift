// The first message of each side.

internal import CVarveProto

/// The client's first message; 0 in a limit means the default.
package struct Hello: WireMessage, Hashable {
  package var versionMin: UInt32
  package var versionMax: UInt32
  package var token: [UInt8]
  package var client: String
  package var features: [String]
  package var maxPayload: UInt64
  package var windowBytes: UInt64

  package init(
    versionMin: UInt32 = 0,
    versionMax: UInt32 = 0,
    token: [UInt8] = [],
    client: String = "",
    features: [String] = [],
    maxPayload: UInt64 = 0,
    windowBytes: UInt64 = 0
  ) {
    self.versionMin = versionMin
    self.versionMax = versionMax
    self.token = token
    self.client = client
    self.features = features
    self.maxPayload = maxPayload
    self.windowBytes = windowBytes
  }
}

extension Hello: ProtobufMessage {
  static var defaults: Hello { Hello() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Hello())
    unsafe varve__v1__hello__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Hello.self).pointee
    versionMin = unsafe c.version_min
    versionMax = unsafe c.version_max
    token = unsafe ProtobufArray.bytes(c.token)
    client = try unsafe ProtobufText.string(c.client)
    features = try unsafe ProtobufText.strings(c.features, c.n_features)
    maxPayload = unsafe c.max_payload
    windowBytes = unsafe c.window_bytes
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Hello.self)
    unsafe c.pointee.version_min = versionMin
    unsafe c.pointee.version_max = versionMax
    unsafe c.pointee.token = unsafe arena.bytes(token)
    unsafe c.pointee.client = unsafe arena.text(client)
    unsafe c.pointee.features = unsafe arena.array(features.map { unsafe arena.text($0) })
    unsafe c.pointee.n_features = features.count
    unsafe c.pointee.max_payload = maxPayload
    unsafe c.pointee.window_bytes = windowBytes
  }
}

/// The server's first message; 0 in a limit means the default.
package struct HelloOk: WireMessage, Hashable {
  package var version: UInt32
  package var features: [String]
  package var maxPayload: UInt64
  package var maxPages: UInt32
  package var windowBytes: UInt64
  package var server: String
  package var bootID: String
  package var maxStreams: UInt32

  package init(
    version: UInt32 = 0,
    features: [String] = [],
    maxPayload: UInt64 = 0,
    maxPages: UInt32 = 0,
    windowBytes: UInt64 = 0,
    server: String = "",
    bootID: String = "",
    maxStreams: UInt32 = 0
  ) {
    self.version = version
    self.features = features
    self.maxPayload = maxPayload
    self.maxPages = maxPages
    self.windowBytes = windowBytes
    self.server = server
    self.bootID = bootID
    self.maxStreams = maxStreams
  }
}

extension HelloOk: ProtobufMessage {
  static var defaults: HelloOk { HelloOk() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__HelloOk())
    unsafe varve__v1__hello_ok__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__HelloOk.self).pointee
    version = unsafe c.version
    features = try unsafe ProtobufText.strings(c.features, c.n_features)
    maxPayload = unsafe c.max_payload
    maxPages = unsafe c.max_pages
    windowBytes = unsafe c.window_bytes
    server = try unsafe ProtobufText.string(c.server)
    bootID = try unsafe ProtobufText.string(c.boot_id)
    maxStreams = unsafe c.max_streams
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__HelloOk.self)
    unsafe c.pointee.version = version
    unsafe c.pointee.features = unsafe arena.array(features.map { unsafe arena.text($0) })
    unsafe c.pointee.n_features = features.count
    unsafe c.pointee.max_payload = maxPayload
    unsafe c.pointee.max_pages = maxPages
    unsafe c.pointee.window_bytes = windowBytes
    unsafe c.pointee.server = unsafe arena.text(server)
    unsafe c.pointee.boot_id = unsafe arena.text(bootID)
    unsafe c.pointee.max_streams = maxStreams
  }
}
