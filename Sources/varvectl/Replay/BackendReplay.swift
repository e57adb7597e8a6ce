// `replay --backend`: the Python package replays through SGLang's storage class; this process
// becomes that one.

import Foundation

struct BackendReplay {
  /// The interpreter: the one named, else the checkout's own environment, else the system's.
  let python: String
  /// The checkout, whose `python` folder holds the package; nil where this is installed elsewhere.
  let checkout: String?

  init(python: String?, checkout: String?) {
    self.checkout = checkout
    let own = checkout.map { $0 + "/.venv/bin/python" }
    let hasOwn = own.map { FileManager.default.isExecutableFile(atPath: $0) } ?? false
    self.python = python ?? (hasOwn ? own : nil) ?? "python3"
  }

  /// The arguments after the interpreter's name.
  static func arguments(
    trace: String, endpoint: String, pageBytes: Int, requests: RequestRange, json: Bool
  ) -> [String] {
    var arguments = [
      "-m", "sglang_varve.replay", trace, "--endpoint", endpoint, "--page-bytes", "\(pageBytes)",
    ]
    if requests != .all { arguments += ["--requests", requests.text] }
    return json ? arguments + ["--json"] : arguments
  }

  /// Becomes the Python replay; returns only by throwing.
  func become(_ arguments: [String]) throws(Failure) -> Never {
    if let checkout {
      let inherited = ProcessInfo.processInfo.environment["PYTHONPATH"].map { ":" + $0 } ?? ""
      unsafe setenv("PYTHONPATH", checkout + "/python" + inherited, 1)
    }
    // Sound: the copies live until the process is another one, or are leaked with an error.
    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    for word in [python] + arguments { unsafe words.append(strdup(word)) }
    unsafe words.append(nil)
    _ = unsafe execvp(python, words)
    throw Failure(
      .error, "\(python) cannot be run: \(unsafe String(cString: strerror(errno)))",
      advice: "'make deps' makes the environment in .venv; --python names another interpreter")
  }
}
