// The few functions of libm that there is need of, with what they ask of their arguments.

private import Glibc

package enum Powers {
  package static func power(_ base: Double, _ exponent: Double) -> Double {
    precondition(base >= 0, "power of a negative base \(base)")
    return base == 0 ? (exponent == 0 ? 1 : 0) : pow(base, exponent)
  }

  package static func exponential(_ value: Double) -> Double { exp(value) }

  /// Natural logarithm of a positive number.
  package static func logarithm(_ value: Double) -> Double {
    precondition(value > 0, "logarithm of \(value)")
    return log(value)
  }
}
