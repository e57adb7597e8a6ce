// What a put will write, decided before its first byte: which pages are needed, where each stands
// in the prefix order, and how the needed ones are cut into extents.

internal import VarveBase

/// One page this put has claimed.
struct PlannedPage: Sendable {
  /// Index within the asked run.
  let index: Int
  let name: PageName
  let rawBytes: UInt32
  let checksum: UInt64
  let place: WindowPlace
}

/// Consecutive claimed pages that make one extent.
struct PlannedExtent: Sendable {
  var pages: [PlannedPage] = []
  var payloadBytes = 0

  /// Whether `page` still fits: 32 pages, 16 MiB at most; a larger page is an extent of its own.
  func admits(_ page: PlannedPage, payloadBytesMax: Int) -> Bool {
    pages.isEmpty
      || pages.count < Limits.extentPagesMax
        && payloadBytes + Int(page.rawBytes) <= payloadBytesMax
  }
}

enum PutPlan {
  /// Cuts claimed pages, in order, into extents.
  static func extents(_ pages: [PlannedPage], payloadBytesMax: Int) -> [PlannedExtent] {
    var extents: [PlannedExtent] = []
    var current = PlannedExtent()
    for page in pages {
      if !current.admits(page, payloadBytesMax: payloadBytesMax) {
        extents.append(current)
        current = PlannedExtent()
      }
      current.pages.append(page)
      current.payloadBytes += Int(page.rawBytes)
    }
    if !current.pages.isEmpty { extents.append(current) }
    return extents
  }
}
