// Who holds how much of the arena, and who waits until there is room again. Part of the arena's
// state, under its lock.

internal import VarveBase

/// Chunks that gets keep where they are, by namespace, and the line of those that found no room.
struct ArenaRoom {
  struct Waiter {
    let claimant: Claimant
    let chunks: Int
    let job: @Sendable (RoomPromise) -> Void
  }

  /// Chunks of pages that are leased or being read, and of promises.
  private(set) var held: [UInt32: Int] = [:]
  private(set) var promisedChunks = 0
  var line = FairQueue<Waiter>()

  mutating func hold(_ chunks: Int, of namespace: UInt32) {
    held[namespace, default: 0] += chunks
  }

  mutating func letGo(_ chunks: Int, of namespace: UInt32) {
    let left = (held[namespace] ?? 0) - chunks
    precondition(left >= 0, "namespace \(namespace) lets go of more than it holds")
    held[namespace] = left == 0 ? nil : left
  }

  mutating func promise(_ chunks: Int, to claimant: Claimant) {
    promisedChunks += chunks
    hold(chunks, of: claimant.namespace)
  }

  mutating func settle(_ promise: RoomPromise) {
    let chunks = promise.take()
    promisedChunks -= chunks
    letGo(chunks, of: promise.claimant.namespace)
  }
}

/// Room in the arena that one batch may take; what is not taken goes back with the object.
package final class RoomPromise: Sendable {
  let claimant: Claimant
  private let arena: PageArena
  private let chunks: Locked<Int>

  init(_ chunks: Int, to claimant: Claimant, in arena: PageArena) {
    self.claimant = claimant
    self.arena = arena
    self.chunks = Locked(chunks)
  }

  deinit { arena.settle(self) }

  /// What was promised, once.
  func take() -> Int {
    chunks.withLock { chunks in
      defer { chunks = 0 }
      return chunks
    }
  }
}

extension ArenaState {
  /// Of the arena, what gets may hold; the rest is for pages that puts bring.
  var roomChunks: Int { chunkCount - chunkCount / 4 }

  /// Chunks of pages that are leased or being read.
  var pinnedChunks: Int { chunkCount - freeChunks.count - evictableChunks - stagedChunks }

  /// Room that nobody holds or was promised.
  var roomLeft: Int { roomChunks - pinnedChunks - room.promisedChunks }

  /// Whether a batch that needs so many chunks more may have them.
  func admits(_ chunks: Int, of claimant: Claimant) -> Bool {
    if chunks == 0 || claimant.isEngine { return true }
    // What is larger than all the room must go as well, alone.
    if pinnedChunks + room.promisedChunks == 0 { return true }
    return FairShare.admits(
      claimant, held: room.held[claimant.namespace] ?? 0, adding: chunks, free: roomLeft)
  }

  /// The waiters for whom there is room now; it is theirs from here on.
  mutating func popReady(in arena: PageArena) -> [(ArenaRoom.Waiter, RoomPromise)] {
    var ready: [(ArenaRoom.Waiter, RoomPromise)] = []
    while let waiter = popReady() {
      room.promise(waiter.chunks, to: waiter.claimant)
      ready.append((waiter, RoomPromise(waiter.chunks, to: waiter.claimant, in: arena)))
    }
    return ready
  }

  private mutating func popReady() -> ArenaRoom.Waiter? {
    var line = ArenaRoom().line
    swap(&line, &room.line)
    defer { swap(&line, &room.line) }
    return line.popFirst { admits($1.chunks, of: $0) }
  }
}
