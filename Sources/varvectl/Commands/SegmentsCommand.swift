// `varvectl segments`: the files of the value log, oldest first.

import ArgumentParser
import VarveClient

struct SegmentsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "segments", abstract: "List the files of the value log, oldest first.",
    discussion: """
      BYTES are the blocks of the file, LIVE the bytes of pages that can still be asked for, USE \
      the share of the one in the other. A segment is open (written), full (waiting for its \
      footer) or sealed; sealed ones leave, oldest first, when room is needed.
      """)

  @OptionGroup var global: GlobalOptions

  func perform(_ console: Console) throws {
    let report = StatsReport(try global.withClient { try $0.stats() })
    if global.json { return try console.print(try Json.text(report.segments)) }
    guard !report.segments.isEmpty else { return try console.print("no segments") }
    var table = Table([
      ("SEGMENT", .right), ("STATE", .left), ("BYTES", .right), ("LIVE", .right), ("USE", .right),
      ("PAGES", .right),
    ])
    for segment in report.segments {
      let share = segment.bytes == 0 ? 0 : Double(segment.liveBytes) / Double(segment.bytes)
      table.add([
        "\(segment.id)", segment.state, ByteSize.text(segment.bytes),
        ByteSize.text(segment.liveBytes), Numbers.fixed(100 * share, 1) + " %",
        Numbers.grouped(segment.pages),
      ])
    }
    try console.write(Array(table.text.utf8))
    let bytes = report.segments.reduce(0) { $0 + $1.bytes }
    let live = report.segments.reduce(0) { $0 + $1.liveBytes }
    try console.print(
      "\(report.segments.count) segments, \(ByteSize.text(bytes)), \(ByteSize.text(live)) live")
  }
}
