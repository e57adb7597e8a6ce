// What can be fuzzed. A target takes any bytes; it may refuse them, never trap, hang or grow wild.

import Foundation

/// On the command line: never rename without the corpus.
enum FuzzTarget: String, CaseIterable {
  /// Must fail within seconds: proves that the fuzzer sees into what it drives.
  case canary
  /// Frame parser and server session, over bytes split anywhere.
  case frames
  /// Every message of the contract, those read and written by hand too.
  case messages
  /// A gRPC connection's HTTP/2 session and the readers of its bodies, over bytes split anywhere.
  case http2
  /// Request heads, messages and puts of gRPC, cut in two ways.
  case grpc
  /// Extent headers and their entries, and footers, under checksums that hold.
  case extents
  /// Whole segments: listing, footer, scan.
  case segments
  /// The parts of a table one by one.
  case blocks
  /// Whole tables, under checksums that hold: open, search, verify.
  case tables
  /// Manifest, CURRENT, NAMESPACES.
  case manifest
  /// The request parser of the HTTP port.
  case http
  /// Trace files, plain and compressed.
  case trace

  func run(_ bytes: [UInt8]) {
    switch self {
    case .canary: Canary.run(bytes)
    case .frames: FrameFuzz.run(bytes)
    case .messages: MessageFuzz.run(bytes)
    case .http2: Http2Fuzz.run(bytes)
    case .grpc: GrpcFuzz.run(bytes)
    case .extents: ExtentFuzz.run(bytes)
    case .segments: SegmentFuzz.run(bytes)
    case .blocks: BlockFuzz.run(bytes)
    case .tables: TableFuzz.run(bytes)
    case .manifest: ManifestFuzz.run(bytes)
    case .http: HttpFuzz.run(bytes)
    case .trace: TraceFuzz.run(bytes)
    }
  }
}

/// Ends the run with a word: for properties that do not hold. Optimized code traps without one, so
/// it is written first.
func demand(_ holds: Bool, _ what: @autoclosure () -> String) {
  guard !holds else { return }
  FileHandle.standardError.write(Data("fuzz: \(what())\n".utf8))
  preconditionFailure("a property does not hold")
}
