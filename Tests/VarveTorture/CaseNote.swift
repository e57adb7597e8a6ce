// What is being tried right now, kept where a signal handler can print it: a precondition that
// fails inside the engine ends the process, and the seed must not go with it.

import Glibc

/// One line a thread. The memory is never freed, so that the handler may read it at any moment.
package enum CaseNote {
  private static let slots = 8
  private static let slotBytes = 256
  private nonisolated(unsafe) static let memory: UnsafeMutablePointer<CChar> = {
    let memory = UnsafeMutablePointer<CChar>.allocate(capacity: slots * slotBytes)
    unsafe memory.initialize(repeating: 0, count: slots * slotBytes)
    return unsafe memory
  }()

  /// Prints the notes when the process traps.
  package static func install() {
    _ = unsafe memory
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT] {
      signal(number) { number in
        for slot in 0..<CaseNote.slots {
          let line = unsafe CaseNote.memory + slot * CaseNote.slotBytes
          let count = unsafe strlen(line)
          if count > 0 {
            _ = unsafe write(2, "trapped in: ", 12)
            _ = unsafe write(2, line, count)
            _ = unsafe write(2, "\n", 1)
          }
        }
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  /// - Parameter slot: the thread's number, 0 ..< 8.
  package static func set(_ slot: Int, _ text: String) {
    precondition(slot >= 0 && slot < slots, "slot \(slot)")
    let line = unsafe memory + slot * slotBytes
    var index = 0
    for byte in text.utf8.prefix(slotBytes - 1) {
      unsafe line[index] = CChar(bitPattern: byte)
      index += 1
    }
    unsafe line[index] = 0
  }
}
