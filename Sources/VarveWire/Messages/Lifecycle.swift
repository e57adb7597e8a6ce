// Admin methods 75 and 76: capacity and draining.

internal import CVarveProto

/// Sets the bound of the data directory in bytes.
package struct SetCapacityRequest: WireMessage, Hashable {
  package var capacityBytes: UInt64

  package init(capacityBytes: UInt64 = 0) {
    self.capacityBytes = capacityBytes
  }
}

extension SetCapacityRequest: ProtobufMessage {
  static var defaults: SetCapacityRequest { SetCapacityRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__SetCapacityRequest())
    unsafe varve__v1__set_capacity_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetCapacityRequest.self).pointee
    capacityBytes = unsafe c.capacity_bytes
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetCapacityRequest.self)
    unsafe c.pointee.capacity_bytes = capacityBytes
  }
}

/// The bound in force and the bytes in use.
package struct SetCapacityResponse: WireMessage, Hashable {
  package var capacityBytes: UInt64
  package var diskBytes: UInt64

  package init(capacityBytes: UInt64 = 0, diskBytes: UInt64 = 0) {
    self.capacityBytes = capacityBytes
    self.diskBytes = diskBytes
  }
}

extension SetCapacityResponse: ProtobufMessage {
  static var defaults: SetCapacityResponse { SetCapacityResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__SetCapacityResponse())
    unsafe varve__v1__set_capacity_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetCapacityResponse.self).pointee
    capacityBytes = unsafe c.capacity_bytes
    diskBytes = unsafe c.disk_bytes
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetCapacityResponse.self)
    unsafe c.pointee.capacity_bytes = capacityBytes
    unsafe c.pointee.disk_bytes = diskBytes
  }
}

/// Asks the daemon to finish what has begun and take no more.
package struct DrainRequest: WireMessage, Hashable {
  package var timeoutSeconds: UInt32

  package init(timeoutSeconds: UInt32 = 0) {
    self.timeoutSeconds = timeoutSeconds
  }
}

extension DrainRequest: ProtobufMessage {
  static var defaults: DrainRequest { DrainRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__DrainRequest())
    unsafe varve__v1__drain_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__DrainRequest.self).pointee
    timeoutSeconds = unsafe c.timeout_seconds
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__DrainRequest.self)
    unsafe c.pointee.timeout_seconds = timeoutSeconds
  }
}

/// Whether nothing is in flight any more.
package struct DrainResponse: WireMessage, Hashable {
  package var drained: Bool
  package var inFlight: UInt64

  package init(drained: Bool = false, inFlight: UInt64 = 0) {
    self.drained = drained
    self.inFlight = inFlight
  }
}

extension DrainResponse: ProtobufMessage {
  static var defaults: DrainResponse { DrainResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__DrainResponse())
    unsafe varve__v1__drain_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__DrainResponse.self).pointee
    drained = unsafe c.drained != 0
    inFlight = unsafe c.in_flight
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__DrainResponse.self)
    unsafe c.pointee.drained = drained ? 1 : 0
    unsafe c.pointee.in_flight = inFlight
  }
}
