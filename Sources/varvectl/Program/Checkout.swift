// Where the source tree lies that this program was built from, if it still does: for fixtures and
// for the Python package. An installed varvectl has none, and needs none.

import Foundation

enum Checkout {
  /// The nearest folder above this program, or above the working directory, with a Package.swift
  /// of this package.
  static func path(
    program: String = CommandLine.arguments[0],
    workingDirectory: String = FileManager.default.currentDirectoryPath
  ) -> String? {
    let beside = URL(fileURLWithPath: program).resolvingSymlinksInPath().deletingLastPathComponent()
    for start in [beside, URL(fileURLWithPath: workingDirectory)] {
      var folder = start.standardizedFileURL
      while folder.path != "/" {
        if isCheckout(folder.path) { return folder.path }
        folder.deleteLastPathComponent()
      }
    }
    return nil
  }

  private static func isCheckout(_ folder: String) -> Bool {
    ["Package.swift", "python/sglang_varve", "Sources/varvectl"].allSatisfy {
      FileManager.default.fileExists(atPath: "\(folder)/\($0)")
    }
  }
}
