// Which segments count. A page whose segment is not here is absent, whatever the index says: that
// is how evicting 256 MiB costs one bit and no index write.

/// An immutable set of live segment numbers; a call takes one and asks it for every page.
final class LiveSegments: Sendable {
  private let numbers: Set<UInt64>

  init(_ numbers: Set<UInt64>) { self.numbers = numbers }

  func contains(_ number: UInt64) -> Bool { numbers.contains(number) }

  func adding(_ number: UInt64) -> LiveSegments { LiveSegments(numbers.union([number])) }

  func removing(_ number: UInt64) -> LiveSegments { LiveSegments(numbers.subtracting([number])) }

  var count: Int { numbers.count }

  /// The oldest live segment; nil when none is.
  var lowest: UInt64? { numbers.min() }
}
