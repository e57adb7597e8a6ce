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
  package static let segmentBytesMax = 256 << 20
  package static let segmentsMin = 8
  // A page is at most half a segment (DESIGN §5).
  package static let pageBytesMax = segmentBytesMax / 2
  package static let blockBytes = 4096
  package static let unsyncedBytesMax = 64 << 20
  package static let syncIntervalMillisMax = 1000

  // The index.
  package static let tableBlockBytes = 16 << 10
  package static let memtableBytesDefault = 32 << 20
  package static let tablesBeforeMerge = 4
}
