#!/usr/bin/env bash
# `make test-sglang-versions`: the controllers of SGLang 0.5.9 and 0.5.15 drive VarveStorage.
#
# Each wheel lies in a folder of its own, before 0.5.23's, with the packages of .venv-sglang.
# Arguments go to pytest. Where a wheel cannot be had it says so and goes on; the last line, over
# both, is always `N passed, N failed, N skipped`.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$root/.venv-sglang/bin/python

# The folder of a version's wheel, installed once; its dependencies are .venv-sglang's.
wheel_of() {
  local folder=$root/.venv-sglang/wheels/$1
  if [ ! -d "$folder" ]; then
    rm -rf "$folder.new"
    "$python" -m pip --disable-pip-version-check install --quiet --no-deps --no-compile \
      --target "$folder.new" "sglang==$1" >&2 && mv "$folder.new" "$folder" || return 1
  fi
  echo "$folder"
}

passed=0 failed=0 skipped=0 status=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for version in 0.5.9 0.5.15; do
  if ! "$root/python/tools/make_venv.sh" sglang || ! wheel=$(wheel_of "$version"); then
    echo "skipped: the wheel of SGLang $version cannot be had here"
    skipped=$((skipped + 1))
    continue
  fi
  echo "SGLang $version"
  cd "$root/python" || exit 1
  PYTHONPATH=$wheel "$python" -m pytest -q -p no:cacheprovider \
    tests_sglang/test_controllers.py tests_sglang/test_failures.py tests_sglang/older "$@" |
    tee "$output" || status=1
  read -r p f s <<< "$(tail -n 1 "$output" | sed -E 's/ (passed|failed|skipped),?//g')"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
done
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
