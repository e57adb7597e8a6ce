"""Client code from Protos, as ``python -m grpc_tools.protoc`` makes it with default options."""

from __future__ import annotations

import sys
from pathlib import Path

FILES = (
    "varve/v1/varve.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
)


def make_stubs(protos: Path, folder: Path) -> None:
    """Generates the modules into ``folder`` and makes them importable.

    The files of gRPC's own services are generated below ``varve_grpc``: a package named ``grpc``
    would hide grpcio's.
    """
    from grpc_tools import protoc

    ours = [name for name in FILES if name.startswith("varve/")]
    assert protoc.main(["protoc", f"-I{protos}", *_out(folder), *ours]) == 0
    renamed = folder / "protos"
    for name in FILES[1:]:
        target = renamed / "varve_grpc" / Path(name).relative_to("grpc")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((protos / name).read_text())
    names = [str(path.relative_to(renamed)) for path in sorted(renamed.rglob("*.proto"))]
    assert protoc.main(["protoc", f"-I{renamed}", *_out(folder), *names]) == 0
    sys.path.insert(0, str(folder))


def _out(folder: Path) -> list[str]:
    return [f"--python_out={folder}", f"--grpc_python_out={folder}"]
