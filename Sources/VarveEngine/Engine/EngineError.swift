// Why an engine call was refused. The server maps each case to one status of the contract.

/// An operating error of the engine; programmers' errors trap instead.
package enum EngineError: Error, Equatable, Sendable {
  /// Unknown, cleared or dropped (NOT_FOUND).
  case namespaceUnknown
  /// Over `Limits.namespacesMax` (RESOURCE_EXHAUSTED).
  case tooManyNamespaces(limit: Int)
  /// Name empty or over `Limits.namespaceNameBytesMax` (INVALID_ARGUMENT).
  case namespaceNameLength(bytes: Int, limit: Int)
  /// An option asked for disagrees with the existing namespace's (FAILED_PRECONDITION).
  case optionDisagrees(option: String, existing: String, asked: String)
  /// page_bytes_max over half a segment (INVALID_ARGUMENT).
  case pageBytesMaxTooLarge(asked: UInt32, limit: UInt32)
  /// A capacity below eight segments or over the most (INVALID_ARGUMENT).
  case capacityOutOfRange(asked: UInt64, least: UInt64, most: UInt64)
  /// Growing to the capacity would leave too little on the file system (INVALID_ARGUMENT).
  case capacityOverDisk(asked: UInt64, most: UInt64, minFree: UInt64)
  /// More segments than there are descriptors for (INVALID_ARGUMENT).
  case capacityOverDescriptors(asked: UInt64, most: UInt64)
  /// Staging memory for the put's bytes is used up (RESOURCE_EXHAUSTED, retry later).
  case stagingExhausted(limit: Int)
  /// The puts of one connection would hold too much of it (RESOURCE_EXHAUSTED, retry later).
  case connectionPutsExhausted(bytes: Int, limit: Int)
  /// No memory for the page to be read, in the arena or beside it (RESOURCE_EXHAUSTED, retry
  /// later).
  case readMemoryExhausted(limit: Int)
  /// No memory for what the call itself holds (RESOURCE_EXHAUSTED, retry later).
  case requestMemoryExhausted(bytes: Int, limit: Int)
  /// The background queue is full (RESOURCE_EXHAUSTED, retry later).
  case queueFull(limit: Int)
  /// Nothing can be written any more; reads go on (UNAVAILABLE with the reason).
  case readOnly(reason: String)
  /// The disk failed or damage was found while answering (DATA_LOSS or INTERNAL).
  case storage(String)
  /// The engine is closing (UNAVAILABLE).
  case closed
}

/// Why a directory cannot be opened (exit code 3, or 2 for the configuration).
package enum EngineOpenError: Error, Sendable {
  case configuration(String)
  /// Another process holds the lock.
  case locked(path: String)
  /// A file of another format version: both versions are named.
  case unknownVersion(path: String, found: UInt32, supported: UInt32)
  /// A table of a version before this release's. Never leaves the opening, which makes it anew.
  case outdated(path: String, found: UInt32, supported: UInt32)
  /// Damage that this version cannot mend by itself.
  case damaged(path: String, what: String)
  case io(path: String, what: String)
}
