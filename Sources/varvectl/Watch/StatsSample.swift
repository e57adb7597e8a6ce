// The daemon's numbers at one moment, and what two moments tell: rates and shares.

import VarveWire

/// One answer of Stats and when it came.
struct StatsSample {
  let stats: StatsResponse
  /// Monotonic.
  let nanos: UInt64

  init(_ stats: StatsResponse, nanos: UInt64) {
    self.stats = stats
    self.nanos = nanos
  }

  /// Sums over the namespaces; a dropped one takes its share along.
  var pagesAsked: UInt64 { stats.namespaces.reduce(0) { $0 &+ $1.pagesAsked } }
  var pagesHit: UInt64 { stats.namespaces.reduce(0) { $0 &+ $1.pagesHit } }
  var lookups: UInt64 { stats.namespaces.reduce(0) { $0 &+ $1.lookups } }
  var bytesIn: UInt64 { stats.namespaces.reduce(0) { $0 &+ $1.bytesIn } }
  var bytesOut: UInt64 { stats.namespaces.reduce(0) { $0 &+ $1.bytesOut } }

  /// Requests of one call since the start, whatever labels stand beside it.
  func requests(_ call: String) -> UInt64 {
    stats.counters.reduce(0) { sum, counter in
      counter.key.hasPrefix("requests_total{") && counter.key.contains("call=\"\(call)\"")
        ? sum &+ counter.value : sum
    }
  }
}

/// What happened between two samples of the same daemon.
struct StatsChange {
  let before: StatsSample
  let after: StatsSample

  /// Nil where the two cannot be compared: another start of the daemon, or no time between.
  init?(_ before: StatsSample?, _ after: StatsSample) {
    guard let before, before.stats.bootID == after.stats.bootID, after.nanos > before.nanos
    else { return nil }
    self.before = before
    self.after = after
  }

  var seconds: Double { Double(after.nanos - before.nanos) / 1e9 }

  /// How much more a second; a number that fell (a namespace was dropped) tells 0.
  func rate(_ number: (StatsSample) -> UInt64) -> Double {
    let (old, new) = (number(before), number(after))
    return new > old ? Double(new - old) / seconds : 0
  }

  /// Share of the pages asked for that were found; nil where none was asked for.
  var hitShare: Double? {
    share(asked: (before.pagesAsked, after.pagesAsked), hit: (before.pagesHit, after.pagesHit))
  }

  func hitShare(of name: String) -> Double? {
    guard let (old, new) = namespace(name) else { return nil }
    return share(asked: (old.pagesAsked, new.pagesAsked), hit: (old.pagesHit, new.pagesHit))
  }

  func rate(of name: String, _ number: (NamespaceInfo) -> UInt64) -> Double {
    guard let (old, new) = namespace(name), number(new) > number(old) else { return 0 }
    return Double(number(new) - number(old)) / seconds
  }

  private func namespace(_ name: String) -> (NamespaceInfo, NamespaceInfo)? {
    guard let old = before.stats.namespaces.first(where: { $0.name == name }),
      let new = after.stats.namespaces.first(where: { $0.name == name }), old.id == new.id
    else { return nil }
    return (old, new)
  }

  private func share(asked: (UInt64, UInt64), hit: (UInt64, UInt64)) -> Double? {
    guard asked.1 > asked.0, hit.1 >= hit.0 else { return nil }
    return min(1, Double(hit.1 - hit.0) / Double(asked.1 - asked.0))
  }
}
