"""``python -m dpone_sdk.build PROJECT_DIR --wit WIT_DIR --out FILE.wasm``"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import BuildError, Project, build


def main() -> int:
    """0 when the component was written, 1 when it could not be, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m dpone_sdk.build", description="Builds a plugin into a component.")
    parser.add_argument("project", type=Path, help="folder with the pyproject.toml")
    parser.add_argument("--wit", type=Path, required=True, help="folder with the contract's WIT files")
    parser.add_argument("--out", type=Path, required=True, help="component to write")
    parser.add_argument(
        "--stub-wasi", action="store_true", help="leave out all wasi:* imports: no time, random or files, even inside"
    )
    given = parser.parse_args()
    started = time.monotonic()
    out: Path = given.out.resolve()
    try:
        project = Project.read(given.project.resolve())
        kind = build(project, given.wit.resolve(), out, stub_wasi=given.stub_wasi)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    megabytes = out.stat().st_size / 1e6
    seconds = time.monotonic() - started
    print(f"{given.out}: {project.name} {project.version}, {kind}, {megabytes:.1f} MB in {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
