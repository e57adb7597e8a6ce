// The calls by number: Cache from 1, Admin from 64, each in the order of its service.

/// A call of `varve.proto` by its number in frames.
package enum Method: UInt16, Hashable, Sendable, CaseIterable {
  // On the wire: never renumber.
  case openNamespace = 1
  case lookup = 2
  case put = 3
  case get = 4
  case touch = 5
  case pin = 6
  case unpin = 7
  case delete = 8
  case reportCorrupt = 9

  case stats = 64
  case compact = 65
  case flush = 66
  case scrub = 67
  case listNamespaces = 68
  case setNamespace = 69
  case clearNamespace = 70
  case dropNamespace = 71
  case tunerStatus = 72
  case tunerHistory = 73
  case setTuner = 74
  case setCapacity = 75
  case drain = 76

  /// The name in the service, for errors, logs and metrics.
  package var name: String { Self.names[place] }

  /// Its place in `allCases`.
  package var place: Int {
    let own = Int(rawValue)
    return own < Self.adminBegin ? own - 1 : own - Self.adminBegin + Self.cacheCount
  }

  private static let adminBegin = Int(Method.stats.rawValue)
  private static let cacheCount = Int(Method.reportCorrupt.rawValue)

  /// By place: making a name of a case costs a microsecond.
  private static let names = allCases.map { method in
    let text = "\(method)"
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  /// Whether DATA frames follow the REQUEST.
  package var takesData: Bool { self == .put }
}
