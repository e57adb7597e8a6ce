// Whether the tests, and the programs beside them, were built for a sanitizer.

import Foundation

enum Sanitizer {
  /// The address or the thread sanitizer's shadow multiplies what a process takes of memory.
  static let isPresent = isLinked("__asan_init") || isLinked("__tsan_init")

  private static func isLinked(_ symbol: String) -> Bool { unsafe dlsym(nil, symbol) != nil }
}
