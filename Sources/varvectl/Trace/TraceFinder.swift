// Where a trace lies: a path, or a name in one of the folders that hold traces.

import Foundation

/// Finds trace files by path or by name.
struct TraceFinder {
  static let suffixes = ["", ".kvt.jsonl", ".kvt.jsonl.zst"]

  /// Searched in order, for names only.
  let folders: [String]

  init(folders: [String]) { self.folders = folders }

  /// The checkout's own fixtures, then `VARVE_TRACES`, or `../shared/traces` beside the checkout
  /// where that is not set.
  init(environment: [String: String], checkout: String?) {
    let base = checkout ?? FileManager.default.currentDirectoryPath
    let named = environment["VARVE_TRACES"].flatMap { $0.isEmpty ? nil : $0 }
    let shared = URL(fileURLWithPath: base + "/../shared/traces").standardizedFileURL.path
    folders = [base + "/Tests/Fixtures", named ?? shared]
  }

  func path(of name: String) throws(TraceError) -> String {
    if Self.isFile(name) { return name }
    if !name.contains("/") {
      for folder in folders {
        for suffix in Self.suffixes where Self.isFile("\(folder)/\(name)\(suffix)") {
          return "\(folder)/\(name)\(suffix)"
        }
      }
    }
    throw .notFound(name: name, searched: folders)
  }

  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && !isFolder.boolValue
  }
}
