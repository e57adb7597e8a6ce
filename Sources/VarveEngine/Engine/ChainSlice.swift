// What every page call is about: a run of consecutive page ids in one namespace, and hints.

package import VarveBase

/// Pages `first ..< first + count` of a chain, with what is known of the pages before it.
///
/// `ids` is the whole chain, because the ids before `first` place the first page as hints do.
package struct ChainSlice: Sendable {
  package let namespace: UInt32
  package let ids: [PageID]
  package let first: Int
  package let count: Int
  /// Hint: ids just before `ids[0]`, nearest last. May be empty, short or wrong.
  package let before: [PageID]
  /// Hint: `ids[0]` begins its sequence.
  package let atRoot: Bool

  package init(
    namespace: UInt32, ids: [PageID], first: Int, count: Int, before: [PageID] = [],
    atRoot: Bool = false
  ) {
    precondition(first >= 0 && count >= 0 && first + count <= ids.count, "slice outside its chain")
    self.namespace = namespace
    self.ids = ids
    self.first = first
    self.count = count
    self.before = before
    self.atRoot = atRoot
  }

  /// The same run, its first `count` pages.
  func prefix(_ count: Int) -> ChainSlice {
    ChainSlice(
      namespace: namespace, ids: ids, first: first, count: count, before: before, atRoot: atRoot)
  }

  /// The ids the call asks for.
  package var asked: ArraySlice<PageID> { ids[first..<first + count] }
}
