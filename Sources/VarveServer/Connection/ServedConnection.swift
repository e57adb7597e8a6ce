// What the server knows of a connection, whichever protocol it speaks.

/// Lives in the `ConnectionSet` from accept to its last thread's end.
package protocol ServedConnection: AnyObject, Sendable {
  /// Takes no more calls, finishes those begun, then closes.
  func drain()
  /// Ends the connection now; answers in the making are dropped.
  func kill()
  /// The daemon's phase is another: whoever watches its health is told.
  func phaseChanged()
  /// Calls begun and not answered, but for Drain, which waits for the others.
  var callsInFlight: Int { get }
}

extension Connection: ServedConnection {
  /// Frames carry no health.
  package func phaseChanged() {}
}
