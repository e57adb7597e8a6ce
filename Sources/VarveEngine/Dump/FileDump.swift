// Any file of a data directory as text, a line for each thing in it: for people, and for tests that
// compare with a golden text. Reads by the engine's own readers; damage is a line of its own.

package import VarveFile

/// Dumps one file. The file's name says what it is.
package struct FileDump {
  let files: any FileSystem
  let path: String
  private let print: (String) -> Void
  /// Lines that told of damage.
  package private(set) var damages = 0

  package init(_ files: any FileSystem, path: String, print: @escaping (String) -> Void) {
    self.files = files
    self.path = path
    self.print = print
  }

  /// False when the name is none of ours.
  package mutating func run() -> Bool {
    let name = lastName(of: path)
    if name == ManifestFormat.currentName {
      dumpCurrent()
    } else if name == ManifestFormat.namespacesName {
      dumpNamespaces()
    } else if let number = ManifestFormat.number(ofName: name) {
      dumpManifest(number)
    } else if let number = TableFormat.number(ofName: name) {
      dumpTable(number)
    } else if SegmentFormat.number(fileName: name) != nil {
      dumpSegment(name)
    } else {
      return false
    }
    return true
  }

  func line(_ text: String) { print(text) }

  mutating func damage(_ error: some Error & CustomStringConvertible) {
    damages += 1
    print("damaged \(error)")
  }

  /// The file's bytes; nil after saying why there are none.
  private mutating func bytes() -> [UInt8]? {
    do throws(FileError) {
      return try files.readAll(path)
    } catch {
      damage(error)
      return nil
    }
  }

  private mutating func dumpCurrent() {
    guard let bytes = bytes() else { return }
    do throws(IndexError) {
      line("current manifest \(try ManifestFormat.readCurrent(bytes, file: path))")
    } catch {
      damage(error)
    }
  }

  private mutating func dumpNamespaces() {
    guard let bytes = bytes() else { return }
    do throws(IndexError) {
      let state = try ManifestFormat.readNamespaces(bytes, file: path)
      line("namespaces version \(ManifestFormat.version)")
      dump(state)
    } catch {
      damage(error)
    }
  }

  private mutating func dumpManifest(_ number: UInt64) {
    guard let bytes = bytes() else { return }
    do throws(IndexError) {
      let file = try ManifestFile(bytes, number: number, file: path)
      line(
        "manifest \(number) version \(ManifestFormat.version) bytes \(file.goodBytes) "
          + "batches \(file.batches) torn \(file.tornBytes)")
      dump(file.state)
    } catch {
      damage(error)
    }
  }

  private func dump(_ state: ManifestState) {
    for entry in state.namespaces.values.sorted(by: { $0.id < $1.id }) {
      let options = entry.options
      line(
        "namespace \(entry.id) name \(entry.name.debugDescription) tenant "
          + "\(entry.tenant.debugDescription) page_tokens \(options.pageTokens) page_bytes_max "
          + "\(options.pageBytesMax) ttl \(options.ttlSeconds) codec \(options.codec) description "
          + options.description.debugDescription)
    }
    for entry in state.segments.values.sorted(by: { $0.number < $1.number }) {
      line(
        "segment \(entry.number) "
          + (entry.isSealed
            ? "sealed bytes \(entry.bytes) pages \(entry.pages) sequence_max \(entry.sequenceMax)"
            : "open"))
    }
    for table in state.tables {
      line(
        "table \(table.number) order \(table.order) level \(table.level) bytes \(table.fileBytes) "
          + "counts \(table.counts.numbers.map(String.init).joined(separator: " "))")
    }
    line(
      "next file \(state.nextFile) segment \(state.nextSegment) namespace \(state.nextNamespace) "
        + "last_birth \(state.lastBirth) replay_from \(state.replayFrom.segment):"
        + "\(state.replayFrom.offset)")
  }
}
