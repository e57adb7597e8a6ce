// The pages a request is about: ids as they stand, or tokens to be hashed. Everything that makes a
// chain invalid is decided here.

internal import CVarveProto
package import VarveBase

/// A run of consecutive pages of one sequence. `first`, `count`, page and bit numbers of a request
/// are indices into it.
package struct Chain: WireMessage, Hashable {
  package var pageIDs: [PageID]
  /// Hint: up to 32 ids just before the first page, nearest last; may be empty, short or wrong.
  package var before: [PageID]
  /// Hint: the first page begins its sequence.
  package var atRoot: Bool
  /// Instead of ids: the server hashes them.
  package var tokens: [UInt32]
  package var pageTokens: UInt32
  /// The id before the first page of `tokens`.
  package var seed: PageID?

  package init(
    pageIDs: [PageID] = [], before: [PageID] = [], atRoot: Bool = false, tokens: [UInt32] = [],
    pageTokens: UInt32 = 0, seed: PageID? = nil
  ) {
    self.pageIDs = pageIDs
    self.before = before
    self.atRoot = atRoot
    self.tokens = tokens
    self.pageTokens = pageTokens
    self.seed = seed
  }

  /// Number of pages, without hashing anything.
  package var pageCount: Int {
    guard !tokens.isEmpty, pageTokens > 0 else { return pageIDs.count }
    return tokens.count / Int(pageTokens)
  }

  /// The ids of the chain, hashed from tokens where those were given. Refuses more than `pagesMax`
  /// pages before hashing any.
  package func resolve(pagesMax: Int = Limits.pagesMax) throws(WireError) -> [PageID] {
    try checkTokens()
    guard pageCount <= pagesMax else {
      throw .overLimit(
        field: "pages", value: UInt64(pageCount), limit: "max_pages", limitValue: UInt64(pagesMax))
    }
    guard !tokens.isEmpty else { return pageIDs }
    return PageID.chain(tokens: tokens, pageTokens: Int(pageTokens), seed: seed)
  }

  /// The pages that `first` and `count` (0: to the end) name in a chain of `length`.
  package static func range(
    first: UInt32, count: UInt32, of length: Int
  ) throws(WireError) -> Range<Int> {
    let start = Int(first)
    let end = count == 0 ? max(length, start) : start + Int(count)
    guard end <= length else {
      throw .invalid(
        field: "first + count", value: UInt64(end), rule: "the chain has \(length) pages")
    }
    return start..<end
  }

  private func checkTokens() throws(WireError) {
    guard !tokens.isEmpty else { return }
    guard pageIDs.isEmpty else {
      throw .invalid(
        field: "tokens", value: UInt64(tokens.count), rule: "page_ids and tokens are both set")
    }
    guard pageTokens > 0 else {
      throw .invalid(field: "page_tokens", value: 0, rule: "tokens need at least 1 a page")
    }
  }
}

extension Chain: ProtobufMessage {
  static var defaults: Chain { Chain() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Chain())
    unsafe varve__v1__chain__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Chain.self).pointee
    try Self.checkIDs("page_ids", unsafe c.page_ids.len)
    try Self.checkIDs("before", unsafe c.before.len)
    let beforeCount = unsafe c.before.len / PageID.byteCount
    guard beforeCount <= Limits.beforePagesMax else {
      throw .invalid(
        field: "before", value: UInt64(beforeCount), rule: "at most \(Limits.beforePagesMax) ids")
    }
    guard unsafe c.seed.len == 0 || c.seed.len == PageID.byteCount else {
      throw .invalid(field: "seed", value: unsafe UInt64(c.seed.len), rule: "0 or 32 bytes")
    }
    pageIDs = unsafe ProtobufArray.ids(c.page_ids)
    before = unsafe ProtobufArray.ids(c.before)
    atRoot = unsafe c.at_root != 0
    tokens = unsafe ProtobufArray.numbers(c.tokens, c.n_tokens)
    pageTokens = unsafe c.page_tokens
    seed = unsafe ProtobufArray.ids(c.seed).first
    try checkTokens()
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Chain.self)
    unsafe c.pointee.page_ids = unsafe arena.ids(pageIDs)
    unsafe c.pointee.before = unsafe arena.ids(before)
    unsafe c.pointee.at_root = atRoot ? 1 : 0
    unsafe c.pointee.tokens = unsafe arena.array(tokens)
    unsafe c.pointee.n_tokens = tokens.count
    unsafe c.pointee.page_tokens = pageTokens
    if let seed { unsafe c.pointee.seed = unsafe arena.ids([seed]) }
  }

  private static func checkIDs(_ field: String, _ byteCount: Int) throws(WireError) {
    guard byteCount % PageID.byteCount == 0 else {
      throw .invalid(
        field: "\(field) bytes", value: UInt64(byteCount), rule: "must be a multiple of 32")
    }
  }
}
