// The HTTP port: one short-lived thread a connection, few at a time, one request each.

internal import Glibc
internal import VarveBase

/// Serves GET and HEAD from one function of the path. Not for strangers: it is bounded, not fast.
package final class HttpServer: Sendable {
  private let listener: Listener
  private let open = Locked(0)
  private let respond: @Sendable (String) -> HttpResponse

  /// Takes the listener over: `close` closes it.
  package init(_ listener: Listener, respond: @escaping @Sendable (String) -> HttpResponse) {
    self.listener = listener
    self.respond = respond
  }

  package var address: ListenAddress { listener.address }

  package func start() {
    listener.start { [self] socket in accept(socket) }
  }

  package func close() { listener.close() }

  private func accept(_ socket: Socket) {
    socket.setTimeouts(
      receiveMillis: Limits.httpReceiveMillis, sendMillis: Limits.httpSendMillis)
    let isRoom = open.withLock { count in
      guard count < Limits.httpConnectionsMax else { return false }
      count += 1
      return true
    }
    let isServed =
      isRoom
      && Thread.start("varve-http") { [self] in
        serve(socket)
        open.withLock { $0 -= 1 }
      }
    if isServed { return }
    if isRoom { open.withLock { $0 -= 1 } }
    let busy = HttpResponse(
      .unavailable, body: "more than \(Limits.httpConnectionsMax) requests at once\n")
    // Fits the socket's empty send buffer, so it does not wait.
    try? socket.send(busy.bytes())
  }

  private func serve(_ socket: Socket) {
    let deadline =
      SystemClock().monotonicNanos() + UInt64(Limits.httpReceiveMillis) * 1_000_000
    var received: [UInt8] = []
    var outcome = HttpRequest.Outcome.incomplete
    while outcome == .incomplete {
      guard SystemClock().monotonicNanos() < deadline else {
        outcome = .refused(.requestTimeout)
        break
      }
      do throws(SocketError) {
        let before = received.count
        try socket.receive(appendingTo: &received)
        if received.count == before { return }
        outcome = HttpRequest.parse(received)
      } catch {
        guard error == .stalled else { return }
        outcome = .refused(.requestTimeout)
      }
    }
    send(outcome, to: socket)
  }

  private func send(_ outcome: HttpRequest.Outcome, to socket: Socket) {
    let bytes: [UInt8]
    switch outcome {
    case .incomplete: return
    case .refused(let status): bytes = HttpResponse(refusing: status).bytes()
    case .request(let request):
      bytes = respond(request.path).bytes(headOnly: request.method == .head)
    }
    do { try socket.send(bytes) } catch { return }
    // Closing with unread bytes would reset the connection and could take the answer with it.
    socket.shutdownSending()
    socket.setTimeouts(receiveMillis: 200, sendMillis: Limits.httpSendMillis)
    var rest: [UInt8] = []
    while rest.count < Limits.httpHeaderBytesMax * 4 {
      let before = rest.count
      do { try socket.receive(appendingTo: &rest) } catch { return }
      if rest.count == before { return }
    }
  }
}
