// What is wrong with a daemon, by its own numbers: a pure function with a sentence and an advice
// for each finding.

import VarveWire

struct Finding: Encodable, Equatable {
  enum Level: String, Encodable { case ok, note, problem }

  let level: Level
  let what: String
  /// What to do; empty where nothing is to be done.
  let advice: String

  init(_ level: Level, _ what: String, _ advice: String = "") {
    self.level = level
    self.what = what
    self.advice = advice
  }
}

struct Diagnosis {
  /// Longer than any way within a data centre.
  static let pingMicrosMax = 20_000.0

  let stats: StatsResponse
  let pingMicros: Double
  let toolVersion: String

  var findings: [Finding] {
    [reach, version, service, writing, disk, space, memory, damage, errors, arrivals, pressure]
      .flatMap { $0 }
  }

  /// A counter by its name, all labels together.
  private func counter(_ name: String, label: String = "") -> UInt64 {
    stats.counters.reduce(0) { sum, entry in
      let isIt = entry.key == name || entry.key.hasPrefix(name + "{")
      return isIt && (label.isEmpty || entry.key.contains(label)) ? sum &+ entry.value : sum
    }
  }

  private var reach: [Finding] {
    let text = "answers in \(Numbers.duration(pingMicros / 1e6))"
    guard pingMicros > Self.pingMicrosMax else { return [Finding(.ok, text)] }
    return [Finding(.note, text, "a far or busy daemon saves less prefill: place it nearer")]
  }

  private var version: [Finding] {
    guard stats.version != toolVersion else {
      return [Finding(.ok, "version \(stats.version.printable), like this varvectl")]
    }
    return [
      Finding(
        .note, "version \(stats.version.printable), this varvectl is \(toolVersion)",
        "use the varvectl of the daemon's release")
    ]
  }

  private var service: [Finding] {
    guard stats.ready else {
      return [
        Finding(
          .problem, "not ready: recovering or draining",
          "wait for /readyz; a drained daemon comes back with a restart")
      ]
    }
    return [Finding(.ok, "ready, up \(Numbers.duration(Double(stats.uptimeSeconds)))")]
  }

  private var writing: [Finding] {
    guard stats.writable else {
      return [
        Finding(
          .problem, "read-only: puts are refused",
          "the daemon's log says why (a disk that failed to sync, mostly); mend it and restart")
      ]
    }
    return [Finding(.ok, "takes pages")]
  }

  private var disk: [Finding] {
    let used = "\(ByteSize.text(stats.diskBytes)) of \(ByteSize.text(stats.capacityBytes))"
    if stats.diskBytes > stats.capacityBytes {
      return [
        Finding(
          .problem, "over its capacity: \(used)",
          "slow readers hold on to evicted files, or the capacity was lowered: look again soon")
      ]
    }
    guard stats.evictedPages > 0 else {
      let free = ByteSize.text(stats.capacityBytes - stats.diskBytes)
      return [Finding(.ok, "disk \(used), \(free) before anything is evicted")]
    }
    let share = Double(stats.evictedPages) / Double(max(1, stats.evictedPages + stats.pages))
    return [
      Finding(
        .ok,
        "disk \(used), full as a cache should be: \(Numbers.grouped(stats.evictedPages)) pages "
          + "evicted since the start (\(Numbers.fixed(100 * share, 0)) % of what was held)")
    ]
  }

  private var space: [Finding] {
    let refused = counter("put_no_space_total")
    guard refused > 0 else { return [] }
    return [
      Finding(
        .problem, "\(Numbers.grouped(refused)) pages were refused for want of space",
        "the file system is fuller than the capacity assumes, or readers are too slow: free some, "
          + "or lower it ('varvectl capacity SIZE')")
    ]
  }

  private var memory: [Finding] {
    let text =
      "memory \(ByteSize.text(stats.memoryBytes)) of "
      + ByteSize.text(stats.memoryLimitBytes)
    let share = Double(stats.memoryBytes) / Double(max(1, stats.memoryLimitBytes))
    guard share > 0.98 else { return [Finding(.ok, text)] }
    return [Finding(.note, text, "calls may be refused: raise memory_max")]
  }

  private var damage: [Finding] {
    let damaged = counter("pages_damaged_total")
    guard stats.quarantinedPages > 0 || damaged > 0 else {
      return [Finding(.ok, "no damaged page since the start")]
    }
    return [
      Finding(
        .problem,
        "\(Numbers.grouped(damaged)) damaged pages met, "
          + "\(Numbers.grouped(stats.quarantinedPages)) taken out of service",
        "'varvectl scrub' looks at all of them; the log names each; check the disk")
    ]
  }

  private var errors: [Finding] {
    var found: [Finding] = []
    let own = counter("problems_total", label: "\"INTERNAL\"")
    if own > 0 {
      found.append(
        Finding(
          .problem, "\(Numbers.grouped(own)) calls ended in an error of the daemon's own",
          "its log has a line with an incident number for each: please report it"))
    }
    let writes = counter("log_append_failures_total")
    if writes > 0 {
      found.append(
        Finding(
          .problem, "\(Numbers.grouped(writes)) writes failed on the disk",
          "look at the daemon's log and the kernel's"))
    }
    return found
  }

  private var arrivals: [Finding] {
    let wrong = counter("put_checksum_mismatches_total")
    guard wrong > 0 else { return [] }
    return [
      Finding(
        .problem, "\(Numbers.grouped(wrong)) pages came with other bytes than their checksum says",
        "a client, its memory or the network spoils pages: find which one")
    ]
  }

  private var pressure: [Finding] {
    var found: [Finding] = []
    let refused = counter("connections_refused_total")
    if refused > 0 {
      found.append(
        Finding(
          .note, "\(Numbers.grouped(refused)) connections were refused",
          "recovery and drains refuse them too; if there are too many clients, raise "
            + "connections_max"))
    }
    let stalls = counter("put_stalls_total")
    if stalls > 0 {
      found.append(
        Finding(
          .note, "\(Numbers.grouped(stalls)) puts waited for the index to be flushed",
          "a faster disk, or a larger memory_max, which makes memtables larger"))
    }
    return found
  }
}
