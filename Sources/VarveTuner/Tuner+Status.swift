// What an operator is shown of the load and the model.

extension Tuner {
  /// The last window's counts and the model's coefficients, by name.
  package var numbers: [String: Double] {
    var numbers: [String: Double] = [
      "fit_false_pass_scale": fit.falsePassScale, "fit_window_blocks": fit.windowBlocks,
      "fit_batches": fit.batches, "fit_copies_scale": fit.copiesScale,
      "fit_hit_exponent": fit.hitExponent, "fit_new_blocks_asked": fit.newBlocksAsked,
      "mistrust": mistrust,
      "windows": Double(windowCount),
    ]
    guard let window else { return numbers }
    numbers["absent_pages"] = window.absentPages
    numbers["present_pages"] = window.presentPages
    numbers["lookup_pages"] = window.lookupPages
    numbers["put_pages"] = window.putPages
    numbers["got_pages"] = window.gotPages
    numbers["block_reads"] = window.blockReads
    numbers["block_hits"] = window.blockHits
    numbers["false_passes"] = window.falsePasses
    numbers["flushed_bytes"] = window.flushedBytes
    numbers["merge_read_bytes"] = window.mergeReadBytes
    numbers["merge_written_bytes"] = window.mergeWrittenBytes
    numbers["stall_seconds"] = window.stallNanos / 1e9
    numbers["index_pages"] = Double(window.end.indexPages)
    numbers["index_bytes"] = Double(window.end.indexBytes)
    numbers["index_runs"] = Double(window.end.runs.reduce(0, +))
    return numbers
  }
}
