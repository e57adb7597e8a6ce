import Testing
import VarveBase

@testable import varvectl

/// The values were made by the Python package's `trace.py`: both must write the same pages.
struct TracePagesTests {
  private let pages = TracePages(traceName: "weka_v8_ci")

  private func content(_ id: PageID, _ byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    pages.appendContent(of: id, byteCount: byteCount, to: &bytes)
    return bytes
  }

  @Test func `Page ids are golden`() {
    #expect(
      pages.id(ofBlock: 7).hex
        == "753e0006afaf57035272a819ec8ff81beada918ea69fa6ef54046d45e4a3e757")
    #expect(
      TracePages(traceName: "µ").id(ofBlock: 1 << 40).hex
        == "6e0426f6b784f9ab61205a5e21d0f54bdf28c458e2348613287dc6025779653b")
  }

  @Test func `Page bytes are golden, also where they wrap around the pool`() {
    let id = pages.id(ofBlock: 7)
    #expect(
      PageID.sha256(content(id, 4096)).hex
        == "be9692fcc318595ea4594c323bcc05813dbe0cc77225116a0facb33b827f33d6")
    #expect(
      PageID.sha256(content(id, 3 << 20)).hex
        == "d351bbbc6d32f09b126fb3523f49d7dd8ee641d2cc4a19136b4a821fd8498fee")
    #expect(Array(content(id, 64)[..<32]) == id.bytes)
  }

  @Test func `A page has the bytes asked for, the shortest too`() {
    let id = pages.id(ofBlock: 0)
    for count in [1, 31, 32, 33, 4096, TracePages.poolBytes, TracePages.poolBytes + 33] {
      #expect(content(id, count).count == count)
    }
  }

  @Test func `Every changed byte is counted`() {
    let id = pages.id(ofBlock: 3)
    var bytes = content(id, 5000)
    #expect(pages.wrongByteCount(bytes.rawSpan, of: id) == 0)
    for (index, at) in [0, 31, 32, 4999].enumerated() {
      bytes[at] ^= 1
      #expect(pages.wrongByteCount(bytes.rawSpan, of: id) == index + 1)
    }
    let other = content(pages.id(ofBlock: 4), 5000)
    #expect(pages.wrongByteCount(other.rawSpan, of: id) > 4900)
  }
}
