// TEMPORARY, as EngineAPI.swift.
internal import Dispatch
enum StandInPool {
  static let queue = DispatchQueue(label: "stand-in", attributes: .concurrent)
  static func run(_ job: @escaping @Sendable () -> Void) { queue.async { job() } }
}
