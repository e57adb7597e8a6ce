// The line that namespaces share: order within one, cost by weight between them, as text.

import Testing
import VarveBase

@testable import VarveEngine

@Suite struct FairQueueTests {
  private static func claimant(_ namespace: UInt32, weight: Int = 1) -> Claimant {
    Claimant(namespace: namespace, weight: weight)
  }

  /// Pops everything; entries are named by namespace and number.
  private static func drain(_ queue: inout FairQueue<String>) -> String {
    var order: [String] = []
    while let next = queue.popFirst() { order.append(next) }
    return order.joined(separator: " ")
  }

  @Test func oneNamespaceIsServedInItsOrder() {
    var queue = FairQueue<String>()
    for number in 0..<5 {
      queue.append("a\(number)", of: Self.claimant(1), cost: number % 2 == 0 ? 1 : 1000)
    }
    #expect(Self.drain(&queue) == "a0 a1 a2 a3 a4")
    #expect(queue.isEmpty)
  }

  @Test func whoComesWithOneDoesNotWaitForAHundred() {
    var queue = FairQueue<String>()
    for number in 0..<100 { queue.append("a\(number)", of: Self.claimant(1), cost: 4 << 20) }
    #expect(queue.popFirst() == "a0")
    #expect(queue.popFirst() == "a1")
    queue.append("b0", of: Self.claimant(2), cost: 4 << 20)
    // It is due now; the other's next one was due before it came.
    #expect(queue.popFirst() == "b0")
    #expect(queue.popFirst() == "a2")
  }

  @Test func costIsSharedByWeight() {
    var queue = FairQueue<String>()
    for number in 0..<8 { queue.append("a\(number)", of: Self.claimant(1), cost: 1 << 20) }
    for number in 0..<8 {
      queue.append("b\(number)", of: Self.claimant(2, weight: 3), cost: 1 << 20)
    }
    for number in 0..<2 { queue.append("c\(number)", of: Self.claimant(3), cost: 4 << 20) }
    #expect(
      Self.drain(&queue) == "a0 b0 c0 b1 b2 a1 b3 b4 b5 a2 b6 b7 a3 a4 c1 a5 a6 a7")
  }

  @Test func aClaimantThatMayNotGoStopsNobody() {
    var queue = FairQueue<String>()
    for number in 0..<2 { queue.append("a\(number)", of: Self.claimant(1), cost: 1) }
    queue.append("b0", of: Self.claimant(2), cost: 1)
    #expect(queue.popFirst { claimant, _ in claimant.namespace != 1 } == "b0")
    #expect(queue.popFirst { claimant, _ in claimant.namespace != 1 } == nil)
    #expect(queue.count == 2 && queue.count(of: Self.claimant(1)) == 2)
    #expect(Self.drain(&queue) == "a0 a1")
  }

  /// Whatever comes and goes: nothing is lost, each namespace's order holds, and while all of them
  /// wait none gets more than its share and one entry beyond.
  @Test func sharesHoldInEveryOrder() {
    var dice = StoreDice.seeded("fairQueue")
    for _ in 0..<50 {
      var queue = FairQueue<(UInt32, Int)>()
      let claimants = (1...4).map { Self.claimant($0, weight: 1 + dice.below(4)) }
      var sent = [UInt32: Int](), served = [UInt32: Int](), cost = [UInt32: Int]()
      let most = 1000
      for claimant in claimants {
        for _ in 0..<200 {
          let bytes = 1 + dice.below(most)
          queue.append((claimant.namespace, bytes), of: claimant, cost: bytes)
          sent[claimant.namespace, default: 0] += 1
        }
      }
      while let (namespace, bytes) = queue.popFirst() {
        served[namespace, default: 0] += 1
        cost[namespace, default: 0] += bytes
        guard claimants.allSatisfy({ queue.count(of: $0) > 0 }) else { continue }
        let each = claimants.map { (cost[$0.namespace] ?? 0) / $0.weight }
        #expect((each.max() ?? 0) - (each.min() ?? 0) <= 2 * most, "\(each)")
      }
      #expect(served == sent)
    }
  }
}

@Suite struct FairShareTests {
  /// What each gets of `total` when all take single units as long as they may, and let one go in
  /// every round.
  private static func split(_ total: Int, _ weights: [Int]) -> [Int] {
    var held = [Int](repeating: 0, count: weights.count)
    for _ in 0..<2 * total {
      for index in held.indices where held[index] > 0 { held[index] -= 1 }
      var goesOn = true
      while goesOn {
        goesOn = false
        for (index, weight) in weights.enumerated() {
          let claimant = Claimant(namespace: UInt32(index + 1), weight: weight)
          let free = total - held.reduce(0, +)
          if FairShare.admits(claimant, held: held[index], adding: 1, free: free) {
            held[index] += 1
            goesOn = true
          }
        }
      }
    }
    return held
  }

  @Test func aloneNearlyAllTogetherAlike() {
    #expect(Self.split(90, [1]) == [80])
    #expect(Self.split(170, [1, 1]) == [80, 80])
    #expect(Self.split(810, Array(repeating: 1, count: 10)) == Array(repeating: 80, count: 10))
    let weighed = Self.split(330, [1, 3])
    #expect((80...88).contains(weighed[0]) && (232...240).contains(weighed[1]), "\(weighed)")
  }

  @Test func whoHasNothingGetsTheFirstOfWhatIsLeft() {
    let claimant = Claimant(namespace: 1, weight: 1)
    #expect(FairShare.admits(claimant, held: 0, adding: 10, free: 10))
    #expect(!FairShare.admits(claimant, held: 0, adding: 11, free: 10))
    #expect(!FairShare.admits(claimant, held: 1, adding: 10, free: 10))
    #expect(FairShare.admits(.engine, held: 1000, adding: 10, free: 10))
  }
}
