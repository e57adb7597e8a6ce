// What can be judged of a frame from its head: every rule at its edge.

import Testing
import VarveBase
import VarveWire

@Suite struct FrameRuleTests {
  /// A head with a right CRC, whatever stands in it.
  static func head(
    type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, message: UInt32 = 0, payload: UInt64 = 0,
    reserved: UInt32 = 0
  ) -> [UInt8] {
    var bytes: [UInt8] = Array("VRV1".utf8) + [type, flags, 0, 0]
    bytes.appendLE(stream)
    bytes.appendLE(message)
    bytes.appendLE(payload)
    bytes.appendLE(reserved)
    bytes.appendLE(CRC32C.checksum(bytes))
    return bytes
  }

  static func judge(_ bytes: [UInt8], payloadMax: Int = Limits.payloadBytesMax) -> FrameError? {
    do throws(FrameError) {
      _ = try FrameHeader(decoding: bytes.rawSpan, payloadBytesMax: payloadMax)
      return nil
    } catch {
      return error
    }
  }

  static let hello: UInt8 = 1
  static let request: UInt8 = 3
  static let data: UInt8 = 4
  static let response: UInt8 = 5

  @Test func theHeaderLengthEndsAtItsLimit() {
    let most = UInt32(8 << 20)
    #expect(Self.judge(Self.head(type: Self.request, stream: 1, message: most)) == nil)
    #expect(
      Self.judge(Self.head(type: Self.request, stream: 1, message: most + 1))
        == .messageTooLong(.request, byteCount: UInt64(most) + 1, limit: 8 << 20))
    #expect(Self.judge(Self.head(type: Self.hello, message: 16 << 10)) == nil)
    #expect(
      Self.judge(Self.head(type: Self.hello, message: 16 << 10 + 1))
        == .messageTooLong(.hello, byteCount: 16 << 10 + 1, limit: 16 << 10))
  }

  @Test func thePayloadEndsAtTheReceiversLimit() {
    for limit in [1000, 16 << 20] {
      let most = UInt64(limit)
      for type in [Self.data, Self.response, 77] {
        #expect(
          Self.judge(Self.head(type: type, stream: 1, payload: most), payloadMax: limit) == nil)
        #expect(
          Self.judge(Self.head(type: type, stream: 1, payload: most + 1), payloadMax: limit)
            == .payloadTooLong(FrameType(rawValue: type), byteCount: most + 1, limit: limit))
      }
    }
    #expect(
      Self.judge(Self.head(type: Self.data, stream: 1, payload: .max))
        == .payloadTooLong(.data, byteCount: .max, limit: 16 << 20))
  }

  @Test func aPingCarriesUpTo64Bytes() {
    for type: UInt8 in [8, 9] {
      #expect(Self.judge(Self.head(type: type, payload: 64)) == nil)
      #expect(
        Self.judge(Self.head(type: type, payload: 65))
          == .payloadTooLong(FrameType(rawValue: type), byteCount: 65, limit: 64))
    }
  }

  @Test func onlyFrameTypesThatCarryThemHaveMessagesAndPayloads() {
    for type in 1...10 as ClosedRange<UInt8> {
      let onZero = [1, 2, 8, 9, 10].contains(type)
      let stream: UInt32 = onZero ? 0 : 1
      let flags: UInt8 = type == 6 ? 1 : type == 10 ? 2 : 0
      let kind = FrameType(rawValue: type)
      let message = Self.judge(Self.head(type: type, flags: flags, stream: stream, message: 1))
      let payload = Self.judge(Self.head(type: type, flags: flags, stream: stream, payload: 1))
      let noMessage = [4, 6, 8, 9].contains(type)
      let noPayload = [1, 2, 3, 6, 7, 10].contains(type)
      #expect(message == (noMessage ? .messageNotAllowed(kind, byteCount: 1) : nil))
      #expect(payload == (noPayload ? .payloadNotAllowed(kind, byteCount: 1) : nil))
    }
  }

  @Test func flagsStandOnlyWhereTheyMean() {
    let allowed: [UInt8: Set<UInt8>] = [
      1: [0], 2: [0], 3: [0, 1], 4: [0, 1], 5: [0, 1, 3], 6: [1], 7: [0], 8: [0], 9: [0], 10: [2],
    ]
    for type in 1...10 as ClosedRange<UInt8> {
      let stream: UInt32 = [1, 2, 8, 9, 10].contains(type) ? 0 : 1
      for flags in 0...255 as ClosedRange<UInt8> {
        let error = Self.judge(Self.head(type: type, flags: flags, stream: stream))
        if flags > 3 {
          #expect(error == .unknownFlags(flags))
        } else if allowed[type]?.contains(flags) == true {
          #expect(error == nil, "type \(type), flags \(flags)")
        } else {
          #expect(error == .flagsNotAllowed(FrameType(rawValue: type), flags))
        }
      }
    }
    #expect(Self.judge(Self.head(type: 200, flags: 3)) == nil)
    #expect(Self.judge(Self.head(type: 200, flags: 4)) == .unknownFlags(4))
  }

  @Test func streamsAreOddAndWhereTheyBelong() {
    for type: UInt8 in [3, 4, 5, 7, 77] {
      #expect(Self.judge(Self.head(type: type, stream: 2)) == .evenStream(2))
      #expect(Self.judge(Self.head(type: type, stream: .max - 1)) == .evenStream(.max - 1))
      #expect(Self.judge(Self.head(type: type, stream: .max)) == nil)
    }
    for type: UInt8 in [3, 4, 5, 7] {
      #expect(Self.judge(Self.head(type: type)) == .streamMissing(FrameType(rawValue: type)))
    }
    for type: UInt8 in [1, 2, 8, 9] {
      #expect(
        Self.judge(Self.head(type: type, stream: 1))
          == .streamNotAllowed(FrameType(rawValue: type), 1))
    }
  }

  @Test func theReservedFieldIsZero() {
    #expect(Self.judge(Self.head(type: 8, reserved: 1)) == .reserved(1))
    #expect(Self.judge(Self.head(type: 8, reserved: .max)) == .reserved(.max))
  }

  @Test func everyFlippedBitOfAHeadIsSeen() throws {
    var bytes = try Vectors.bytes("REQUEST Lookup")
    for bit in 0..<32 * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(Self.judge(bytes) != nil, "bit \(bit)")
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
    #expect(Self.judge(bytes) == nil)
  }

  @Test func everyErrorTellsWhatItSaw() {
    let errors: [(FrameError, String)] = [
      (.magic(found: [71, 69, 84, 32]), "[71, 69, 84, 32]"), (.reserved(77), "77"),
      (.unknownFlags(129), "129"), (.evenStream(46), "46"), (.streamNotRising(5, last: 9), "9"),
      (.streamNeverOpened(.data, 33), "33"), (.windowOverflow(21), "2^63-1"),
      (.messageTooLong(.hello, byteCount: 17000, limit: 16384), "17000 bytes is over 16384"),
      (.checksum(expected: 1234, found: 4321), "1234"), (.helloMissing(.request), "REQUEST"),
      (.message(.window, .malformed("no Window")), "no Window"), (.secondHello, "second HELLO"),
    ]
    for (error, part) in errors {
      let problem = error.problem
      #expect(problem.status == .invalidArgument)
      #expect(problem.message.contains(part), "\(problem.message)")
    }
  }
}
