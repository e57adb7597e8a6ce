// Puts: page bytes from where they were received into the engine's memory, one copy, no message
// around them.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcReader {
  /// Works on bytes of a put's body.
  func receivePut(
    _ stream: Int32, _ before: GrpcPutReader, _ putBefore: GrpcPut?,
    _ bytes: UnsafeRawBufferPointer
  ) throws(Refusal) -> Body {
    var (reader, put) = (before, putBefore)
    var offset = 0
    while let step = try unsafe Self.step(&reader, bytes, &offset) {
      switch step {
      case .header(let header):
        guard put == nil else {
          throw Refusal(.invalidArgument, "a second PutHeader; a put has one, before its data")
        }
        let begun = try beginPut(stream, header)
        guard let begun else { return .nobody }
        put = begun
      case .piece(let page, let offset, let count):
        guard let put else {
          throw Refusal(.invalidArgument, "PutData before the PutHeader; send the header first")
        }
        try put.begin(page: page, offset: offset, count: count)
      case .held(let held): unsafe held.withUnsafeBytes { unsafe put?.take($0) }
      case .bytes(let range): unsafe put?.take(UnsafeRawBufferPointer(rebasing: bytes[range]))
      }
    }
    guard reserve(reader.collectingBytes, for: stream) else {
      throw tooMuch(reader.collectingBytes)
    }
    return .put(reader, put)
  }

  private static func step(
    _ reader: inout GrpcPutReader, _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
  ) throws(Refusal) -> GrpcPutReader.Step? {
    do throws(GrpcError) {
      return try unsafe reader.next(bytes, from: &offset)
    } catch {
      throw Refusal(error.problem)
    }
  }

  /// nil: nothing is needed, and the result was given at once.
  private func beginPut(_ stream: Int32, _ header: PutHeader) throws(Refusal) -> GrpcPut? {
    let context = connection.context(of: stream)
    let held = connection.state.peek { state in
      state.streams.values.reduce(0) { $0 + ($1.put?.bufferBytes ?? 0) }
    }
    let put = GrpcPut(try openCalls().put(header, context, held: held), header)
    let isKept = connection.state.update { state in
      guard state.isOpen(stream) else { return false }
      state.streams[stream]?.put = put
      return true
    }
    guard isKept else {
      put.abandon()
      return nil
    }
    guard put.isAsk else { return put }
    _ = connection.answerPart(stream, PutResponse.need(put.need).encode())
    guard put.isNothingNeeded else { return put }
    finish(stream, put)
    return nil
  }

  /// The client's side of a put is over.
  func finishPut(_ stream: Int32, _ reader: GrpcPutReader, _ put: GrpcPut?) throws(Refusal) {
    guard let put else {
      throw Refusal(.invalidArgument, "the put ended without a PutHeader")
    }
    guard reader.isBetween else {
      put.abandon()
      throw Refusal(.invalidArgument, "the put ended within a message")
    }
    finish(stream, put)
  }

  private func finish(_ stream: Int32, _ put: GrpcPut) {
    connection.state.update { $0.streams[stream]?.put = nil }
    put.finish { [connection] outcomes in
      let statuses = outcomes.map { PageStatus(wire: UInt32($0.rawValue)) }
      connection.answer(stream, PutResponse.result(statuses).encode())
    }
  }
}
