// Every bound of the daemon by name. A queue, buffer, loop or count without a line here is a bug;
// each has a test at its edge. Units and direction are the last words of the name.

/// Bounds that are part of the contract with clients (frames, messages, pages).
package enum Limits {
  // Frames (contract, "Limits").
  package static let frameHeaderBytes = 32  // 28 and their CRC32C
  package static let messageBytesMax = 8 << 20
  package static let helloBytesMax = 16 << 10
  package static let payloadBytesMax = 16 << 20
  package static let pingBytesMax = 64
  // Fields of one message: bounds what unpacking costs (about 100 bytes a field). Repeated numbers
  // that are not packed count one each, so this must exceed twice `pagesMax`.
  package static let messageFieldsMax = 300_000
  package static let preHelloBufferBytesMax = 16 << 10

  // Connections and streams.
  package static let streamsMax = 256
  package static let connectionsMax = 1024
  package static let pagesMax = 131_072

  // Threads.
  package static let ioThreadsMax = 64

  // Names and pages.
  package static let pageIDBytes = 32
  package static let beforePagesMax = 32
  package static let namespaceNameBytesMax = 1024
  package static let descriptionBytesMax = 4096
  package static let namespacesMax = 65_536

  // The log (DESIGN §5).
  package static let windowPages = 32
  package static let extentPagesMax = 32
  package static let extentPayloadBytesMax = 16 << 20
  package static let segmentBytesMin = 4 << 20
  /// In simulations, where a segment's life should cost little.
  package static let segmentBytesSimulatedMin = 64 << 10
  package static let segmentBytesMax = 256 << 20
  package static let segmentsMin = 8
  /// An exbibyte: sums of sizes stay far from overflow.
  package static let capacityBytesMax: UInt64 = 1 << 60
  // A page is at most half a segment (DESIGN §5).
  package static let pageBytesMax = segmentBytesMax / 2
  package static let blockBytes = 4096
  package static let unsyncedBytesMax = 64 << 20
  /// Written and unsynced bytes with which a sync begins ahead of its time: puts go on meanwhile,
  /// and do not come to the bound.
  package static let syncStartBytesMin = 16 << 20
  package static let syncIntervalMillisMax = 1000

  /// 48 control entries with a whole window place each need 7,984 bytes; in extents of version 1
  /// they needed 10,960.
  package static let extentHeaderBytesMax = 12 << 10
  package static let extentControlsMax = 48
  /// Pages of one put that make an extent together: it is written while the next is received.
  package static let putExtentBytesMax = 4 << 20
  /// What a put receives at once: it is hashed before it has left the processor's caches.
  package static let putReceiveBytesMax = 256 << 10
  /// Extents that say the same of control entries: nothing else repeats them until the seal.
  package static let controlCopies = 2
  package static let stagingClassBytesMin = 64 << 10

  // Reads.
  package static let arenaChunkBytes = 64 << 10
  /// Pages that a get looks for in memory, and reads in the order of the log, together.
  package static let getBatchPagesMax = 512
  package static let joinedReadBytesMax = 4 << 20
  package static let joinedReadGapBytesMax = 64 << 10
  /// What one job of reading ahead reads, at least a page: two reads.
  package static let readAheadJobBytesMax = 8 << 20
  /// How far ahead of what it has made a get that must read has the disk read, and in steps of at
  /// least how much.
  package static let getAheadBytes = 8 << 20
  package static let getAheadStepBytes = 4 << 20
  package static let scanWindowBytes = 64 << 10
  package static let ioQueueMax = 4096
  /// Gets that wait until pages of others have left memory.
  package static let roomLineMax = 4096
  /// Of a namespace, beside the others; 1 where none is said.
  package static let weightMax = 100

  // The index.
  package static let tableBlockBytes = 16 << 10
  package static let tableNamesBytes = 64 << 10
  /// Deleted names that memory keeps beside the fingerprint table; with more it is given up.
  package static let fingerprintRemovedMax = 65_536
  /// The table takes at most this part of all memory.
  package static let fingerprintsMemoryPart = 10
  package static let tableWriteBytes = 256 << 10
  /// One read of the check of a whole table.
  package static let tableReadBytes = 1 << 20
  package static let memtableBytesDefault = 32 << 20
  package static let memtableBytesMax = 1 << 30
  package static let filterBitsPerNameDefault = 10.0
  package static let filterBitsPerNameMax = 20.0
  package static let manifestBytesBeforeRoll = 1 << 20
  /// Held back for manifest, CURRENT, LOCK and the namespace table: two manifests while it rolls.
  package static let manifestBytesReserved = 3 << 20
  package static let flushWaitNanosMax: UInt64 = 10_000_000_000
  package static let mergeThreadsDefault = 2
  package static let mergeThreadsMax = 8
  package static let mergeBytesPerSecondDefault = 256.0 * 1_048_576
  package static let mergeBytesPerSecondMin = 65_536.0
  /// Runs in level 0 beyond which puts wait, each so long at most: more than any K, so that moving
  /// the shape stalls nobody.
  package static let topRunsMax = 24
  package static let mergeWaitNanosMax: UInt64 = 1_000_000_000

  /// What the file system keeps free where `min_free` says nothing.
  package static let minFreePercent: UInt64 = 2
  /// Two failed syncs within this time make the store read-only.
  package static let syncFailureNanosMax: UInt64 = 60_000_000_000

  // Scrubbing.
  package static let scrubReadBytes = 1 << 20
  /// Where the request names no rate: about a tenth of what a fast disk gives.
  package static let scrubBytesPerSecondDefault = 256.0 * 1_048_576
  package static let scrubBytesPerSecondMin = 65_536.0
  /// Steps of long work are told no more often, and waits are no longer.
  package static let workStepNanos: UInt64 = 100_000_000

  // Eviction: how long a reader may hold a victim's file open.
  package static let victimReaderNanosMax: UInt64 = 2_000_000_000
}
