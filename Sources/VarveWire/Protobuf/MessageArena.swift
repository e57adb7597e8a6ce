// Temporary memory for one packing: C structs point into it, and it is gone when the bytes are
// made.

internal import CVarveProto
internal import Glibc

/// Owns what the C structs of one message point to.
///
/// Not thread-safe and not for keeping: make one for each `encode`, and free it there.
@safe final class MessageArena {
  private var blocks: [UnsafeMutableRawPointer] = unsafe []

  init() { unsafe blocks.reserveCapacity(Self.blocksUsual) }

  /// So many as most messages need.
  private static let blocksUsual = 8

  /// Ends every pointer this arena gave.
  func free() {
    unsafe blocks.forEach { unsafe Glibc.free($0) }
    unsafe blocks.removeAll()
  }

  deinit { precondition(unsafe blocks.isEmpty, "an arena was not freed") }

  /// A copy of `elements` at a stable address; nil for none.
  func array<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element>? {
    guard !elements.isEmpty else { return nil }
    let memory = unsafe allocate(elements.count, of: Element.self)
    unsafe memory.initialize(from: elements, count: elements.count)
    return unsafe memory
  }

  /// A copy of `value` at a stable address.
  func place<Value>(_ value: Value) -> UnsafeMutablePointer<Value> {
    let memory = unsafe allocate(1, of: Value.self)
    unsafe memory.initialize(to: value)
    return unsafe memory
  }

  /// A C string. A NUL inside would cut it, so it must not be there.
  func text(_ text: String) -> UnsafeMutablePointer<CChar>? {
    var bytes = text.utf8.map { CChar(bitPattern: $0) }
    precondition(!bytes.contains(0), "a string of a message holds a NUL")
    bytes.append(0)
    return unsafe array(bytes)
  }

  func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    unsafe ProtobufCBinaryData(len: bytes.count, data: array(bytes))
  }

  /// The C twin of a message; nil, which omits the field, when it holds only defaults.
  func message<Message: ProtobufMessage, C>(_ message: Message) -> UnsafeMutablePointer<C>? {
    guard message != Message.defaults else { return nil }
    return unsafe always(message)
  }

  /// The C twin of a message, present even when it holds only defaults.
  func always<Message: ProtobufMessage, C>(_ message: Message) -> UnsafeMutablePointer<C> {
    let c = unsafe Message.place(self)
    unsafe message.fill(c, self)
    return unsafe c.assumingMemoryBound(to: C.self)
  }

  func messages<Message: ProtobufMessage, C>(
    _ messages: [Message]
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<C>?>? {
    var pointers: [UnsafeMutablePointer<C>?] = unsafe []
    for message in messages { unsafe pointers.append(always(message)) }
    return unsafe array(pointers)
  }

  private func allocate<Element>(
    _ count: Int, of type: Element.Type
  ) -> UnsafeMutablePointer<Element> {
    // malloc aligns for every type that C has, and the elements are C structs and numbers.
    guard let memory = unsafe malloc(count * MemoryLayout<Element>.stride) else {
      preconditionFailure("malloc of \(count) elements failed")
    }
    unsafe blocks.append(memory)
    return unsafe memory.bindMemory(to: type, capacity: count)
  }
}
