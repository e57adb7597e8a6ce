// The version that `--version`, HELLO_OK and Stats tell.

package enum Version {
  package static let text = "0.1.0"
}
