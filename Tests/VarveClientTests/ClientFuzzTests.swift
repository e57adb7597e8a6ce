// A server that sends damaged answers: the client ends with an error or delivers true bytes, and
// never waits for what does not come.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@Suite struct ClientFuzzTests {
  /// SplitMix64, from VARVE_SEED where that is set; the seed is printed.
  struct Random {
    private var state: UInt64

    init(_ test: String) {
      let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
      state = given ?? UInt64.random(in: 0...UInt64.max)
      print("\(test): VARVE_SEED=\(state)")
    }

    mutating func below(_ bound: Int) -> Int {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
  }

  /// A good answer of a Get in frames, then damaged: in a head made right again, in a message, in
  /// the payload, by leaving frames out, or by cutting the end.
  static func answer(_ random: inout Random) -> [UInt8] {
    let joined = ClientGetTests.joined
    let run = ClientGetTests.whole.encode()
    let cut = 1 + random.below(joined.count - 1)
    var frames: [(head: FrameHeader, message: [UInt8], payload: [UInt8])] = [
      (FrameHeader(.response, stream: 1), run, Array(joined[..<cut])),
      (FrameHeader(.data, stream: 1), [], Array(joined[cut...])),
      (FrameHeader(.response, flags: .last, stream: 1), [], []),
    ]
    let target = random.below(2)
    switch random.below(6) {
    case 0: frames[target].head.type = FrameType(rawValue: UInt8(1 + random.below(12)))
    case 1: frames[target].head.flags = FrameFlags(rawValue: UInt8(random.below(4)))
    case 2: frames[0].message[random.below(run.count)] ^= 1 << UInt8(random.below(8))
    case 3:
      let index = random.below(frames[target].payload.count)
      frames[target].payload[index] ^= 1 << UInt8(random.below(8))
    case 4: frames.remove(at: random.below(3))
    default: frames.swapAt(0, 1 + random.below(2))
    }
    let bytes = frames.flatMap { frame in
      var head = frame.head
      head.messageBytes = frame.message.count
      head.payloadBytes = frame.payload.count
      return head.encode() + frame.message + frame.payload
    }
    return random.below(4) == 0 ? Array(bytes.prefix(random.below(bytes.count))) : bytes
  }

  @Test func damagedAnswersEndInAnErrorOrInTrueBytes() throws {
    var random = Random("damagedAnswersEndInAnErrorOrInTrueBytes")
    var errors = 0
    var delivered = 0
    for round in 0..<400 {
      let answer = Self.answer(&random)
      let server = try ScriptedServer { end in
        try end.hello()
        _ = try end.next()
        try end.send(answer)
      }
      let client = try Client(server.endpoint)
      let error = ClientCallTests.failure { () throws(ClientError) in
        try client.get(GetRequest(namespaceID: 7)) { page, status, bytes in
          if status == .present {
            delivered += 1
            #expect(ClientGetTests.sums.contains(XXH3.hash(bytes)), "round \(round) page \(page)")
          }
          return true
        }
      }
      if case .timeout? = error { Issue.record("round \(round) waited") }
      if error != nil { errors += 1 }
      client.close()
      _ = server.finish()
    }
    #expect(errors > 50 && delivered > 50, "the damage is neither mild nor wild only")
  }
}
