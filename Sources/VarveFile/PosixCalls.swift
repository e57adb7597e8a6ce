// System calls with the two rules of this module: EINTR is tried again, and an errno that only a
// bug of ours can cause stops the program, because going on could write to a wrong place.

internal import Glibc

/// Runs `call` until it does not end in EINTR; −1 becomes the errno as a thrown `FileError`.
@discardableResult
func posix<Result: FixedWidthInteger>(
  _ operation: FileError.Operation, _ path: String, offset: UInt64? = nil,
  _ call: () -> Result
) throws(FileError) -> Result {
  while true {
    let result = call()
    if result != -1 { return result }
    let code = Glibc.errno
    if code == EINTR { continue }
    precondition(!isBug(code), "\(operation.rawValue) \(path): errno \(code) is a bug of ours")
    throw .system(operation, path: path, errno: code, offset: offset)
  }
}

private func isBug(_ code: Int32) -> Bool {
  code == EBADF || code == EFAULT || code == ENOTSOCK
}

/// The system's words for an errno.
package func describe(errno code: Int32) -> String {
  unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard let base = buffer.baseAddress, unsafe strerror_r(code, base, 256) == 0 else {
      return "unknown error"
    }
    return unsafe String(cString: base)
  }
}
