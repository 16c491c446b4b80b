"""A plugin's project: what its `pyproject.toml` says, and which class it exports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..faults import fault_text
from ..plugin import Plugin, exported

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_MODULE = "plugin"


class BuildError(Exception):
    """Why a project cannot be built, with what to do about it."""


@dataclass(frozen=True)
class Project:
    """Who a plugin is, and where its code is.

    Attributes:
        folder: the folder with the `pyproject.toml`.
        name: `project.name`, which every message of the host shows.
        version: `project.version`.
        module: `tool.dpone.module`, by default `plugin`.
    """

    folder: Path
    name: str
    version: str
    module: str = DEFAULT_MODULE

    @classmethod
    def read(cls, folder: Path) -> Project:
        """Reads the project file.

        Raises:
            BuildError: it is missing, is no TOML, or lacks name or version.
        """
        file = folder / "pyproject.toml"
        try:
            content = tomllib.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            raise BuildError(f"{file} does not exist; `dpone plugin new` writes one") from None
        except (ValueError, OSError) as error:
            raise BuildError(f"{file} cannot be read: {error}") from error
        project = _table(content, "project")
        module = _table(_table(content, "tool"), "dpone").get("module", DEFAULT_MODULE)
        return cls(folder, _text(file, project, "name"), _text(file, project, "version"), module)

    def load(self) -> type[Plugin[Any]]:
        """Imports the module natively and gives the class that it exports.

        Raises:
            BuildError: the import fails, or there is not exactly one export.
        """
        before = len(exported())
        sys.path.insert(0, str(self.folder))
        try:
            importlib.import_module(self.module)
        except Exception as error:
            text = fault_text(error, str(self.folder))
            raise BuildError(f"the module `{self.module}` cannot be imported: {text}") from error
        finally:
            sys.path.remove(str(self.folder))
        found = exported()[before:]
        if len(found) == 1:
            return found[0]
        if not found:
            raise BuildError(f"the module `{self.module}` exports no plugin; end it with `dpone_sdk.export(MyPlugin)`")
        names = ", ".join(plugin.__name__ for plugin in found)
        raise BuildError(f"the module `{self.module}` exports {names}; a component is one plugin: keep one `export`")


def _table(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _text(file: Path, project: Mapping[str, Any], key: str) -> str:
    value = project.get(key)
    if isinstance(value, str) and value:
        return value
    raise BuildError(
        f'{file}: `project.{key}` is missing; add `{key} = "..."` under `[project]` (it cannot be dynamic)'
    )
