// Bits turned over, one at a time, in everything a small store has on its disk: each must be told
// by `dump` (that is: by the readers of the format), none may make the engine serve a wrong byte,
// and what is not damaged itself must still be served.

import Synchronization
import VarveBase
import VarveEngine
import VarveFile

/// Numbers of one kind of damage.
struct FlipCount {
  var flips = 0
  var undetected = 0
  var wrong = 0
  var notStarted = 0
  /// Pages that were not damaged themselves, and how many of them were served.
  var undamaged = 0
  var served = 0
}

struct FlipRun {
  static let directory = "/data"
  let seed: UInt64
  let every: Int
  let payloadFlips: Int
  var verdict = Verdict()
  private var dice: Dice

  init(seed: UInt64, every: Int, payloadFlips: Int) {
    precondition(every > 0, "every \(every). bit")
    self.seed = seed
    self.every = every
    self.payloadFlips = payloadFlips
    dice = Dice(seed)
  }

  mutating func run(canary: Bool) throws {
    PageChecks.areOff.store(canary, ordering: .relaxed)
    defer { PageChecks.areOff.store(false, ordering: .relaxed) }
    let sealed = try FlipImage.sealed()
    for target in try sealed.metadata() { finish(target.kind, try flip(target, of: sealed)) }
    let tail = try FlipImage.tail()
    for target in try tail.tailHeaders() { finish(target.kind, try flip(target, of: tail)) }
    var swaps = FlipCount()
    try misdirect(sealed, &swaps)
    finish("stale and misdirected segments", swaps)
    var payload = FlipCount()
    try flipPayloads(&payload)
    finish("payloads", payload)
  }

  private mutating func finish(_ kind: String, _ count: FlipCount) {
    let share = count.undamaged == 0 ? 1 : Double(count.served) / Double(count.undamaged)
    print(
      "\(kind): \(count.flips) flips, \(count.undetected) undetected, \(count.wrong) wrong pages, "
        + "\(count.notStarted) not started, \(count.served) of \(count.undamaged) undamaged pages "
        + "served (\(Double(Int(share * 10_000)) / 100) %)")
    verdict.check(count.undetected == 0, "\(kind): \(count.undetected) flips went unnoticed")
    verdict.check(count.wrong == 0, "\(kind): \(count.wrong) wrong pages were served")
    verdict.check(count.notStarted == 0, "\(kind): \(count.notStarted) stores did not start")
    verdict.check(share >= 0.95, "\(kind): \(share) of the undamaged pages were served")
  }

  // MARK: - Metadata

  private mutating func flip(_ target: FlipTarget, of image: FlipImage) throws -> FlipCount {
    var count = FlipCount()
    for piece in target.pieces {
      let sound = Self.dump(image.files, piece.path).text
      for bit in stride(from: piece.bytes.lowerBound * 8, to: piece.bytes.upperBound * 8, by: every)
      {
        let files = image.files.crashClone(.all)
        files.flipBit(bit, of: piece.path)
        let dump = Self.dump(files, piece.path)
        count.flips += 1
        if dump.damages == 0, dump.text == sound {
          count.undetected += 1
          print("unnoticed: bit \(bit) of \(piece.path)")
        }
        if target.losesCurrent { try files.remove(Self.directory + "/CURRENT") }
        count.undamaged += image.pages.count - piece.pagesDamaged
        try read(image, files, "bit \(bit) of \(piece.path)", &count)
      }
    }
    return count
  }

  private static func dump(
    _ files: MemoryFileSystem, _ path: String
  ) -> (text: String, damages: Int) {
    var text = ""
    var dump = FileDump(files, path: path) { text += $0 + "\n" }
    _ = dump.run()
    return (text, dump.damages)
  }

  /// Opens the store and reads every page of it.
  private func read(
    _ image: FlipImage, _ files: MemoryFileSystem, _ note: String, _ count: inout FlipCount
  ) throws {
    let store: FaultStore
    do {
      store = try FaultStore(FaultStore.configuration(Self.directory), files: files)
    } catch {
      count.notStarted += 1
      return print("not started: \(note): \(error)")
    }
    defer { store.close() }
    let reading = try store.read(image.pages, image.namespace)
    let cleared = try store.read(image.cleared, image.clearedNamespace)
    let deleted = try store.read(image.deleted, image.namespace)
    count.served += reading.served
    let wrong =
      reading.wrong + cleared.wrong + cleared.served + deleted.wrong + deleted.served
    count.wrong += wrong
    if wrong > 0 { print("wrong: \(note)") }
  }

  // MARK: - Segments in the wrong place

  /// Every segment in the place of every other, and every segment as it was after each extent.
  private mutating func misdirect(_ image: FlipImage, _ count: inout FlipCount) throws {
    let names = try image.files.list(Self.directory + "/segments")
    let perSegment = image.pages.count / names.count
    for victim in names {
      let path = Self.directory + "/segments/" + victim
      let own = try image.files.readAll(path)
      var others: [[UInt8]] = []
      for name in names where name != victim {
        others.append(try image.files.readAll(Self.directory + "/segments/" + name))
      }
      for end in stride(from: 4096, to: own.count, by: 4096) { others.append(Array(own[..<end])) }
      for other in others {
        let files = image.files.crashClone(.all)
        try files.remove(path)
        try files.writeAll(path, other)
        count.flips += 1
        if Self.dump(files, path) == Self.dump(image.files, path) { count.undetected += 1 }
        count.undamaged += image.pages.count - perSegment
        var found = FlipCount()
        try read(image, files, "\(other.count) bytes in the place of \(victim)", &found)
        count.wrong += found.wrong
        count.notStarted += found.notStarted
        count.served += min(found.served, image.pages.count - perSegment)
      }
    }
  }

  // MARK: - Payloads

  /// Half of the pages of a store get one flipped bit each, at random; all are read.
  private mutating func flipPayloads(_ count: inout FlipCount) throws {
    let image = try FlipImage.payloads()
    let places = try image.places()
    while count.flips < payloadFlips {
      let files = image.files.crashClone(.all)
      var chosen = Set<Int>()
      for index in image.pages.indices.shuffled(using: &dice).prefix(image.pages.count / 2) {
        guard let place = places[image.pages[index].id] else { continue }
        chosen.insert(index)
        let bit = Int.random(in: 0..<image.pages[index].bytes.count * 8, using: &dice)
        files.flipBit(place.offset * 8 + bit, of: place.path)
      }
      let store = try FaultStore(FaultStore.configuration(Self.directory), files: files)
      defer { store.close() }
      let reading = try store.read(image.pages, image.namespace)
      count.flips += chosen.count
      count.undetected += max(0, chosen.count - reading.damaged - reading.wrong)
      count.wrong += reading.wrong
      count.undamaged += image.pages.count - chosen.count
      count.served += reading.served
    }
  }
}
