// grpc.health.v1: whether the daemon serves, asked once or watched.

internal import VarveBase
internal import VarveWire

extension GrpcConnection {
  /// What is said of a service now; nil when there is none of this name.
  func health(_ service: String) -> GrpcHealth.Status? {
    guard GrpcHealth.services.contains(service) else { return nil }
    return phase.current == .ready ? .serving : .notServing
  }

  func checkHealth(_ stream: Int32, _ message: [UInt8]) throws(Refusal) {
    let service = try Self.service(message)
    guard let status = health(service) else {
      throw Refusal(.notFound, "service \(service.prefix(200)) is unknown")
    }
    answer(stream, GrpcHealth.response(status))
  }

  /// Says what is, and again whenever it changes; an unknown service may become known, says the
  /// specification, so its watch stays open too.
  func watchHealth(_ stream: Int32, _ message: [UInt8]) throws(Refusal) {
    let service = try Self.service(message)
    let status = health(service) ?? .serviceUnknown
    state.update { $0.streams[stream]?.watch = (service, status) }
    _ = answerPart(stream, GrpcHealth.response(status))
    // It may have changed between the look and the note.
    phaseChanged()
  }

  func phaseChanged() {
    let news = state.update { state -> [(Int32, GrpcHealth.Status)] in
      var news: [(Int32, GrpcHealth.Status)] = []
      for (stream, call) in state.streams {
        guard let watch = call.watch, let now = health(watch.service), now != watch.said else {
          continue
        }
        state.streams[stream]?.watch?.said = now
        news.append((stream, now))
      }
      return news
    }
    for (stream, status) in news { _ = answerPart(stream, GrpcHealth.response(status)) }
  }

  private static func service(_ message: [UInt8]) throws(Refusal) -> String {
    do throws(GrpcError) {
      return try GrpcHealth.service(message)
    } catch {
      throw Refusal(error.problem)
    }
  }
}
