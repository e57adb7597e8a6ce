// A namespace as the manifest and its second copy keep it.

internal import VarveBase

/// Name, tenant and options of one internal namespace id. Ids are never reused: Clear gives the
/// name a new id, so that every record of the old one is dead at once.
package struct NamespaceEntry: Equatable, Sendable {
  package var id: UInt32
  package var name: String
  package var tenant: String
  package var options: NamespaceOptions

  package init(
    id: UInt32, name: String, tenant: String = "default", options: NamespaceOptions
  ) {
    self.id = id
    self.name = name
    self.tenant = tenant
    self.options = options
  }

  /// One sentence for the first field over its limit; nil when all fit.
  package var problem: String? {
    let limits = [
      ("namespace name", name.utf8.count, 1, Limits.namespaceNameBytesMax),
      ("tenant", tenant.utf8.count, 1, Limits.namespaceNameBytesMax),
      ("description", options.description.utf8.count, 0, Limits.descriptionBytesMax),
    ]
    for (what, count, least, most) in limits where count < least || count > most {
      return "\(what) of \(count) bytes, must be \(least) to \(most)"
    }
    guard options.weight <= Limits.weightMax else {
      return "weight \(options.weight), must be 0 to \(Limits.weightMax)"
    }
    return nil
  }
}
