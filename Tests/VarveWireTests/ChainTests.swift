// Chains, ranges, puts and runs: what makes them invalid, at each edge.

import Testing
import VarveBase
import VarveWire

@Suite struct ChainTests {
  static let ids = MessageSamples.ids

  static func error<Value>(_ body: () throws(WireError) -> Value) -> WireError? {
    do throws(WireError) {
      _ = try body()
      return nil
    } catch {
      return error
    }
  }

  /// A Chain's bytes with `count` bytes in field `number`.
  static func bytes(field number: UInt8, count: Int) -> [UInt8] {
    var length: [UInt8] = []
    var left = count
    while left > 127 {
      length.append(UInt8(left & 127 | 128))
      left >>= 7
    }
    return [number << 3 | 2] + length + [UInt8(left)] + [UInt8](repeating: 1, count: count)
  }

  @Test func idsAreMultiplesOf32Bytes() throws {
    for (number, name) in [(1 as UInt8, "page_ids"), (2, "before")] {
      for count in [0, 32, 64] {
        #expect(MessageTests.refusal(Chain.self, Self.bytes(field: number, count: count)) == nil)
      }
      for count in [1, 31, 33, 63] {
        #expect(
          MessageTests.refusal(Chain.self, Self.bytes(field: number, count: count))
            == .invalid(
              field: "\(name) bytes", value: UInt64(count), rule: "must be a multiple of 32"))
      }
    }
  }

  @Test func beforeHoldsUpTo32IDs() {
    #expect(MessageTests.refusal(Chain.self, Self.bytes(field: 2, count: 32 * 32)) == nil)
    #expect(
      MessageTests.refusal(Chain.self, Self.bytes(field: 2, count: 33 * 32))
        == .invalid(field: "before", value: 33, rule: "at most 32 ids"))
  }

  @Test func aSeedHas0Or32Bytes() throws {
    for count in [1, 31, 33, 64] {
      #expect(
        MessageTests.refusal(Chain.self, Self.bytes(field: 6, count: count))
          == .invalid(field: "seed", value: UInt64(count), rule: "0 or 32 bytes"))
    }
    #expect(MessageTests.refusal(Chain.self, Self.bytes(field: 6, count: 32)) == nil)
    // A seed of zeros is a seed: it is hashed.
    let seeded = Chain(tokens: [1], pageTokens: 1, seed: .zero)
    let back = try MessageTests.roundTrip(seeded)
    #expect(back.seed == .zero)
    #expect(try back.resolve() != Chain(tokens: [1], pageTokens: 1).resolve())
  }

  @Test func idsAndTokensExcludeEachOther() {
    let both = Chain(pageIDs: [Self.ids[0]], tokens: [1], pageTokens: 1)
    let expected = WireError.invalid(
      field: "tokens", value: 1, rule: "page_ids and tokens are both set")
    #expect(MessageTests.refusal(Chain.self, both.encode()) == expected)
    #expect(Self.error { () throws(WireError) in try both.resolve() } == expected)
    #expect(
      MessageTests.refusal(Chain.self, Chain(tokens: [1]).encode())
        == .invalid(field: "page_tokens", value: 0, rule: "tokens need at least 1 a page"))
    // page_tokens without tokens says nothing.
    #expect(MessageTests.refusal(Chain.self, Chain(pageTokens: 64).encode()) == nil)
    // The rule holds inside a request as well.
    #expect(
      MessageTests.refusal(LookupRequest.self, LookupRequest(chain: both).encode()) == expected)
  }

  @Test func tokensResolveToSGLangsIDs() throws {
    let tokens = (1...200).map { UInt32($0) }
    let chain = Chain(tokens: tokens, pageTokens: 64)
    #expect(chain.pageCount == 3)
    #expect(try chain.resolve() == PageID.chain(tokens: tokens, pageTokens: 64))
    #expect(try Chain(pageIDs: Self.ids).resolve() == Self.ids)
    #expect(try Chain().resolve() == [])
  }

  @Test func pagesEndAtTheirLimit() throws {
    let most = Chain(tokens: [UInt32](repeating: 1, count: 21), pageTokens: 2)
    #expect(try most.resolve(pagesMax: 10).count == 10)
    for (chain, limit) in [(most, 9), (Chain(pageIDs: Self.ids), 2)] {
      #expect(
        Self.error { () throws(WireError) in try chain.resolve(pagesMax: limit) }
          == .overLimit(
            field: "pages", value: UInt64(limit + 1), limit: "max_pages",
            limitValue: UInt64(limit)))
    }
    #expect(try Chain(pageIDs: Self.ids).resolve(pagesMax: 3).count == 3)
  }

  @Test func rangesStayInsideTheirChain() throws {
    let good: [(UInt32, UInt32, Range<Int>)] = [
      (0, 0, 0..<5), (0, 5, 0..<5), (2, 0, 2..<5), (4, 1, 4..<5), (5, 0, 5..<5),
    ]
    for (first, count, range) in good {
      #expect(try Chain.range(first: first, count: count, of: 5) == range)
    }
    let bad: [(UInt32, UInt32, UInt64)] = [
      (0, 6, 6), (5, 1, 6), (6, 0, 6), (.max, 0, 0xffff_ffff), (.max, .max, 0x1_ffff_fffe),
    ]
    for (first, count, end) in bad {
      #expect(
        Self.error { () throws(WireError) in
          try Chain.range(first: first, count: count, of: 5)
        } == .invalid(field: "first + count", value: end, rule: "the chain has 5 pages"))
    }
    #expect(try Chain.range(first: 0, count: 0, of: 0) == 0..<0)
  }

  @Test func aPutsNumbersFitEachOther() throws {
    func plan(_ sizes: [UInt32], _ sums: Int, count: UInt32 = 3) -> Result<PutPlan, WireError> {
      let header = PutHeader(
        chain: Chain(pageIDs: Self.ids), count: count, pageBytes: sizes,
        checksum: [UInt64](repeating: 9, count: sums))
      return Result { () throws(WireError) in try header.resolve() }
    }
    let alike = try plan([7], 3).get()
    #expect(alike.pageBytes == [7, 7, 7])
    #expect(alike.totalBytes == 21)
    #expect(try plan([1, 2, 3], 3).get().pageBytes == [1, 2, 3])
    #expect(try plan([7], 3, count: 0).get().range == 0..<3)
    #expect(
      plan([7], 2)
        == .failure(.invalid(field: "checksum count", value: 2, rule: "the put has 3 pages")))
    let sizes = "1 or the number of pages, 3"
    for list in [[], [1, 2], [1, 2, 3, 4]] as [[UInt32]] {
      #expect(
        plan(list, 3)
          == .failure(
            .invalid(field: "page_bytes count", value: UInt64(list.count), rule: sizes)))
    }
    #expect(
      plan([1, 0, 3], 3)
        == .failure(.invalid(field: "page_bytes", value: 0, rule: "page 1 has no bytes")))
    let nothing = PutHeader(chain: Chain(pageIDs: Self.ids), first: 3)
    #expect(try nothing.resolve().count == 0)
  }

  @Test func aRunsShortFormsAreWrittenOut() throws {
    let run = PageRun(first: 4, pageBytes: [5], checksum: [1, 2])
    let pages = try run.pages()
    #expect(pages.map(\.index) == [4, 5])
    #expect(pages.map(\.pageBytes) == [5, 5])
    #expect(pages.map(\.status) == [.present, .present])
    #expect(try PageRun().pages().isEmpty)
    let bad = [
      PageRun(pageBytes: [5]), PageRun(pageBytes: [1, 2], checksum: [1]), PageRun(checksum: [1]),
      PageRun(pageBytes: [1], checksum: [1], status: [.present, .present]),
      PageRun(first: .max, pageBytes: [1], checksum: [1]),
    ]
    for run in bad {
      #expect(Self.error { () throws(WireError) in try run.pages() }?.code == .invalidArgument)
    }
  }

  @Test func bitmapsCountFromTheLeastBit() throws {
    var bits = PageBitmap(count: 10)
    #expect(bits.bytes == [0, 0] && bits.isEmpty)
    bits[0] = true
    bits[3] = true
    bits[9] = true
    #expect(bits.bytes == [0b1001, 0b10])
    #expect(bits.marked == 3)
    bits[3] = false
    #expect(bits.bytes == [1, 2])
    #expect(PageBitmap(bytes: [1, 2], count: 10) == bits)
    #expect(PageBitmap(bytes: [1, 4], count: 10) == nil, "a page beyond the count")
    #expect(PageBitmap(bytes: [1], count: 10) == nil)
    #expect(PageBitmap(bytes: [1, 2, 0], count: 10) == nil)
    #expect(PageBitmap(bytes: [], count: 0)?.isEmpty == true)
    #expect(PageBitmap(bytes: [0xff], count: 8)?.marked == 8)
  }
}
