// Spearman's rank correlation: whether one list orders things as another does.

enum RankCorrelation {
  /// -1 to 1; 0 where either list has only one value. Ties share their mean rank.
  static func of(_ left: [Double], _ right: [Double]) -> Double {
    precondition(left.count == right.count, "lists of one length")
    let (x, y) = (ranks(left), ranks(right))
    let mean = Double(left.count - 1) / 2
    var product = 0.0
    var (xSquares, ySquares) = (0.0, 0.0)
    for index in x.indices {
      product += (x[index] - mean) * (y[index] - mean)
      xSquares += (x[index] - mean) * (x[index] - mean)
      ySquares += (y[index] - mean) * (y[index] - mean)
    }
    return xSquares > 0 && ySquares > 0 ? product / (xSquares * ySquares).squareRoot() : 0
  }

  private static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end - 1) / 2 }
      start = end
    }
    return ranks
  }
}
