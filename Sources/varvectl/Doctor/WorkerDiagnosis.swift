// What the numbers of a `WorkerProbe` mean for a worker: a pure function, like `Diagnosis`.

struct WorkerDiagnosis {
  /// SGLang asks once a queued request and eight times where it misses: longer than this shows.
  static let lookupSecondsMax = 0.005
  /// KV of one token of an 8B model (32 layers, 8 heads of 128, bf16).
  static let tokenBytes = 131_072.0
  /// Prefill of such a model on one GPU: a cache that delivers less than it computes is of no use.
  static let tokensPerSecondMin = 8_000.0

  let result: WorkerProbe.Result

  var findings: [Finding] { [lookups, stored, rate, truth].flatMap { $0 } }

  private var lookups: [Finding] {
    let text =
      "a lookup takes \(Numbers.duration(result.missSeconds)) where nothing is there, "
      + "\(Numbers.duration(result.hitSeconds)) for \(result.hitPages) pages that are"
    var found = [
      max(result.missSeconds, result.hitSeconds) > Self.lookupSecondsMax
        ? Finding(.note, text, "a far or busy daemon: place it nearer, or look at its load")
        : Finding(.ok, text)
    ]
    if result.hitPages < result.pagesStored {
      found.append(
        Finding(
          .problem, "\(result.pagesStored) pages were stored and \(result.hitPages) found again",
          "the daemon's log, and 'varvectl doctor' without --worker"))
    }
    return found
  }

  private var stored: [Finding] {
    guard result.pagesStored < WorkerProbe.pages else { return [] }
    return [
      Finding(
        .problem,
        "\(WorkerProbe.pages - result.pagesStored) of \(WorkerProbe.pages) pages "
          + "were not stored",
        "'varvectl doctor' without --worker says whether the daemon takes pages")
    ]
  }

  private var rate: [Finding] {
    let bytes = Double(result.bytes)
    let tokens = bytes / max(result.getSeconds, 1e-9) / Self.tokenBytes
    let text =
      "stores \(Self.rate(bytes, result.putSeconds)), "
      + "reads \(Self.rate(bytes, result.getSeconds)) verified: "
      + "\(Numbers.grouped(UInt64(tokens))) tokens a second of an 8B model in bf16"
    guard tokens < Self.tokensPerSecondMin else { return [Finding(.ok, text)] }
    return [
      Finding(
        .note, text,
        "a GPU computes such tokens about as fast: a faster network, or a larger model, is due")
    ]
  }

  private var truth: [Finding] {
    guard result.pagesWrong == 0, result.pagesRead == result.pagesStored else {
      return [
        Finding(
          .problem,
          "\(result.pagesRead) of \(result.pagesStored) pages came back, "
            + "\(result.pagesWrong) of them with other bytes",
          "memory, network or disk spoil pages: 'varvectl scrub', and look at this host's memory")
      ]
    }
    return [Finding(.ok, "\(result.pagesRead) pages came back as they were stored")]
  }

  private static func rate(_ bytes: Double, _ seconds: Double) -> String {
    "\(ByteSize.text(UInt64(bytes / max(seconds, 1e-9))))/s"
  }
}
