// The reader of the exposition must refuse what a scraper refuses, or it proves nothing.

import Testing
import VarveBase
import VarveServer

@Suite struct ExpositionTests {
  @Test(arguments: [
    "", "# HELP a A\n# TYPE a gauge\na 1", "a 1\n", "# TYPE a gauge\na 1\n",
    "# HELP a A\n# TYPE a gauge\nb 1\n", "# HELP a A\n# TYPE a gauge\na 1\na 2\n",
    "# HELP a A\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n", "# HELP a A\n# TYPE a gauge\na{x=1} 1\n",
    "# HELP a A\n# TYPE a gauge\na{x=\"1} 1\n", "# HELP a A\n# TYPE a gauge\na{x=\"\\t\"} 1\n",
    "# HELP a A\n# TYPE a gauge\na one\n", "# HELP a A\n# TYPE a gauge\na  1\n",
    "# HELP a A\n# TYPE a counter\na 1\n", "# HELP a_total A\n# TYPE a_total gauge\na_total 1\n",
    "# HELP a_total A\n# TYPE a_total counter\na_total -1\n",
    "# HELP a_ms A\n# TYPE a_ms gauge\na_ms 1\n", "# HELP a A\n# TYPE a summary\na 1\n",
    "# HELP a A\n# HELP a A\n# TYPE a gauge\na 1\n",
    "# HELP a A\n# TYPE a gauge\na 1\n# TYPE a gauge\na 1\n", "# HELP 1 A\n# TYPE 1 gauge\n1 1\n",
  ])
  func malformedTextsAreRefused(_ text: String) {
    #expect(throws: Exposition.Failure.self) { try Exposition(text) }
  }

  @Test(arguments: [
    // No +Inf; falling buckets; +Inf is not the count; borders that do not rise; no sum.
    ["_bucket{le=\"1\"} 1", "_sum 1", "_count 1"],
    ["_bucket{le=\"1\"} 2", "_bucket{le=\"+Inf\"} 1", "_sum 1", "_count 1"],
    ["_bucket{le=\"+Inf\"} 1", "_sum 1", "_count 2"],
    [
      "_bucket{le=\"2\"} 1", "_bucket{le=\"1\"} 1", "_bucket{le=\"+Inf\"} 1", "_sum 1", "_count 1",
    ], ["_bucket{le=\"+Inf\"} 1", "_count 1"],
  ])
  func malformedHistogramsAreRefused(_ samples: [String]) {
    let head = "# HELP h_seconds H\n# TYPE h_seconds histogram\n"
    let text = head + samples.map { "h_seconds\($0)\n" }.joined()
    #expect(throws: Exposition.Failure.self) { try Exposition(text) }
  }

  @Test func aGoodTextIsRead() throws {
    let read = try Exposition(
      """
      # HELP a_total A
      # TYPE a_total counter
      a_total{x="q\\"u\\\\o\\nte",y=""} 3
      a_total 4e2
      # HELP h_seconds H
      # TYPE h_seconds histogram
      h_seconds_bucket{le="0.5"} 1
      h_seconds_bucket{le="+Inf"} 2
      h_seconds_sum 1.25
      h_seconds_count 2

      """)
    #expect(read["a_total", ["x": "q\"u\\o\nte", "y": ""]] == 3)
    #expect(read["a_total"] == 400)
    #expect(read["h_seconds_sum"] == 1.25)
    #expect(read.names.contains("h_seconds_bucket"))
  }

  @Test func whatNamesHoldComesBackFromTheText() throws {
    var generator = SeededGenerator("label values")
    let letters: [Character] = ["\"", "\\", "\n", "{", "}", ",", "=", " ", "a", "é", "𝄞", "\u{1}"]
    for _ in 0..<300 {
      let count = Int.random(in: 0...12, using: &generator)
      let name = String(
        (0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
      var text = MetricsText()
      text.add([Gauge("a", name.isEmpty ? "A" : name, 7, labels: [("n", name), ("m", "x")])])
      #expect(try Exposition(text.text)["varve_a", ["n": name, "m": "x"]] == 7, "\(name)")
    }
  }

  @Test func aFamilyHoldsSoManyValuesAndNoMore() throws {
    let most = Limits.refusalReasonsMax
    let family = BoundedCounterFamily("r_total", "R", label: "reason", countMax: most)
    for number in 0..<most { family.add("reason-\(number)") }
    #expect(family.members.count == most)
    #expect(!family.members.contains { $0.0 == BoundedCounterFamily.rest })
    family.add("one more")
    family.add("and another")
    family.add("reason-0")
    #expect(family.members.count == most + 1)
    var text = MetricsText()
    text.add(family)
    let read = try Exposition(text.text)
    #expect(read["varve_r_total", ["reason": "other"]] == 2)
    #expect(read["varve_r_total", ["reason": "reason-0"]] == 2)
  }
}
