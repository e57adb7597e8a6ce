// The terminal in the hands of a dashboard: an empty screen of its own, keys as they are pressed,
// and everything as it was before at the end, whichever way it ends.
//
// Unsafe: termios, ioctl and poll want pointers to values that outlive their calls.

import Foundation
import Synchronization

/// Taken once in a process, by its main thread.
final class Terminal {
  /// A signal asked for the end. Touched before any handler is installed, so that the handler
  /// finds it made.
  private static let isEndAsked = Atomic<Bool>(false)

  private let before: termios
  private var isTaken = true

  /// Nil where input or output is no terminal.
  init?() {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
    var settings = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    before = settings
    Self.isEndAsked.store(false, ordering: .relaxed)
    for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
      signal(number) { _ in Terminal.isEndAsked.store(true, ordering: .relaxed) }
    }
    // Only to end a wait: the size is asked for at every drawing.
    signal(SIGWINCH) { _ in }
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l")
  }

  deinit { giveBack() }

  func giveBack() {
    guard isTaken else { return }
    isTaken = false
    write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l")
    var settings = before
    _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH] { signal(number, SIG_DFL) }
  }

  /// Columns and lines; 80 × 24 where the terminal does not tell.
  var size: (width: Int, height: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0,
      size.ws_row > 0
    else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Replaces what is shown.
  func draw(_ lines: [String]) {
    let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
    write("\u{1B}[H" + text + "\u{1B}[J")
  }

  enum Event { case tick, resized, quit }

  /// Waits for a key, another size or the end of `millis`.
  func wait(millis: Int) -> Event {
    if Self.isEndAsked.load(ordering: .relaxed) { return .quit }
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    let count = unsafe poll(&input, 1, Int32(clamping: millis))
    if Self.isEndAsked.load(ordering: .relaxed) { return .quit }
    if count < 0 { return .resized }
    if count == 0 { return .tick }
    var bytes = [UInt8](repeating: 0, count: 64)
    let got = unsafe read(STDIN_FILENO, &bytes, bytes.count)
    // Ctrl-C, Ctrl-D, Ctrl-\ come as bytes; an end of input is an end.
    let quits: Set<UInt8> = [3, 4, 28, UInt8(ascii: "q"), UInt8(ascii: "Q")]
    if got <= 0 || bytes.prefix(got).contains(where: quits.contains) { return .quit }
    return .resized
  }

  private func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe Foundation.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
      }
      guard count > 0 || errno == EINTR else { return }
      bytes = bytes.dropFirst(max(0, count))
    }
  }
}
