// swift-tools-version: 6.2
import PackageDescription

// One set of strict settings for every Swift target of this package (docs/layout.md says which
// target may import which).
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

func swiftTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func testTarget(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "varve",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(
      name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .target(name: "CLinux"),
    .target(name: "CBench"),
    .target(name: "CVarveProto", dependencies: ["CProtobufC"]),

    swiftTarget("VarveBase", ["CLinux", "CXXHash", "CCrypto"]),
    swiftTarget("VarveFile", ["VarveBase", "CLinux"]),
    swiftTarget("VarveEngine", ["VarveBase", "VarveFile", "CLinux", log]),
    swiftTarget("VarveTuner", ["VarveBase"]),
    swiftTarget("VarveWire", ["VarveBase", "CVarveProto", "CProtobufC", "CNghttp2"]),
    swiftTarget(
      "VarveServer",
      ["VarveBase", "VarveWire", "VarveEngine", "VarveTuner", "VarveFile", "CLinux", log]),
    swiftTarget("VarveClient", ["VarveBase", "VarveWire", "CLinux"]),
    program(
      "varved",
      [
        "VarveBase", "VarveFile", "VarveEngine", "VarveServer", "CLinux", arguments, log, "TOMLKit",
      ]),
    program(
      "varvectl",
      [
        "VarveBase", "VarveClient", "VarveWire", "VarveFile", "VarveEngine", "CZstd", arguments,
        log,
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]),
    program(
      "varvebench",
      [
        "VarveBase", "VarveFile", "VarveEngine", "VarveTuner", "VarveServer", "VarveClient",
        "VarveWire", "CLinux", "CBench", arguments, log,
      ]),

    .target(
      name: "VarveTorture", dependencies: ["VarveBase", "VarveFile", "VarveEngine", log],
      path: "Tests/VarveTorture", swiftSettings: strict),
    .executableTarget(
      name: "varvetorture", dependencies: ["VarveTorture", "VarveBase", "VarveFile", arguments],
      path: "Tests/TortureProgram", swiftSettings: strict),

    // Harnesses of damage and recovery that need a release build: `make flip`, `make restart`.
    .executableTarget(
      name: "varvefaults",
      dependencies: ["VarveBase", "VarveFile", "VarveEngine", arguments, log],
      path: "Tests/faults", swiftSettings: strict),

    testTarget("VarveBaseTests", ["VarveBase", "CLinux"]),
    testTarget(
      "VarveEngineTests", ["VarveBase", "VarveFile", "VarveEngine", log], exclude: ["Golden"]),
    testTarget(
      "VarveFaultTests", ["VarveBase", "VarveFile", "VarveEngine", "varvefaults", log]),
    testTarget("VarveTortureTests", ["VarveTorture"]),
    testTarget("VarveWireTests", ["VarveBase", "VarveWire", "CVarveProto", "CProtobufC"]),
    testTarget("VarveTunerTests", ["VarveBase", "VarveTuner"], exclude: ["Golden"]),
    testTarget("VarveClientTests", ["VarveBase", "VarveWire", "VarveClient"]),
    testTarget(
      "VarveServerTests",
      [
        "VarveBase", "VarveWire", "VarveFile", "VarveEngine", "VarveTuner", "VarveServer",
        "VarveClient", "CLinux", "CNghttp2", log,
      ]),
    testTarget(
      "VarveCtlTests",
      [
        "VarveBase", "VarveFile", "VarveClient", "VarveWire", "VarveEngine", "VarveServer",
        "varvectl", arguments, log,
      ]),
    testTarget(
      "VarveBenchTests",
      ["VarveBase", "VarveFile", "VarveWire", "VarveTuner", "varvebench", arguments]),
  ]
)

// The fuzz targets are part of the package only where VARVE_FUZZ is set (Fuzz/build does so): their
// unsafe flags would otherwise be in every build. `package` access keeps them in this package.
if Context.environment["VARVE_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "varvefuzz",
      dependencies: [
        "VarveBase", "VarveFile", "VarveEngine", "VarveWire", "VarveServer", "CNghttp2",
        "CProtobufC", "CVarveProto", "CZstd", log,
      ],
      path: "Fuzz/Sources",
      swiftSettings: strict + [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}
