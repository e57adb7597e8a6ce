#!/usr/bin/env bash
# The backend's own tests, in the environment that make_venv.sh makes. Arguments go to pytest.
# The last line is always `N passed, N failed[, N skipped]`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/python/tools/make_venv.sh" base
cd "$root/python"
exec "$root/.venv/bin/python" -m pytest -q -p no:cacheprovider tests "$@"
