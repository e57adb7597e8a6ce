// The bounds of the server: connections, queues, HTTP and timeouts. Same rule as in `Limits`: each
// has a test at its edge.

package import VarveBase

extension Limits {
  // Accepting.
  package static let acceptBacklog = 511
  package static let acceptsAtOnce = 64
  /// Connections being told why they are not let in; more are closed without a word.
  package static let refusalsAtOnce = 32

  // Calls.
  /// A hundred years: sums with the wall clock stay far from overflow.
  package static let ttlSecondsMax: UInt64 = 3_155_760_000

  /// The longest a Drain waits.
  package static let drainSecondsMax: UInt32 = 86_400
  /// How often a Drain looks whether the calls have ended.
  package static let drainLookNanos: UInt64 = 20_000_000

  // What is shown.
  /// Limits that clients run into, as label values; what comes beyond counts under `other`.
  package static let refusalReasonsMax = 64
  /// Namespaces with metrics and a line on the status page of their own, lowest ids first; the
  /// others are one sum. Eight series each.
  package static let namespaceMetricsMax = 128
  /// Samples the status page looks back on: an hour.
  package static let statusSamplesMax = 720
  package static let statusSampleSeconds = 5
  /// Sockets a service manager may hand over.
  package static let activatedSocketsMax = 16

  // Descriptors counted at start beside connections and segments.
  /// Index tables: levels are logarithms of the size, a level has at most 15 runs.
  package static let tableFilesMax = 512
  /// HTTP (32), refusals (32), activated sockets (16), and under fifty of the engine and Dispatch.
  package static let otherDescriptorsMax = 128

  // HTTP (people and scrapers).
  package static let httpConnectionsMax = 32
  package static let httpRequestLineBytesMax = 2048
  package static let httpHeaderBytesMax = 8192
  package static let httpReceiveMillis = 5_000
  package static let httpSendMillis = 10_000

  // Framed connections.
  /// Bytes queued to a connection before a Get makes no further batch.
  package static let outgoingBytesMax = 16 << 20
  /// Bytes a Get asks of the engine at a time; also the size of a run.
  package static let getBatchBytes = 4 << 20
  /// The same of one that must read: it begins with this much, then as much as it has given so far,
  /// so that its first byte waits for a short read and the rest has long ones.
  package static let getFirstReadBytes = 1 << 20
  /// Small answers queued to a connection whose client does not read: over it, the reader waits.
  package static let outgoingFramesMax = 4096
  /// And in bytes: one longest answer always fits.
  package static let outgoingControlBytesMax = 8 << 20
  /// Queued answers that are not in the ledger: a connection's few KiB.
  package static let outgoingUncountedBytesMax = 16 << 10
  /// Payload bytes in one DATA or RESPONSE frame we send: small enough to be fair between streams.
  package static let sendFrameBytesMax = 4 << 20
  /// Vectors in one `sendmsg` (the kernel's IOV_MAX is 1024).
  package static let sendVectorsMax = 256
  /// Bytes received into scratch memory at a time.
  package static let receiveScratchBytes = 64 << 10
  /// How long a GOAWAY may take to leave before the connection is closed (contract).
  package static let goAwayMillis = 1_000
  /// Bytes read and dropped behind a GOAWAY; what is more the peer may keep.
  package static let goAwayReadBytesMax = 256 << 10
  /// The window the server gives each put: none, TCP's own is enough.
  package static let serverWindowBytes = 0

  // gRPC connections.
  /// Bytes received at a time: a page of 64 KiB in one call of the kernel, with its frame's head.
  package static let grpcScratchBytes = 256 << 10
  /// Bytes made ready for one write.
  package static let grpcWriteBytes = 1 << 20
  /// Answers waiting on one connection, pages apart, before its requests are refused.
  package static let grpcAnswerBytesMax = 8 << 20
  /// Bytes of one stream waiting before steps of progress are left out.
  package static let grpcProgressBytesMax = 64 << 10
}
