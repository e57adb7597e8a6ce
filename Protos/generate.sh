#!/bin/sh
# Makes Sources/CVarveProto from the messages of Protos with protoc-c (Debian: protobuf-c-compiler),
# and the descriptors that reflection serves with protoc (Debian: protobuf-compiler).
#
#   Protos/generate.sh           writes the committed files anew
#   Protos/generate.sh DIR       writes them to DIR instead
#   Protos/generate.sh --check   exit 1, with the difference, when the committed files are not what
#                                protoc-c makes today
set -eu
cd "$(dirname "$0")/.."

for tool in protoc-c:protobuf-c-compiler protoc:protobuf-compiler; do
  command -v "${tool%%:*}" >/dev/null || {
    echo "${tool%%:*} is missing: install the package ${tool#*:}" >&2
    exit 2
  }
done

# The serialized FileDescriptorSet as a C array: what reflection answers with.
descriptors() {
  protoc --proto_path=Protos --descriptor_set_out="$1/descriptors.bin" varve/v1/varve.proto \
    grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto \
    grpc/reflection/v1alpha/reflection.proto
  {
    echo '/* Made by Protos/generate.sh: do not edit. */'
    echo '#include "descriptors.h"'
    echo 'static const unsigned char bytes[] = {'
    od -An -v -w24 -tu1 "$1/descriptors.bin" | sed 's/ *\([0-9][0-9]*\)/\1,/g'
    echo '};'
    echo 'const unsigned char *varve_descriptors_start(void) { return bytes; }'
    echo 'const size_t varve_descriptors_bytes = sizeof bytes;'
  } >"$1/descriptors.c"
  rm "$1/descriptors.bin"
  {
    echo '/* Made by Protos/generate.sh: do not edit. */'
    echo '#ifndef VARVE_DESCRIPTORS_H'
    echo '#define VARVE_DESCRIPTORS_H'
    echo '#include <stddef.h>'
    echo 'const unsigned char *varve_descriptors_start(void);'
    echo 'extern const size_t varve_descriptors_bytes;'
    echo '#endif'
  } >"$1/include/descriptors.h"
}

generate() {
  mkdir -p "$1/include"
  protoc-c --proto_path=Protos/varve/v1 --c_out="$1" varve.proto frames.proto
  mv "$1/varve.pb-c.h" "$1/frames.pb-c.h" "$1/include/"
  printf '#include "varve.pb-c.h"\n#include "frames.pb-c.h"\n#include "descriptors.h"\n' \
    >"$1/include/CVarveProto.h"
  descriptors "$1"
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
