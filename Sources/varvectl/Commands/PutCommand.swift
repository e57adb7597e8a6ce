// `varvectl put`: stores pages from files or standard input.

import ArgumentParser
import Foundation
import VarveBase
import VarveClient
import VarveWire

struct PutCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Store pages.",
    discussion: """
      One --file for each page, in order; or one for all, cut into equal pages. Without --file \
      the bytes come from standard input.
      """)
  /// What one call of the tool holds in memory.
  static let inputBytesMax = 2 << 30

  @OptionGroup var global: GlobalOptions
  @OptionGroup var pages: PageSelection

  @Option(help: ArgumentHelp("A file with bytes; - is standard input.", valueName: "path"))
  var file: [String] = []

  @Flag(help: "Answer only when the pages are synced to the disk.")
  var durable = false

  @Flag(help: "Ask first which pages are missing; send only those.")
  var ask = false

  @Option(help: ArgumentHelp("Seconds until the pages expire.", valueName: "seconds"))
  var ttl: UInt64 = 0

  @Flag(help: "Fail if the namespace is not there, instead of making it.")
  var mustExist = false

  private struct Answer: Encodable {
    struct Page: Encodable {
      let id: String
      let bytes: Int
      let status: String
    }
    let namespace: String
    let pages: [Page]
  }

  func perform(_ console: Console) throws {
    let ids = try pages.pageIDs()
    let contents = try Self.split(try inputs(), pageCount: ids.count)
    let status = try global.withClient { client in
      let opened = try client.openNamespace(pages.namespace, mustExist: mustExist)
      return try client.put(
        namespaceID: opened.namespaceID, chain: Chain(pageIDs: ids), pages: contents,
        options: PutOptions(durable: durable, ask: ask, ttlSeconds: ttl))
    }
    guard status.count == ids.count else {
      throw Failure(.error, "the daemon told of \(status.count) pages, \(ids.count) were put")
    }
    let answer = Answer(
      namespace: pages.namespace,
      pages: ids.indices.map {
        .init(id: ids[$0].hex, bytes: contents[$0].count, status: status[$0].name)
      })
    if global.json {
      try console.print(try Json.text(answer))
    } else {
      for page in answer.pages {
        try console.print("\(page.id)  \(page.bytes) bytes  \(page.status)")
      }
    }
    let refused = status.filter { $0 != .stored && $0 != .alreadyPresent }
    guard refused.isEmpty else {
      throw Failure(
        .error,
        "\(refused.count) of \(ids.count) pages were not stored: "
          + Set(refused.map(\.name)).sorted().joined(separator: ", "))
    }
  }

  private func inputs() throws -> [[UInt8]] {
    let names = file.isEmpty ? ["-"] : file
    guard names.filter({ $0 == "-" }).count <= 1 else {
      throw ValidationError("standard input can be read once only")
    }
    return try names.map { name in
      let handle =
        name == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: name)
      guard let handle else {
        throw Failure(.error, "\(name) cannot be read: \(unsafe String(cString: strerror(errno)))")
      }
      do {
        let data = try handle.read(upToCount: Self.inputBytesMax + 1) ?? Data()
        guard data.count <= Self.inputBytesMax else {
          throw Failure(.usage, "\(name) is over the limit of \(Self.inputBytesMax) bytes")
        }
        return Array(data)
      } catch let failure as Failure {
        throw failure
      } catch {
        throw Failure(.error, "\(name) cannot be read: \(error.localizedDescription)")
      }
    }
  }

  /// The bytes of each page: an input each, or one input in equal parts.
  static func split(_ inputs: [[UInt8]], pageCount: Int) throws(ValidationError) -> [[UInt8]] {
    precondition(pageCount > 0, "a put of no page")
    guard inputs.count > 1 || pageCount == 1 else {
      let bytes = inputs[0]
      guard !bytes.isEmpty, bytes.count % pageCount == 0 else {
        throw ValidationError(
          "\(bytes.count) bytes cannot be cut into \(pageCount) equal pages of at least a byte")
      }
      let size = bytes.count / pageCount
      return (0..<pageCount).map { Array(bytes[$0 * size..<($0 + 1) * size]) }
    }
    guard inputs.count == pageCount else {
      throw ValidationError("\(inputs.count) files for \(pageCount) pages: one for each, or one")
    }
    guard let empty = inputs.firstIndex(where: \.isEmpty) else { return inputs }
    throw ValidationError("page \(empty) would have no bytes")
  }
}

extension PageStatus {
  /// The name in `varve.proto`.
  var name: String {
    switch self {
    case .unspecified: "PAGE_STATUS_UNSPECIFIED"
    case .stored: "STORED"
    case .alreadyPresent: "ALREADY_PRESENT"
    case .checksumMismatch: "CHECKSUM_MISMATCH"
    case .tooLarge: "TOO_LARGE"
    case .noSpace: "NO_SPACE"
    case .quotaExceeded: "QUOTA_EXCEEDED"
    case .sizeConflict: "SIZE_CONFLICT"
    case .lengthMismatch: "LENGTH_MISMATCH"
    case .dataLoss: "DATA_LOSS"
    case .missing: "MISSING"
    case .notAttempted: "NOT_ATTEMPTED"
    case .present: "PRESENT"
    }
  }
}
