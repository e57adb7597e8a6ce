// placeholder
enum TableFormat { static let entryOverheadBytesMax = 8 }
