#!/usr/bin/env bash
# The gRPC door, driven by grpcio with stubs generated from Protos; needs a built varved. Arguments
# go to pytest. The last line is always `N passed, N failed[, N skipped]`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/python/tools/make_venv.sh" base
cd "$root/python"
exec "$root/.venv/bin/python" -m pytest -q -p no:cacheprovider tests_grpc "$@"
