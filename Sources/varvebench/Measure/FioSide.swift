// The disk as fio sees it, at a page's size: what cold gets are held against.

import Foundation

/// Reads the file that a raw program wrote. nil where fio is not installed.
struct FioSide {
  private static let program = "/usr/bin/fio"
  private let path: String

  init?(path: String) {
    guard FileManager.default.isExecutableFile(atPath: Self.program) else { return nil }
    self.path = path
  }

  /// The fastest of one, two, four and eight jobs.
  func best(blockBytes: Int, of bytes: Int, seconds: Double) throws -> Sample {
    var best = Sample()
    for jobs in [1, 2, 4, 8] {
      let sample = try read(blockBytes: blockBytes, jobs: jobs, of: bytes, seconds: seconds)
      let isFirst = best.pages == 0
      if isFirst || sample.megabytesPerSecond > best.megabytesPerSecond { best = sample }
    }
    return best
  }

  /// - Parameter bytes: of the file.
  func read(
    blockBytes: Int, jobs: Int, of bytes: Int, seconds: Double
  ) throws -> Sample {
    // Each job a stretch of its own, in order, as callers of chains do; over and over.
    let stretch = bytes / jobs
    let output = try Child.run(
      Self.program,
      [
        "--name=cold", "--filename=\(path)", "--rw=read", "--direct=1", "--ioengine=psync",
        "--bs=\(blockBytes)", "--size=\(stretch)", "--offset_increment=\(stretch)",
        "--numjobs=\(jobs)", "--group_reporting=1", "--time_based=1",
        "--runtime=\(Int(seconds * 1000))ms", "--allow_file_create=0", "--output-format=json",
      ])
    guard let start = output.firstIndex(of: "{"),
      let said = try? JSONDecoder().decode(Output.self, from: Data(output[start...].utf8)),
      let job = said.jobs.first, job.error == 0, job.read.bytes > 0
    else { throw Failure("fio said nothing that can be read: \(output.prefix(200))") }
    var sample = Sample()
    sample.bytes = job.read.bytes
    sample.pages = job.read.bytes / blockBytes
    sample.calls = sample.pages
    sample.seconds = Double(job.read.runtime) / 1000
    // Percent of the time that each job ran.
    sample.clientCPU =
      (job.usrCpu + job.sysCpu) / 100 * sample.seconds * Double(jobs)
    return sample
  }

  struct Output: Decodable {
    struct Job: Decodable {
      struct Read: Decodable {
        let bytes: Int
        let runtime: Int

        enum CodingKeys: String, CodingKey {
          case bytes = "io_bytes"
          case runtime
        }
      }

      let error: Int
      let read: Read
      let usrCpu: Double
      let sysCpu: Double

      enum CodingKeys: String, CodingKey {
        case error
        case read
        case usrCpu = "usr_cpu"
        case sysCpu = "sys_cpu"
      }
    }

    let jobs: [Job]
  }
}

enum Child {
  /// Runs a program to its end; what it said on standard output.
  static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch { throw Failure("\(program) does not start: \(error)") }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure("\(program) ended with \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
