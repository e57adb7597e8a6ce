#!/usr/bin/env bash
# Makes a Python virtual environment inside the checkout, once; later calls find it made.
#
#   make_venv.sh base     .venv: this package, editable, with pytest, ruff and grpcio
#   make_venv.sh sglang   .venv-sglang: the same and the wheel of SGLang with what it imports
#
# SGLang is installed without its dependencies, which are mostly for GPUs; what its cache
# controllers import is listed here, the rest has stand-ins in python/tests_sglang/standins.py.
# VARVE_TORCH names another build of torch (the default is a CPU build where pip finds one).
set -euo pipefail

kind=${1:-base}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
torch=${VARVE_TORCH:-torch==2.13.0}
sglang=sglang==0.5.23

case $kind in
base) venv=$root/.venv ;;
sglang) venv=$root/.venv-sglang ;;
*)
  echo "make_venv.sh: $kind is neither base nor sglang" >&2
  exit 2
  ;;
esac

stamp=$venv/.made-by
want="$(cksum < "${BASH_SOURCE[0]}") $(cksum < "$root/python/pyproject.toml") $torch $root"
if [ "$(cat "$stamp" 2> /dev/null)" = "$want" ]; then
  exit 0
fi

pip() {
  "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}

echo "making ${venv##*/} (once)" >&2
rm -rf "$venv"
python3 -m venv "$venv"
pip xxhash pytest ruff==0.17.6 setuptools wheel
if [ "$kind" = base ]; then
  # For the tests of the gRPC door alone: the backend itself needs neither.
  pip grpcio==1.85.1 grpcio-tools==1.85.1
fi
if [ "$kind" = sglang ]; then
  pip "$torch" numpy transformers==5.19.0 sentencepiece orjson msgspec psutil pyzmq pydantic \
    requests aiohttp fastapi uvicorn uvloop packaging pillow prometheus-client pybase64 \
    setproctitle regex tqdm einops interegular partial_json_parser dill IPython loguru
  pip --no-deps "$sglang" compressed-tensors==0.18.0 gguf
fi
pip --no-deps --no-build-isolation --editable "$root/python"
echo "$want" > "$stamp"
