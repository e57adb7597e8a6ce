// The two functions that libFuzzer calls. One program holds every target; VARVE_FUZZ_TARGET names
// the one to run, because each further program would be linked and instrumented again.
// Unsafe: the fuzzer's bytes, copied at once.

import Foundation

/// The target of this run; nil until the first call.
nonisolated(unsafe) private var target: FuzzTarget?

/// Reads the target from the environment. With VARVE_FUZZ_SEEDS=DIR it writes the corpus of every
/// target, from the checkout in the current directory, and ends the process.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(
  _: UnsafeMutablePointer<Int32>?, _: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  let environment = ProcessInfo.processInfo.environment
  if let directory = environment["VARVE_FUZZ_SEEDS"] {
    do {
      try Seeds.write(to: directory, root: ".")
      exit(0)
    } catch {
      stop("seeds: \(error)")
    }
  }
  guard let name = environment["VARVE_FUZZ_TARGET"], let named = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
    stop("set VARVE_FUZZ_TARGET to one of \(names)")
  }
  unsafe target = named
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  guard let target = unsafe target else { stop("the fuzzer did not initialize") }
  target.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}

private func stop(_ sentence: String) -> Never {
  FileHandle.standardError.write(Data("varvefuzz: \(sentence)\n".utf8))
  exit(2)
}
