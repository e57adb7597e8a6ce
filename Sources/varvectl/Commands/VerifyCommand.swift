import ArgumentParser
struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(commandName: "verify")
  func perform(_ console: Console) throws {}
}
