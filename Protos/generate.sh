#!/bin/sh
# Makes Sources/CVarveProto from the messages of Protos with protoc-c (Debian: protobuf-c-compiler).
#
#   Protos/generate.sh           writes the committed files anew
#   Protos/generate.sh DIR       writes them to DIR instead
#   Protos/generate.sh --check   exit 1, with the difference, when the committed files are not what
#                                protoc-c makes today
set -eu
cd "$(dirname "$0")/.."

command -v protoc-c >/dev/null || {
  echo "protoc-c is missing: install the package protobuf-c-compiler" >&2
  exit 2
}

generate() {
  mkdir -p "$1/include"
  protoc-c --proto_path=Protos/varve/v1 --c_out="$1" varve.proto frames.proto
  mv "$1/varve.pb-c.h" "$1/frames.pb-c.h" "$1/include/"
  printf '#include "varve.pb-c.h"\n#include "frames.pb-c.h"\n' >"$1/include/CVarveProto.h"
}

case "${1:-}" in
--check)
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  generate "$scratch"
  diff -ru Sources/CVarveProto "$scratch"
  ;;
"") generate Sources/CVarveProto ;;
*) generate "$1" ;;
esac
