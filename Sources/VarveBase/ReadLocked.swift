// A value behind a pthread read-write lock: for tables that every request reads and a few change.

public import Glibc

// Public and inlinable as `Locked` is.

/// Owns a value that many threads may read at once, or one may change.
///
/// Not for short looks at small values: `Locked` costs less. A thread that waits to change is let
/// in before readers that come after it, so that readers never starve it.
@safe public struct ReadLocked<Value>: ~Copyable, @unchecked Sendable {
  // Sendable is sound: `value` is changed only between lock and unlock for writing, and both live
  // at a stable heap address until deinit.
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_rwlock_t>
  @usableFromInline let value: UnsafeMutablePointer<Value>

  public init(_ initial: sending Value) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_rwlock_t())
    unsafe value = .allocate(capacity: 1)
    unsafe value.initialize(to: initial)
    var attributes = pthread_rwlockattr_t()
    unsafe pthread_rwlockattr_init(&attributes)
    let writersFirst = Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
    unsafe pthread_rwlockattr_setkind_np(&attributes, writersFirst)
    let status = unsafe pthread_rwlock_init(mutex, &attributes)
    precondition(status == 0, "pthread_rwlock_init gave \(status)")
    unsafe pthread_rwlockattr_destroy(&attributes)
  }

  deinit {
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
    _ = unsafe pthread_rwlock_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the value, which nobody changes meanwhile. Not recursive.
  @inlinable
  public borrowing func read<Result>(_ body: (borrowing Value) -> Result) -> Result {
    let status = unsafe pthread_rwlock_rdlock(mutex)
    precondition(status == 0, "pthread_rwlock_rdlock gave \(status)")
    defer { _ = unsafe pthread_rwlock_unlock(mutex) }
    return unsafe body(value.pointee)
  }

  /// Runs `body` with the value, alone.
  @inlinable
  public borrowing func write<Result>(_ body: (inout Value) -> Result) -> Result {
    let status = unsafe pthread_rwlock_wrlock(mutex)
    precondition(status == 0, "pthread_rwlock_wrlock gave \(status)")
    defer { _ = unsafe pthread_rwlock_unlock(mutex) }
    return unsafe body(&value.pointee)
  }
}
