// What the project asks beside Redis and Valkey, with the same client and the same values: two
// thirds of the better one's processor time, and no less throughput.

enum PeerDemands {
  static let rivals = ["redis", "valkey"]
  /// Sides whose processor time is judged: clock ticks are 10 ms, so they get longer rounds.
  static let judged = ["varve"] + rivals
  static let processorMost = 0.67
  static let throughputLeast = 1.0

  static func figures(_ rounds: [MeasuredRound], _ cells: [Cell]) -> [Figure] {
    cells.flatMap { cell -> [Figure] in
      let ofCell = rounds.filter { $0.cell == cell.name }
      let ours = ofCell.filter { $0.side == "varve" }
      func ratios(_ ratio: (MeasuredRound, [MeasuredRound]) -> Double?) -> [Double] {
        ours.compactMap { our in
          let theirs = ofCell.filter { $0.round == our.round && rivals.contains($0.side) }
          return theirs.isEmpty ? nil : ratio(our, theirs)
        }
      }
      return [
        NetDemands.figure(
          "\(cell.name), server CPU a GiB beside the better of Redis and Valkey", "×",
          bench: "peers", most: processorMost,
          ratios { our, theirs in
            guard let least = theirs.compactMap(\.serverCPUPerGiB).min(), least > 0 else {
              return nil
            }
            return our.serverCPUPerGiB.map { $0 / least }
          }),
        NetDemands.figure(
          "\(cell.name), throughput beside the better", "×", bench: "peers",
          least: throughputLeast,
          ratios { our, theirs in
            theirs.map(\.megabytesPerSecond).max().map { our.megabytesPerSecond / $0 }
          }),
      ].compactMap { $0 }
    }
  }
}
