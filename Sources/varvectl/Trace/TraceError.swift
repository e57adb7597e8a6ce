// Why a trace cannot be used. Bad traces are operating errors: the sentence tells file and line.

/// Thrown by everything that finds and reads traces.
enum TraceError: Error, Hashable {
  case notFound(name: String, searched: [String])
  case unreadable(path: String, reason: String)
  case decompression(String)
  case line(path: String, number: Int, reason: String)

  /// Whether the caller named something that does not exist, rather than something broken.
  var isNotFound: Bool {
    if case .notFound = self { true } else { false }
  }
}

extension TraceError: CustomStringConvertible {
  var description: String {
    switch self {
    case .notFound(let name, let searched):
      "no trace \(name): it is no file, and none of that name (with .kvt.jsonl or "
        + ".kvt.jsonl.zst) lies in " + searched.joined(separator: ", ")
    case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
    case .decompression(let reason): "cannot be decompressed: \(reason)"
    case .line(let path, let number, let reason): "\(path): line \(number): \(reason)"
    }
  }
}
