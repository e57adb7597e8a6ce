// Admin method 73: the tuner's decisions.

internal import CVarveProto

/// Asks for the last decisions; 0 means all that are kept.
package struct TunerHistoryRequest: WireMessage, Hashable {
  package var last: UInt32

  package init(last: UInt32 = 0) {
    self.last = last
  }
}

extension TunerHistoryRequest: ProtobufMessage {
  static var defaults: TunerHistoryRequest { TunerHistoryRequest() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__TunerHistoryRequest())
    unsafe varve__v1__tuner_history_request__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerHistoryRequest.self).pointee
    last = unsafe c.last
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerHistoryRequest.self)
    unsafe c.pointee.last = last
  }
}

/// Decisions, newest first.
package struct TunerHistoryResponse: WireMessage, Hashable {
  package var decisions: [TunerDecision]

  package init(decisions: [TunerDecision] = []) {
    self.decisions = decisions
  }
}

extension TunerHistoryResponse: ProtobufMessage {
  static var defaults: TunerHistoryResponse { TunerHistoryResponse() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__TunerHistoryResponse())
    unsafe varve__v1__tuner_history_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerHistoryResponse.self).pointee
    decisions = try unsafe ProtobufArray.messages(c.decisions, c.n_decisions)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerHistoryResponse.self)
    unsafe c.pointee.decisions = unsafe arena.messages(decisions)
    unsafe c.pointee.n_decisions = decisions.count
  }
}

/// One move of a knob, what it promised and what came of it.
package struct TunerDecision: WireMessage, Hashable {
  package var id: UInt64
  package var atUnix: Double
  package var knob: String
  package var from: Double
  package var to: Double
  package var predictedGain: Double
  package var measuredGain: Double
  package var verdict: String
  package var reason: String

  package init(
    id: UInt64 = 0,
    atUnix: Double = 0,
    knob: String = "",
    from: Double = 0,
    to: Double = 0,
    predictedGain: Double = 0,
    measuredGain: Double = 0,
    verdict: String = "",
    reason: String = ""
  ) {
    self.id = id
    self.atUnix = atUnix
    self.knob = knob
    self.from = from
    self.to = to
    self.predictedGain = predictedGain
    self.measuredGain = measuredGain
    self.verdict = verdict
    self.reason = reason
  }
}

extension TunerDecision: ProtobufMessage {
  static var defaults: TunerDecision { TunerDecision() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__TunerDecision())
    unsafe varve__v1__tuner_decision__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerDecision.self).pointee
    id = unsafe c.id
    atUnix = unsafe c.at_unix
    knob = try unsafe ProtobufText.string(c.knob)
    from = unsafe c.from
    to = unsafe c.to
    predictedGain = unsafe c.predicted_gain
    measuredGain = unsafe c.measured_gain
    verdict = try unsafe ProtobufText.string(c.verdict)
    reason = try unsafe ProtobufText.string(c.reason)
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__TunerDecision.self)
    unsafe c.pointee.id = id
    unsafe c.pointee.at_unix = atUnix
    unsafe c.pointee.knob = unsafe arena.text(knob)
    unsafe c.pointee.from = from
    unsafe c.pointee.to = to
    unsafe c.pointee.predicted_gain = predictedGain
    unsafe c.pointee.measured_gain = measuredGain
    unsafe c.pointee.verdict = unsafe arena.text(verdict)
    unsafe c.pointee.reason = unsafe arena.text(reason)
  }
}
