// Results to standard output, everything said beside them to standard error; each line at once.

import Foundation

enum Console {
  static func print(_ text: String) { write(text + "\n", STDOUT_FILENO) }

  static func note(_ text: String) { write(text + "\n", STDERR_FILENO) }

  private static func write(_ text: String, _ descriptor: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Foundation.write(
          descriptor, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
      }
      // A reader that went away wants no more.
      if count <= 0 { return }
      done += count
    }
  }
}
