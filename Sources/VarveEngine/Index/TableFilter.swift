// A blocked Bloom filter over page names: one cache line a question. Both kinds of probe ask it by
// the name, so a page that a table does not hold costs no read whatever the hint.
//
// payload of the filter block:
//   0   4  probes a name, 1 ... 14
//   4   4  blocks of 64 bytes; a filter of none says "maybe" to everything
//   8  64n  bits, bit b of a block in byte b/8, least significant first

internal import CLinux
internal import VarveBase

struct TableFilter: Sendable {
  /// More tell no more: blocks of 512 bits differ too much in how many names fall to them.
  static let bitsPerNameMax = 24.0
  /// With fewer there is no filter: it would pass most of what it is asked.
  static let bitsPerNameMin = 1.0
  static let probesMax = 14
  static let wordsPerBlock = 8
  static let headBytes = 8
  /// Nine bits each of one mixed hash.
  private static let probesOfHash = 7

  private var words: [UInt64]
  let probes: Int

  /// Takes no memory and knows nothing.
  static let none = TableFilter(words: [], probes: 6)

  private init(words: [UInt64], probes: Int) {
    self.words = words
    self.probes = probes
  }

  /// Room for `names`; more may be added at the price of more false answers.
  init(names: Int, bitsPerName: Double = Limits.filterBitsPerNameDefault) {
    let bytes = Self.byteCount(names: names, bitsPerName: bitsPerName)
    words = [UInt64](repeating: 0, count: bytes / 8)
    // Fewer than the ln 2 a bit of an ideal filter: within one block bits fill unevenly.
    let best = Int((min(bitsPerName, Self.bitsPerNameMax) * 0.6).rounded())
    probes = bytes == 0 ? Self.none.probes : max(1, min(Self.probesMax, best))
  }

  /// Memory and disk that a filter for so many names takes, in whole blocks of 64 bytes.
  static func byteCount(
    names: Int, bitsPerName: Double = Limits.filterBitsPerNameDefault
  ) -> Int {
    precondition(bitsPerName >= 0, "\(bitsPerName) bits a name")
    if bitsPerName < bitsPerNameMin { return 0 }
    let bits = Double(max(1, names)) * min(bitsPerName, bitsPerNameMax)
    return Int((bits / 512).rounded(.up)) * 64
  }

  init?(_ payload: [UInt8]) {
    guard payload.count >= Self.headBytes else { return nil }
    let span = payload.rawSpan
    let probes: UInt32 = span.load(0)
    let blocks: UInt32 = span.load(4)
    guard (1...Self.probesMax).contains(Int(probes)),
      payload.count == Self.headBytes + Int(blocks) * 64
    else { return nil }
    self.probes = Int(probes)
    words = []
    words.reserveCapacity(Int(blocks) * Self.wordsPerBlock)
    for index in 0..<Int(blocks) * Self.wordsPerBlock {
      words.append(span.load(Self.headBytes + index * 8))
    }
  }

  var byteCount: Int { words.count * 8 }

  var payload: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.headBytes + byteCount)
    bytes.appendLE(UInt32(probes))
    bytes.appendLE(UInt32(words.count / Self.wordsPerBlock))
    for word in words { bytes.appendLE(word) }
    return bytes
  }

  /// The hash of a name that all filters are asked with: products of its words, folded, each with a
  /// number of its own (as wyhash does; of four rounds of SplitMix64's finalizer, which this was, a
  /// look-up in memory spent a third of its time on them). Ids are hashes only by custom, so all of
  /// their bytes count.
  static func hash(_ name: PageName) -> UInt64 {
    hash(name.id, after: hash(namespace: name.namespace))
  }

  /// What filters know a window by: the namespace and the anchor.
  static func windowHash(namespace: UInt32, anchor0: UInt64, anchor1: UInt64) -> UInt64 {
    mix(mix(hash(namespace: namespace) ^ anchor0) ^ anchor1)
  }

  /// What the hashes of all names of a namespace begin with.
  static func hash(namespace: UInt32) -> UInt64 {
    mix(UInt64(namespace) &+ 0x9E37_79B9_7F4A_7C15)
  }

  @inline(__always)
  static func hash(_ id: PageID, after namespace: UInt64) -> UInt64 {
    let left = fold(id.word0 ^ namespace, id.word1 ^ 0xA076_1D64_78BD_642F)
    let right = fold(id.word2 ^ 0xE703_7ED1_A0B4_28DB, id.word3 ^ 0x8EBC_6AF0_9C88_C6E3)
    return fold(left ^ 0x5899_65CC_7537_4CC3, right ^ namespace)
  }

  /// Both halves of the product, folded.
  @inline(__always)
  private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  /// The hashes of pages of one namespace. A loop with nothing else in it, so that the processor
  /// has several ids under way: what waits for memory would hold it up.
  static func hash(_ ids: ArraySlice<PageID>, of namespace: UInt32, into hashes: inout [UInt64]) {
    let head = hash(namespace: namespace)
    hashes = unsafe Array(unsafeUninitializedCapacity: ids.count) { hashes, count in
      unsafe ids.withUnsafeBufferPointer { ids in
        for index in 0..<ids.count {
          unsafe hashes.initializeElement(at: index, to: hash(ids[index], after: head))
        }
      }
      count = ids.count
    }
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// First word of the block that a hash belongs to.
  private func block(_ hash: UInt64) -> Int {
    let blocks = UInt64(words.count / Self.wordsPerBlock)
    return Int(hash.multipliedFullWidth(by: blocks).high) * Self.wordsPerBlock
  }

  mutating func insert(_ hash: UInt64) {
    if words.isEmpty { return }
    let block = block(hash)
    var bits = Self.mix(hash &+ 1)
    for probe in 0..<probes {
      if probe == Self.probesOfHash { bits = Self.mix(hash &+ 2) }
      words[block + Int(bits & 511) / 64] |= 1 << (bits & 63)
      bits >>= 9
    }
  }

  /// Starts bringing in what `mayContain` will look at.
  func prefetch(_ hash: UInt64) {
    if words.isEmpty { return }
    unsafe words.withUnsafeBufferPointer { words in
      if let base = words.baseAddress { unsafe varve_prefetch(base + block(hash)) }
    }
  }

  /// False only when the name was never inserted.
  func mayContain(_ hash: UInt64) -> Bool {
    if words.isEmpty { return true }
    let block = block(hash)
    var bits = Self.mix(hash &+ 1)
    for probe in 0..<probes {
      if probe == Self.probesOfHash { bits = Self.mix(hash &+ 2) }
      if words[block + Int(bits & 511) / 64] & (1 << (bits & 63)) == 0 { return false }
      bits >>= 9
    }
    return true
  }
}
