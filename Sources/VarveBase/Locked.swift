// A value behind a pthread mutex. `Synchronization.Mutex` would do, but its futex use gives false
// race reports under the thread sanitizer on Linux; a pthread mutex does not.

public import Glibc

// Public, in a package without products: the compiler (6.3) makes no code for the caller's types of
// a generic type that is `package`, and then every look at a value goes through tables of its type.

/// Owns a value that only one thread at a time may touch.
///
/// Not for values read on every page by many threads: use `Atomic` or a snapshot there.
/// Lock order of the daemon is written down in `docs/layout.md`.
@safe public struct Locked<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
  // Sendable is sound: `value` is reached only between lock and unlock of `mutex`, and both live at
  // a stable heap address until deinit.
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
  @usableFromInline let value: UnsafeMutablePointer<Value>

  public init(_ initial: consuming sending Value) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let status = unsafe pthread_mutex_init(mutex, nil)
    precondition(status == 0, "pthread_mutex_init gave \(status)")
    unsafe value = .allocate(capacity: 1)
    unsafe value.initialize(to: initial)
  }

  deinit {
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the value, alone. Not recursive: a second entry by the same thread hangs.
  @inlinable @discardableResult
  public borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let status = unsafe pthread_mutex_lock(mutex)
    precondition(status == 0, "pthread_mutex_lock gave \(status)")
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    return try unsafe body(&value.pointee)
  }
}

/// A mutex with a condition: threads wait until a predicate over the value holds.
@safe public final class Monitor<Value>: @unchecked Sendable {
  // Sendable is sound for the same reason as `Locked`.
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
  @usableFromInline let condition: UnsafeMutablePointer<pthread_cond_t>
  @usableFromInline let value: UnsafeMutablePointer<Value>

  public init(_ initial: sending Value) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    // Deadlines are on the monotonic clock: a wall clock set back must not lengthen a wait.
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    let made = unsafe pthread_mutex_init(mutex, nil)
    let madeCondition = unsafe pthread_cond_init(condition, &attributes)
    precondition(made == 0 && madeCondition == 0, "pthread init gave \(made), \(madeCondition)")
    unsafe pthread_condattr_destroy(&attributes)
    unsafe value = .allocate(capacity: 1)
    unsafe value.initialize(to: initial)
  }

  deinit {
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
    _ = unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the value, alone, and wakes every waiter to look again.
  @inlinable @discardableResult
  public func update<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(condition)
      unsafe pthread_mutex_unlock(mutex)
    }
    return try unsafe body(&value.pointee)
  }

  /// Whom a change concerns.
  public enum Wake: Sendable {
    /// Nobody: no waiter's predicate can have become true.
    case nobody
    /// Any one: the waiters are alike, and one of them is enough.
    case one
    case everybody
  }

  /// Runs `body` with the value, alone; it says who is to look again, nobody at first. For changes
  /// on the data path: a waiter woken for nothing costs two switches of threads.
  @inlinable @discardableResult
  public func change<Result, Failure: Error>(
    _ body: (inout Value, inout Wake) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    var wake = Wake.nobody
    defer {
      switch wake {
      case .nobody: break
      case .one: unsafe pthread_cond_signal(condition)
      case .everybody: unsafe pthread_cond_broadcast(condition)
      }
      unsafe pthread_mutex_unlock(mutex)
    }
    return try unsafe body(&value.pointee, &wake)
  }

  /// Runs `body` with the value, alone, and wakes nobody: for looking.
  @inlinable
  public func peek<Result>(_ body: (Value) -> Result) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return unsafe body(value.pointee)
  }

  /// Waits until `body` gives a value or `deadline` (monotonic nanoseconds, nil = for ever) passes.
  /// Returns nil when the deadline passed first. `body` may change the value when it succeeds.
  @inlinable
  public func wait<Result>(
    until deadline: UInt64? = nil, _ body: (inout Value) -> Result?
  ) -> Result? {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = unsafe body(&value.pointee) { return result }
      guard let deadline else {
        unsafe pthread_cond_wait(condition, mutex)
        continue
      }
      var until = timespec(
        tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      if unsafe pthread_cond_timedwait(condition, mutex, &until) == ETIMEDOUT {
        return unsafe body(&value.pointee)
      }
    }
  }
}
