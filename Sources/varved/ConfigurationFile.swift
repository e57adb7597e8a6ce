// Reads the TOML file into flat keys with typed values; what a key means is decided elsewhere.

import Foundation
import TOMLKit
import VarveServer

enum ConfigurationFile {
  /// A configuration has some twenty keys; a file over this is something else.
  static let byteCountMax = 1 << 20

  static func read(
    _ path: String
  ) throws(ConfigurationProblem) -> [(key: String, value: ConfigurationValue)] {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw ConfigurationProblem(
        "\(path): cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    let data: Data
    do {
      data = try handle.read(upToCount: byteCountMax + 1) ?? Data()
    } catch {
      throw ConfigurationProblem("\(path): cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= byteCountMax else {
      throw ConfigurationProblem("\(path) is over the limit of \(byteCountMax) bytes")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw ConfigurationProblem("\(path) is not UTF-8")
    }
    do {
      return flat(try TOMLTable(string: text), under: "")
    } catch let error as TOMLParseError {
      throw ConfigurationProblem(
        "\(path): line \(error.source.begin.line), column \(error.source.begin.column): "
          + error.description)
    } catch {
      throw ConfigurationProblem("\(path): \(error)")
    }
  }

  private static func flat(
    _ table: TOMLTable, under prefix: String
  ) -> [(key: String, value: ConfigurationValue)] {
    var pairs: [(key: String, value: ConfigurationValue)] = []
    for key in table.keys.sorted() {
      guard let value = table[key] else { continue }
      if let inner = value.table {
        pairs += flat(inner, under: prefix + key + ".")
      } else {
        pairs.append((prefix + key, converted(value)))
      }
    }
    return pairs
  }

  private static func converted(_ value: any TOMLValueConvertible) -> ConfigurationValue {
    if let text = value.string { return .text(text) }
    if let flag = value.bool { return .flag(flag) }
    if let number = value.int { return .integer(Int64(number)) }
    if let array = value.array { return .list(array.map { converted($0) }) }
    return .other(value.debugDescription)
  }
}
