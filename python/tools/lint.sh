#!/usr/bin/env bash
# Lints everything under python/ with the rules of pyproject.toml; no file over 400 lines.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/python/tools/make_venv.sh" base
cd "$root/python"
"$root/.venv/bin/python" -m ruff check --no-cache .
long=$(find . -name '*.py' -exec wc -l {} + | awk '$2 != "total" && $1 > 400')
if [ -n "$long" ]; then
  echo "files over 400 lines:" >&2
  echo "$long" >&2
  exit 1
fi
