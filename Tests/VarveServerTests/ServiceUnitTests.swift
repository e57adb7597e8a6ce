// `make install` and the units it puts in place, judged by systemd's own tools where they are.

import Foundation
import Testing
import VarveServer

@Suite(.serialized, .enabled(if: DaemonProcess.path != nil, "varved is not built"))
struct ServiceUnitTests {
  private static let analyze = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func run(
    _ program: String, _ arguments: [String]
  ) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = MetricsTests.root
    // Nothing of an outer make, and no pager; a sanitizer in the program must hear its options.
    process.environment = ["PATH": "/usr/bin:/bin"].merging(
      ProcessInfo.processInfo.environment.filter { ["PATH", "ASAN_OPTIONS"].contains($0.key) }
    ) { $1 }
    let errors = URL(fileURLWithPath: directory.path + "/errors-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    process.standardError = try FileHandle(forWritingTo: errors)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text, try String(contentsOf: errors, encoding: .utf8))
  }

  private func install(_ more: [String] = []) throws -> (
    code: Int32, output: String, errors: String
  ) {
    let built = URL(fileURLWithPath: DaemonProcess.path ?? "").deletingLastPathComponent().path
    return try run("/usr/bin/make", ["install", "BINARIES=\(built)"] + more)
  }

  private func read(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  /// Installed so that the units name programs that are there.
  private func installedUnits() throws -> String {
    let root = directory.path
    let units = root + "/units"
    let end = try install([
      "PREFIX=\(root)/usr", "SYSCONFDIR=\(root)/etc", "UNITDIR=\(units)",
    ])
    #expect(end.code == 0, "\(end.errors)")
    return units
  }

  @Test func everythingIsPutWhereItIsExpected() throws {
    let root = directory.path + "/root"
    let end = try install(["DESTDIR=\(root)", "PREFIX=/usr"])
    #expect(end.code == 0, "\(end.errors)")
    for path in [
      "usr/bin/varved", "usr/bin/varvectl", "usr/lib/systemd/system/varved.service",
      "usr/lib/systemd/system/varved.socket", "usr/share/varve/grafana-dashboard.json",
      "usr/share/varve/alerts.yml", "usr/share/doc/varve/operations.md", "etc/varve/varved.toml",
      "usr/share/bash-completion/completions/varvectl",
    ] {
      #expect(FileManager.default.fileExists(atPath: "\(root)/\(path)"), "\(path)")
    }
    let unit = try read(root + "/usr/lib/systemd/system/varved.service")
    #expect(unit == (try read(MetricsTests.root.path + "/systemd/varved.service")))
    let check = try run(
      root + "/usr/bin/varved", ["--config", root + "/etc/varve/varved.toml", "--check-config"])
    #expect(check.code == 0, "\(check.errors)")
  }

  @Test func aConfigurationThatIsThereStays() throws {
    let root = directory.path + "/root"
    let file = root + "/etc/varve/varved.toml"
    #expect(try install(["DESTDIR=\(root)"]).code == 0)
    try "capacity = \"2GiB\"\n".write(toFile: file, atomically: true, encoding: .utf8)
    let again = try install(["DESTDIR=\(root)"])
    #expect(again.code == 0 && again.output.contains("stays as it is"))
    #expect(try read(file) == "capacity = \"2GiB\"\n")
    #expect(FileManager.default.fileExists(atPath: file + ".new"))
  }

  @Test func whatCannotBeInstalledIsSaid() throws {
    let missing = try install(["BINARIES=\(directory.path)", "DESTDIR=\(directory.path)/root"])
    #expect(missing.code != 0 && missing.errors.contains("make build"), "\(missing.errors)")
    let relative = try install(["PREFIX=usr", "DESTDIR=\(directory.path)/root"])
    #expect(relative.code != 0 && relative.errors.contains("\"usr\""), "\(relative.errors)")
  }

  @Test(.enabled(if: analyze != nil, "systemd-analyze is missing (Debian package systemd)"))
  func systemdTakesTheUnitsWithoutAWord() throws {
    let analyze = try #require(Self.analyze)
    let units = try installedUnits()
    let files = ["\(units)/varved.service", "\(units)/varved.socket"]
    let clean = try run(analyze, ["verify"] + files)
    #expect(clean.code == 0)
    #expect(clean.errors == "")
    // It exits 0 on unknown keys: that it says something must be seen once.
    let spoilt = try read(files[0]).replacing("WatchdogSec=", with: "WachtdogSec=")
    try spoilt.write(toFile: files[0], atomically: true, encoding: .utf8)
    #expect(try run(analyze, ["verify"] + files).errors.contains("WachtdogSec"))
  }

  @Test(.enabled(if: analyze != nil, "systemd-analyze is missing (Debian package systemd)"))
  func theServiceIsExposedAtMostByTwo() throws {
    let analyze = try #require(Self.analyze)
    let units = try installedUnits()
    let end = try run(
      analyze, ["security", "--offline=true", "--no-pager", "\(units)/varved.service"])
    let level = try #require(
      end.output.firstMatch(of: /Overall exposure level for varved.service: ([0-9.]+)/))
    let score = try #require(Double(level.output.1))
    #expect(score <= 2.0, "\(end.output)")
    // The comment in the unit is what was measured.
    let unit = try read(units + "/varved.service")
    #expect(unit.contains("gives \(level.output.1) "), "the unit's comment gives another score")
  }
}
