// The body of a gRPC Put. Page bytes are never collected: a PutData whose `bytes` are its last
// field, as every encoder writes it, is cut off behind its head (at most 24 bytes) and its bytes
// are handed on from the memory they were received in. One that is written otherwise, which
// protobuf allows, is collected and read whole.

internal import VarveBase

/// Bytes of a body in, a header and pieces of pages out.
package struct GrpcPutReader: Sendable {
  package enum Step: Hashable, Sendable {
    case header(PutHeader)
    /// A PutData begins; its bytes follow as `.held` and `.bytes` steps.
    case piece(page: UInt32, offset: UInt32, count: Int)
    /// Bytes of the piece that were collected.
    case held([UInt8])
    /// Bytes of the piece: this range of the input.
    case bytes(Range<Int>)
  }

  /// As much of a message as decides how it is written: five tags and their numbers.
  private static let headBytesMax = 24

  private var prefix = GrpcPrefix()
  /// Bytes of the message still to come; nil between messages.
  private var rest: Int?
  private var length = 0
  private var collected: [UInt8] = []
  private var isStreaming = false
  private var isWhole = false
  private var ready: [Step] = []

  package init() {}

  /// Bytes of the message being collected, as its prefix says; 0 while pages stream by.
  package var collectingBytes: Int { isWhole ? length : 0 }

  /// The body may end here.
  package var isBetween: Bool { rest == nil && prefix.isEmpty && ready.isEmpty }

  /// The next step; nil when `input` is used up.
  package mutating func next(
    _ input: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(GrpcError) -> Step? {
    while true {
      if !ready.isEmpty { return ready.removeFirst() }
      if rest == nil {
        guard let length = try unsafe prefix.feed(input, from: &offset) else { return nil }
        begin(length)
        // A message with all defaults has neither part: it says nothing.
        if length == 0 { rest = nil }
        continue
      }
      guard let left = rest, offset < input.count else { return nil }
      if isStreaming { return stream(left, input.count - offset, &offset) }
      try unsafe collect(left, input, &offset)
    }
  }

  private mutating func begin(_ length: Int) {
    self.length = length
    rest = length
    collected = []
    isStreaming = false
    isWhole = false
  }

  private mutating func stream(_ left: Int, _ here: Int, _ offset: inout Int) -> Step {
    let count = min(left, here)
    let range = offset..<offset + count
    offset += count
    rest = left == count ? nil : left - count
    return .bytes(range)
  }

  /// Takes bytes of a head, or of a message read whole, and looks what it has.
  private mutating func collect(
    _ left: Int, _ input: UnsafeRawBufferPointer, _ offset: inout Int
  ) throws(GrpcError) {
    let wanted = (isWhole ? length : min(length, Self.headBytesMax)) - collected.count
    let count = min(wanted, input.count - offset)
    unsafe collected.append(
      contentsOf: UnsafeRawBufferPointer(rebasing: input[offset..<offset + count]))
    offset += count
    rest = left - count
    guard count == wanted else { return }
    if !isWhole, let head = dataHead() { return try beginPiece(head) }
    isWhole = true
    guard collected.count == length else { return }
    rest = nil
    do throws(WireError) {
      ready = try wholeMessage()
    } catch {
      throw GrpcError(error)
    }
    collected = []
  }

  // MARK: Streaming

  private struct DataHead {
    var page: UInt64 = 0
    var offset: UInt64 = 0
    var count = 0
    /// Bytes of the message before those of the page.
    var headBytes = 0
  }

  private mutating func beginPiece(_ head: DataHead) throws(GrpcError) {
    try Self.checkPiece(head.count)
    ready = [
      .piece(
        page: UInt32(truncatingIfNeeded: head.page),
        offset: UInt32(truncatingIfNeeded: head.offset),
        count: head.count)
    ]
    let held = Array(collected[head.headBytes...])
    if !held.isEmpty { ready.append(.held(held)) }
    collected = []
    isStreaming = true
    if rest == 0 { rest = nil }
  }

  /// The head of a PutData in the form in which encoders write it: field 2 fills the message, in it
  /// page, offset and bytes at most once and in this order, and bytes fill what is left.
  private func dataHead() -> DataHead? {
    var position = 0
    func varint() -> UInt64? {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while position < collected.count, shift < 35 {
        let byte = collected[position]
        position += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    guard varint() == 0x12, let inner = varint(), Int(inner) == length - position else {
      return nil
    }
    var head = DataHead()
    guard var tag = varint() else { return nil }
    if tag == 0x08 {
      guard let page = varint(), page <= UInt64(UInt32.max), let next = varint() else { return nil }
      (head.page, tag) = (page, next)
    }
    if tag == 0x10 {
      guard let offset = varint(), offset <= UInt64(UInt32.max), let next = varint() else {
        return nil
      }
      (head.offset, tag) = (offset, next)
    }
    guard tag == 0x1a, let count = varint(), Int(count) == length - position else { return nil }
    head.count = Int(count)
    head.headBytes = position
    return head
  }

  private static func checkPiece(_ count: Int) throws(GrpcError) {
    let limit = Limits.grpcPutDataBytesMax
    guard count <= limit else {
      throw GrpcError(
        .overLimit(
          field: "PutData bytes", value: UInt64(count), limit: "grpcPutDataBytesMax",
          limitValue: UInt64(limit)))
    }
  }

  // MARK: Whole messages

  /// A PutRequest read field by field: the last part set counts, and what one PutData leaves unset
  /// stands as an earlier one in the same message has it (protobuf's rules of merging).
  private func wholeMessage() throws(WireError) -> [Step] {
    let bytes = collected.rawSpan
    var reader = FieldReader(0..<collected.count)
    var header: [UInt8]?
    var data: (page: UInt64, offset: UInt64, bytes: Range<Int>)?
    while let field = try reader.next(bytes, "PutRequest") {
      guard field.wireType == 2 else { continue }
      if field.number == 1 {
        // Two headers in one message are one, merged: their bytes joined decode to that.
        header = (header ?? []) + Array(collected[field.content])
        data = nil
      } else if field.number == 2 {
        var merged = data ?? (0, 0, 0..<0)
        var inner = FieldReader(field.content)
        while let part = try inner.next(bytes, "PutData") {
          switch (part.number, part.wireType) {
          case (1, 0): merged.page = part.value & 0xffff_ffff
          case (2, 0): merged.offset = part.value & 0xffff_ffff
          case (3, 2): merged.bytes = part.content
          default: break
          }
        }
        data = merged
        header = nil
      }
    }
    if let header { return [.header(try PutHeader(decoding: header.rawSpan))] }
    guard let data else { return [] }
    do throws(GrpcError) {
      try Self.checkPiece(data.bytes.count)
    } catch {
      throw .overLimit(
        field: "PutData bytes", value: UInt64(data.bytes.count), limit: "grpcPutDataBytesMax",
        limitValue: UInt64(Limits.grpcPutDataBytesMax))
    }
    let piece = Step.piece(
      page: UInt32(data.page), offset: UInt32(data.offset), count: data.bytes.count)
    return data.bytes.isEmpty ? [piece] : [piece, .held(Array(collected[data.bytes]))]
  }
}
