// The messages that Varve reads and writes by hand, because pages must not pass through an unpacked
// message, held against protobuf-c's own reading of the same bytes.
// Unsafe: protobuf-c's structs, freed where they were made.

import CProtobufC
import CVarveProto
import VarveBase
import VarveWire

enum GrpcBodies {
  /// Beside `MessageFuzz.types`: what has no type there, and how it is driven.
  static let handmade: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
    ("PutRequest", { putRequest($0) }),
    ("PutData", { putRequest(field(2, $0)) }),
    ("GetResponse", { getResponse($0) }),
    ("HealthCheckRequest", { _ = try? GrpcHealth.service($0) }),
    ("ServerReflectionRequest", { reflection($0) }),
  ]

  // MARK: Puts

  /// What a PutRequest says: nothing, a header's bytes, or a piece.
  private enum Said: Equatable {
    case nothing
    case header(PutHeader)
    case piece(page: UInt32, offset: UInt32, bytes: [UInt8])
  }

  private static func putRequest(_ message: [UInt8]) {
    guard let ours = read(message), let theirs = unpacked(message) else { return }
    demand(ours == theirs, "protobuf-c reads \(theirs), the reader \(ours)")
  }

  /// The reader's view, the message cut into single bytes; nil when it refuses.
  private static func read(_ message: [UInt8]) -> Said? {
    var reader = GrpcPutReader()
    var said = Said.nothing
    do throws(GrpcError) {
      for byte in GrpcMessageReader.framed(message) {
        var offset = 0
        while let step = try step(&reader, [byte], &offset) {
          switch (step, said) {
          case (.header(let header), .nothing): said = .header(header)
          case (.piece(let page, let at, _), .nothing):
            said = .piece(page: page, offset: at, bytes: [])
          case (.held(let more), .piece(let page, let at, let bytes)):
            said = .piece(page: page, offset: at, bytes: bytes + more)
          case (.bytes, .piece(let page, let at, let bytes)):
            said = .piece(page: page, offset: at, bytes: bytes + [byte])
          default: demand(false, "a put's message says \(step) behind \(said)")
          }
        }
      }
    } catch {
      return nil
    }
    demand(reader.isBetween, "a whole message is not over")
    return said
  }

  private static func unpacked(_ message: [UInt8]) -> Said? {
    guard let request = unsafe varve__v1__put_request__unpack(nil, message.count, message) else {
      return nil
    }
    defer { unsafe varve__v1__put_request__free_unpacked(request, nil) }
    switch unsafe request.pointee.part_case {
    case VARVE__V1__PUT_REQUEST__PART_HEADER:
      guard let header = unsafe request.pointee.header else { return nil }
      let count = unsafe varve__v1__put_header__get_packed_size(header)
      var packed = [UInt8](repeating: 0, count: count)
      unsafe packed.withUnsafeMutableBufferPointer {
        _ = unsafe varve__v1__put_header__pack(header, $0.baseAddress)
      }
      return (try? PutHeader(decoding: packed.rawSpan)).map { .header($0) }
    case VARVE__V1__PUT_REQUEST__PART_DATA:
      guard let data = unsafe request.pointee.data else { return nil }
      let bytes = unsafe data.pointee.bytes
      return unsafe .piece(
        page: data.pointee.page, offset: data.pointee.offset,
        bytes: Array(UnsafeBufferPointer(start: bytes.data, count: bytes.len)))
    default: return .nothing
    }
  }

  // MARK: Gets

  /// Numbers and a piece out of the input; the message made of them must say them.
  private static func getResponse(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let (page, size, offset) = (input.number(), input.number(), input.number())
    let checksum = UInt64(input.number()) << 32 | UInt64(input.number())
    let piece = input.rest()
    guard let last = piece.last else {
      let status = PageStatus(wire: page % 16)
      let (_, found) = response(GrpcGetMessage.without(page: size, status: status))
      return demand(found == [UInt64(size), 0, 0, 0, UInt64(status.rawValue)], "\(found)")
    }
    let head = GrpcGetMessage.head(
      page: page, pageBytes: size, checksum: checksum, offset: offset, count: piece.count)
    let (got, found) = response(head + piece + GrpcGetMessage.tail)
    let present = UInt64(PageStatus.present.rawValue)
    demand(got == piece && got.last == last, "a piece of other bytes")
    demand(
      found == [UInt64(page), UInt64(size), checksum, UInt64(offset), present], "read: \(found)")
    let most = GrpcGetMessage.pieceBytes(pageBytes: Int(size))
    demand(size == 0 || (1...Limits.grpcGetMessageBytesMax).contains(most), "pieces of \(most)")
  }

  /// A framed GetResponse as protobuf-c reads it: its bytes, and page, page_bytes, checksum,
  /// offset, status.
  private static func response(_ framed: [UInt8]) -> ([UInt8], [UInt64]) {
    var reader = GrpcMessageReader()
    var offset = 0
    guard let message = try? message(&reader, framed, &offset), reader.isBetween,
      let response = unsafe varve__v1__get_response__unpack(nil, message.count, message)
    else {
      demand(false, "a GetResponse that cannot be read")
      return ([], [])
    }
    defer { unsafe varve__v1__get_response__free_unpacked(response, nil) }
    let got = unsafe response.pointee
    return unsafe (
      Array(UnsafeBufferPointer(start: got.bytes.data, count: got.bytes.len)),
      [
        UInt64(got.page), UInt64(got.page_bytes), got.checksum, UInt64(got.offset),
        UInt64(got.status.rawValue),
      ]
    )
  }

  private static func reflection(_ message: [UInt8]) {
    guard let answer = try? GrpcReflection.answer(message) else { return }
    // It repeats the question, and knows a few files.
    demand(answer.count <= 3 * message.count + (256 << 10), "an answer without bounds")
  }

  // MARK: Reading

  static func step(
    _ reader: inout GrpcPutReader, _ bytes: [UInt8], _ offset: inout Int
  ) throws(GrpcError) -> GrpcPutReader.Step? {
    let result = unsafe bytes.withUnsafeBytes { memory in
      Result { () throws(GrpcError) in try unsafe reader.next(memory, from: &offset) }
    }
    return try result.get()
  }

  static func message(
    _ reader: inout GrpcMessageReader, _ bytes: [UInt8], _ offset: inout Int
  ) throws(GrpcError) -> [UInt8]? {
    let result = unsafe bytes.withUnsafeBytes { memory in
      Result { () throws(GrpcError) in try unsafe reader.feed(memory, from: &offset) }
    }
    return try result.get()
  }

  /// Field `number` with these bytes.
  static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    var head = [UInt8(number << 3 | 2)]
    var rest = bytes.count
    while rest > 127 {
      head.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return head + [UInt8(rest)] + bytes
  }
}
