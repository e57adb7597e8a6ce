// Any bytes as any message: refused, or decoded to what encodes to bytes that decode to the same.

import VarveBase
import VarveWire

enum MessageFuzz {
  static let types: [any WireMessage.Type] = [
    Chain.self, NamespaceOptions.self, NamespaceInfo.self, OpenNamespaceRequest.self,
    OpenNamespaceResponse.self, LookupRequest.self, LookupResponse.self, PutHeader.self,
    PutResult.self, PutResponse.self, GetRequest.self, PageRun.self, PagesRequest.self,
    PagesResponse.self, ReportCorruptRequest.self, ReportCorruptResponse.self, StatsRequest.self,
    StatsResponse.self, Level.self, SegmentInfo.self, Latency.self, Progress.self,
    CompactRequest.self, FlushRequest.self, FlushResponse.self, ScrubRequest.self,
    ListNamespacesRequest.self, ListNamespacesResponse.self, NamespaceName.self,
    SetNamespaceRequest.self, Knob.self, TunerStatusRequest.self, TunerStatusResponse.self,
    TunerHistoryRequest.self, TunerHistoryResponse.self, TunerDecision.self, SetTunerRequest.self,
    SetCapacityRequest.self, SetCapacityResponse.self, DrainRequest.self, DrainResponse.self,
    Hello.self, HelloOk.self, Window.self, Problem.self,
  ]

  /// The names of all messages that can be chosen.
  static var names: [String] { types.map { "\($0)" } + GrpcBodies.handmade.map(\.name) }

  /// The first byte chooses the message.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let choice = Int(input.byte()) % (types.count + GrpcBodies.handmade.count)
    if choice < types.count {
      decode(types[choice], input.rest())
    } else {
      GrpcBodies.handmade[choice - types.count].run(input.rest())
    }
  }

  private static func decode<Message: WireMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
    let message: Message
    do throws(WireError) { message = try Message(decoding: bytes.rawSpan) } catch { return }
    let once = message.encode()
    do throws(WireError) {
      let again = try Message(decoding: once.rawSpan)
      demand(again.encode() == once, "\(type) encodes to something else the second time")
    } catch {
      demand(false, "\(type) encodes to what it refuses: \(error)")
    }
    use(message)
  }

  /// The steps behind decoding that work on counts and lengths of the client.
  private static func use(_ message: some WireMessage) {
    do throws(WireError) {
      switch message {
      case let chain as Chain: _ = try chain.resolve(pagesMax: 1024)
      case let run as PageRun: _ = try run.pages()
      case let request as GetRequest:
        _ = try Chain.range(
          first: request.first, count: request.count, of: request.chain.pageCount)
      default: break
      }
    } catch {}
  }
}
