// Which call a request's path names: the services of the contract, and gRPC's own.

/// A method that is served over gRPC.
package enum GrpcMethod: Hashable, Sendable {
  /// One of Cache or Admin; both protocols hand it to the same request layer.
  case call(Method)
  case healthCheck
  case healthWatch
  case reflection

  package static let cacheService = "varve.v1.Cache"
  package static let adminService = "varve.v1.Admin"
  package static let healthService = "grpc.health.v1.Health"
  package static let reflectionServices = [
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
  ]

  /// All paths. Made once; a request costs one look.
  private static let paths: [String: GrpcMethod] = {
    var paths: [String: GrpcMethod] = [
      "/\(healthService)/Check": .healthCheck, "/\(healthService)/Watch": .healthWatch,
    ]
    for method in Method.allCases {
      let service = method.rawValue < Method.stats.rawValue ? cacheService : adminService
      paths["/\(service)/\(method.name)"] = .call(method)
    }
    for service in reflectionServices { paths["/\(service)/ServerReflectionInfo"] = .reflection }
    return paths
  }()

  package init?(path: String) {
    guard let method = Self.paths[path] else { return nil }
    self = method
  }

  /// The name, for errors and logs.
  package var name: String {
    switch self {
    case .call(let method): method.name
    case .healthCheck: "Health.Check"
    case .healthWatch: "Health.Watch"
    case .reflection: "ServerReflectionInfo"
    }
  }
}
