// Sources/CVarveProto is what protoc-c makes of Protos, and Protos is what the code says it is.

import Foundation
import Testing
import VarveWire

@Suite struct GeneratedCodeTests {
  static func run(_ arguments: [String], in directory: URL) throws -> (status: Int32, text: String)
  {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  @Test func theCommittedCodeIsWhatProtocMakes() throws {
    let (status, text) = try Self.run(["Protos/generate.sh", "--check"], in: Vectors.root)
    #expect(status == 0, "run make proto; the difference:\n\(text)")
  }

  @Test func aDifferenceIsFound() throws {
    let copy = FileManager.default.temporaryDirectory.appending(path: "varve-\(UUID())")
    defer { try? FileManager.default.removeItem(at: copy) }
    let sources = copy.appending(path: "Sources")
    try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
    for part in ["Protos", "Sources/CVarveProto"] {
      try FileManager.default.copyItem(
        at: Vectors.root.appending(path: part), to: copy.appending(path: part))
    }
    let proto = copy.appending(path: "Protos/varve/v1/frames.proto")
    let text = try String(contentsOf: proto, encoding: .utf8)
    try text.replacingOccurrences(of: "uint64 bytes = 1", with: "uint64 octets = 1")
      .write(to: proto, atomically: true, encoding: .utf8)
    #expect(try Self.run(["Protos/generate.sh", "--check"], in: copy).status == 1)
  }

  /// The methods' numbers are their places in the services.
  @Test func methodsStandInTheOrderOfTheServices() throws {
    let file = Vectors.root.appending(path: "Protos/varve/v1/varve.proto")
    let text = try String(contentsOf: file, encoding: .utf8)
    var expected: [String] = []
    for line in text.split(separator: "\n") where line.hasPrefix("  rpc ") {
      expected.append(String(line.dropFirst(6).prefix { $0 != "(" }))
    }
    #expect(Method.allCases.map(\.name) == expected)
  }
}
