// Admin methods 72 to 74: what the tuner does and may do.

internal import CVarveProto

/// Asks for the tuner's state.
package struct TunerStatusRequest: WireMessage, Hashable {
  package init() {}
}

extension TunerStatusRequest: ProtobufMessage {
  static var defaults: TunerStatusRequest { TunerStatusRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__TunerStatusRequest())
    unsafe varve__v1__tuner_status_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) { self.init() }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {}
}

/// Mode, knobs and the window of operations the tuner sees.
package struct TunerStatusResponse: WireMessage, Hashable {
  package var mode: String
  package var knobs: [Knob]
  package var window: [String: Double]
  package var drift: Double

  package init(
    mode: String = "",
    knobs: [Knob] = [],
    window: [String: Double] = [:],
    drift: Double = 0
  ) {
    self.mode = mode
    self.knobs = knobs
    self.window = window
    self.drift = drift
  }
}

extension TunerStatusResponse: ProtobufMessage {
  static var defaults: TunerStatusResponse { TunerStatusResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__TunerStatusResponse())
    unsafe varve__v1__tuner_status_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerStatusResponse.self).pointee
    mode = try unsafe ProtobufText.string(c.mode)
    knobs = try unsafe ProtobufArray.messages(c.knobs, c.n_knobs)
    for index in 0..<(unsafe c.n_window) {
      guard let entry = unsafe c.window[index] else { continue }
      window[try unsafe ProtobufText.string(entry.pointee.key)] = unsafe entry.pointee.value
    }
    drift = unsafe c.drift
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerStatusResponse.self)
    unsafe c.pointee.mode = unsafe arena.text(mode)
    unsafe c.pointee.knobs = unsafe arena.messages(knobs)
    unsafe c.pointee.n_knobs = knobs.count
    var entries: [UnsafeMutablePointer<Varve__V1__TunerStatusResponse__WindowEntry>?] = unsafe []
    for (key, value) in window.sorted(by: { $0.key < $1.key }) {
      let entry = unsafe arena.place(Varve__V1__TunerStatusResponse__WindowEntry())
      unsafe varve__v1__tuner_status_response__window_entry__init(entry)
      unsafe entry.pointee.key = unsafe arena.text(key)
      unsafe entry.pointee.value = value
      unsafe entries.append(entry)
    }
    unsafe c.pointee.window = unsafe arena.array(entries)
    unsafe c.pointee.n_window = unsafe entries.count
    unsafe c.pointee.drift = drift
  }
}

/// One setting with its bounds and why it stands where it stands.
package struct Knob: WireMessage, Hashable {
  package var name: String
  package var value: Double
  package var min: Double
  package var max: Double
  package var manual: Bool
  package var reason: String

  package init(
    name: String = "",
    value: Double = 0,
    min: Double = 0,
    max: Double = 0,
    manual: Bool = false,
    reason: String = ""
  ) {
    self.name = name
    self.value = value
    self.min = min
    self.max = max
    self.manual = manual
    self.reason = reason
  }
}

extension Knob: ProtobufMessage {
  static var defaults: Knob { Knob() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Knob())
    unsafe varve__v1__knob__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Knob.self).pointee
    name = try unsafe ProtobufText.string(c.name)
    value = unsafe c.value
    min = unsafe c.min
    max = unsafe c.max
    manual = unsafe c.manual != 0
    reason = try unsafe ProtobufText.string(c.reason)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Knob.self)
    unsafe c.pointee.name = unsafe arena.text(name)
    unsafe c.pointee.value = value
    unsafe c.pointee.min = min
    unsafe c.pointee.max = max
    unsafe c.pointee.manual = manual ? 1 : 0
    unsafe c.pointee.reason = unsafe arena.text(reason)
  }
}

/// Sets the mode, pins knobs by hand, or gives them back.
package struct SetTunerRequest: WireMessage, Hashable {
  package var mode: String
  package var manual: [String: Double]
  package var automatic: [String]

  package init(mode: String = "", manual: [String: Double] = [:], automatic: [String] = []) {
    self.mode = mode
    self.manual = manual
    self.automatic = automatic
  }
}

extension SetTunerRequest: ProtobufMessage {
  static var defaults: SetTunerRequest { SetTunerRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__SetTunerRequest())
    unsafe varve__v1__set_tuner_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetTunerRequest.self).pointee
    mode = try unsafe ProtobufText.string(c.mode)
    for index in 0..<(unsafe c.n_manual) {
      guard let entry = unsafe c.manual[index] else { continue }
      manual[try unsafe ProtobufText.string(entry.pointee.key)] = unsafe entry.pointee.value
    }
    automatic = try unsafe ProtobufText.strings(c.automatic, c.n_automatic)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__SetTunerRequest.self)
    unsafe c.pointee.mode = unsafe arena.text(mode)
    var entries: [UnsafeMutablePointer<Varve__V1__SetTunerRequest__ManualEntry>?] = unsafe []
    for (key, value) in manual.sorted(by: { $0.key < $1.key }) {
      let entry = unsafe arena.place(Varve__V1__SetTunerRequest__ManualEntry())
      unsafe varve__v1__set_tuner_request__manual_entry__init(entry)
      unsafe entry.pointee.key = unsafe arena.text(key)
      unsafe entry.pointee.value = value
      unsafe entries.append(entry)
    }
    unsafe c.pointee.manual = unsafe arena.array(entries)
    unsafe c.pointee.n_manual = unsafe entries.count
    unsafe c.pointee.automatic = unsafe arena.array(automatic.map { unsafe arena.text($0) })
    unsafe c.pointee.n_automatic = automatic.count
  }
}
