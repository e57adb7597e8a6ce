// The descriptors of Protos, as protoc serialized them into CVarveProto: which file has which name,
// what it needs, what it declares.

internal import CVarveProto
internal import VarveBase

/// The files that reflection can hand out.
struct GrpcDescriptors: Sendable {
  struct File: Sendable {
    var bytes: [UInt8] = []
    var name = ""
    var needs: [String] = []
    /// Full names of messages, enums, services and methods.
    var symbols: Set<String> = []
    var services: [String] = []
  }

  let files: [File]

  /// Those of this build. Read once: they are constant, and reading them cannot fail at run time
  /// without failing in every test before.
  static let built: GrpcDescriptors = {
    let bytes = unsafe Array(
      UnsafeBufferPointer(start: varve_descriptors_start(), count: varve_descriptors_bytes))
    do throws(WireError) {
      return try GrpcDescriptors(set: bytes)
    } catch {
      preconditionFailure("the committed descriptors cannot be read: \(error)")
    }
  }()

  /// A FileDescriptorSet: field 1, repeated.
  init(set bytes: [UInt8]) throws(WireError) {
    var files: [File] = []
    var reader = FieldReader(0..<bytes.count)
    while let field = try reader.next(bytes.rawSpan, "FileDescriptorSet") {
      if field.number == 1 { files.append(try Self.file(Array(bytes[field.content]))) }
    }
    self.files = files
  }

  private static func file(_ bytes: [UInt8]) throws(WireError) -> File {
    var file = File()
    file.bytes = bytes
    var package = ""
    var declared: [(path: [String], isService: Bool)] = []
    var reader = FieldReader(0..<bytes.count)
    while let field = try reader.next(bytes.rawSpan, "FileDescriptorProto") {
      switch field.number {
      case 1: file.name = text(bytes, field.content)
      case 2: package = text(bytes, field.content)
      case 3: file.needs.append(text(bytes, field.content))
      case 4, 5, 6:
        for path in try names(bytes, field.content, field.number) {
          declared.append((path, field.number == 6 && path.count == 1))
        }
      default: break
      }
    }
    for (path, isService) in declared {
      let name = ([package] + path).filter { !$0.isEmpty }.joined(separator: ".")
      file.symbols.insert(name)
      if isService { file.services.append(name) }
    }
    return file
  }

  /// The declaration's name and those within it: nested messages (3) and enums (4) of a message,
  /// methods (2) of a service. As deep as the schema, which is ours.
  private static func names(
    _ bytes: [UInt8], _ range: Range<Int>, _ kind: UInt32
  ) throws(WireError) -> [[String]] {
    var name = ""
    var inner: [[String]] = []
    var reader = FieldReader(range)
    while let field = try reader.next(bytes.rawSpan, "descriptor") {
      switch (kind, field.number) {
      case (_, 1): name = text(bytes, field.content)
      case (4, 3): inner += try names(bytes, field.content, 4)
      case (4, 4): inner += try names(bytes, field.content, 5)
      case (6, 2): inner += try names(bytes, field.content, 0)
      default: break
      }
    }
    return [[name]] + inner.map { [name] + $0 }
  }

  private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  /// The file and all it needs, itself first.
  func closure(of file: File) -> [File] {
    var found = [file]
    var next = 0
    while next < found.count {
      for name in found[next].needs where !found.contains(where: { $0.name == name }) {
        if let needed = files.first(where: { $0.name == name }) { found.append(needed) }
      }
      next += 1
    }
    return found
  }
}
