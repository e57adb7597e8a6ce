#!/usr/bin/env bash
# `make test-sglang`: SGLang's own controllers and host pools drive VarveStorage.
#
# Arguments go to pytest; `--daemon=standin` runs without a varved. Where the wheels cannot be had
# it says so and succeeds; the last line is always `N passed, N failed[, N skipped]`.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if ! "$root/python/tools/make_venv.sh" sglang; then
  echo "skipped: the wheels of SGLang 0.5.23 and torch cannot be had here"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
cd "$root/python" || exit 1
exec "$root/.venv-sglang/bin/python" -m pytest -q -p no:cacheprovider tests_sglang "$@"
