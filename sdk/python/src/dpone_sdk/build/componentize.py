"""Runs componentize-py on a plugin's project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

from .project import BuildError, Project

# The extra `build` in pyproject.toml pins the same version; a test compares the two.
COMPONENTIZE_VERSION = "0.25.1"
APP_MODULE = "dpone_component"
# componentize-py offers its command as a function of the library, so this interpreter's own
# version runs whatever is on the PATH.
_COMMAND = (sys.executable, "-c", "import componentize_py, sys; sys.exit(componentize_py.script())")


def build(project: Project, wit: Path, out: Path, *, stub_wasi: bool = False) -> str:
    """Builds the component and gives the plugin's kind.

    Args:
        project: what to build.
        wit: folder with the contract's WIT files.
        out: file to write; it appears whole or not at all.
        stub_wasi: leaves out all imports of ``wasi:*``. Time, ``os.urandom`` and files then end the
            plugin; ``print`` still reaches the log.

    Raises:
        BuildError: the project, the folder or the toolchain is not as it has to be.
    """
    _require_componentize()
    plugin = project.load()
    world = f"{plugin.kind}-plugin"
    _require_world(wit, world)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dpone-build-") as scratch:
        app = Path(scratch, "app")
        app.mkdir()
        (app / f"{APP_MODULE}.py").write_text(app_source(project, plugin.kind, stub_wasi=stub_wasi), "utf-8")
        # Beside the output, so that the last step is a rename.
        made = out.with_name(f".{out.name}.{os.getpid()}.tmp")
        try:
            _componentize(project, wit, world, app, made, stub_wasi=stub_wasi)
            made.replace(out)
        finally:
            made.unlink(missing_ok=True)
    return plugin.kind


def app_source(project: Project, kind: str, *, stub_wasi: bool) -> str:
    """The module that componentize-py starts from: it has a class of the exported interface's
    name."""
    return (
        f"import {project.module} as plugin\n"
        f"from dpone_sdk._guest import boundary, textcodecs\n"
        f"from dpone_sdk._guest.{kind} import {kind.title()} as {kind.title()}\n"
        f"boundary.install({project.name!r}, {project.version!r}, plugin, has_wasi={not stub_wasi})\n"
    )


def _componentize(project: Project, wit: Path, world: str, app: Path, out: Path, *, stub_wasi: bool) -> None:
    command = [*_COMMAND, "--quiet", "--wit-path", str(wit), "--world", world, "componentize"]
    for folder in (project.folder, app, *_library_folders()):
        command += ["--python-path", str(folder)]
    if stub_wasi:
        command.append("--stub-wasi")
    command += ["--output", str(out), APP_MODULE]
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode != 0 or not out.exists():
        said = _essence(ran.stderr or ran.stdout) or f"it ended with code {ran.returncode} and said nothing"
        raise BuildError(f"componentize-py cannot build `{project.name}`:\n{said}")


def _essence(output: str) -> str:
    """What componentize-py says, without the frames of its own code around it."""
    inner = output.split("AssertionError: ", 1)[-1]
    return inner.split("\n\nCaused by:", 1)[0].strip()


def _library_folders() -> list[Path]:
    """Where the SDK and the project's dependencies are."""
    sdk = Path(__file__).resolve().parents[2]
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")]
    return list(dict.fromkeys([sdk, *(folder for folder in installed if folder.is_dir())]))


def _require_componentize() -> None:
    try:
        installed = metadata.version("componentize-py")
    except metadata.PackageNotFoundError:
        raise BuildError(f"componentize-py is not installed; {_remedy()}") from None
    if installed != COMPONENTIZE_VERSION:
        raise BuildError(
            f"componentize-py is {installed}, but this SDK is made for {COMPONENTIZE_VERSION}; {_remedy()}"
        )


def _remedy() -> str:
    return f"run `{Path(sys.executable).name} -m pip install './vendor/dpone-sdk[build]'` where you build"


def _require_world(wit: Path, world: str) -> None:
    declared = re.compile(rf"^\s*world\s+{re.escape(world)}\s*{{", re.MULTILINE)
    files = sorted(wit.glob("*.wit")) if wit.is_dir() else []
    if not files:
        raise BuildError(f"{wit} is no folder with WIT files; give the contract's folder with `--wit`")
    if not any(declared.search(file.read_text("utf-8")) for file in files):
        raise BuildError(f"the contract in {wit} has no world `{world}`; it is older than this SDK")
