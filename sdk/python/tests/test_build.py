"""What the build says of a project, without building one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dpone_sdk import __version__
from dpone_sdk.build import BuildError, Project
from dpone_sdk.build.componentize import COMPONENTIZE_VERSION, _essence, _require_world, app_source
from dpone_sdk.faults import fault_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SDK = Path(__file__).resolve().parents[1]

PLUGIN = """
import dpone_sdk
class MinRows(dpone_sdk.Check[dpone_sdk.NoOptions, None]):
    def observe(self, batch, state):
        return None
    def finish(self, counts, state):
        return dpone_sdk.Verdict(True, "")
"""


@pytest.fixture
def project(tmp_path):
    def project(toml='[project]\nname = "my-check"\nversion = "1.2.3"\n', plugin=PLUGIN, **files):
        name = f"plugin_{tmp_path.name}".replace("-", "_").replace("[", "").replace("]", "")
        (tmp_path / "pyproject.toml").write_text(f'{toml}\n[tool.dpone]\nmodule = "{name}"\n', "utf-8")
        (tmp_path / f"{name}.py").write_text(plugin, "utf-8")
        for stem, text in files.items():
            (tmp_path / f"{stem}.py").write_text(text, "utf-8")
        return Project.read(tmp_path)

    return project


def test_a_project_says_who_it_is(project):
    found = project(plugin=f"{PLUGIN}\ndpone_sdk.export(MinRows)")
    assert (found.name, found.version) == ("my-check", "1.2.3")
    assert found.load().kind == "check"


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('[project]\nname = "x"', 'pyproject.toml: `project.version` is missing; add `version = "..."`'),
        ('[project]\nname = "x"\nversion = 1', "`project.version` is missing"),
        ("", "`project.name` is missing"),
        ("[project", "pyproject.toml cannot be read"),
    ],
)
def test_a_project_file_that_lacks_something(project, toml, problem):
    with pytest.raises(BuildError, match=re.escape(problem)):
        project(toml)


def test_no_project_file(tmp_path):
    with pytest.raises(BuildError, match="pyproject.toml does not exist; `dpone plugin new` writes one"):
        Project.read(tmp_path)


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (PLUGIN, "exports no plugin; end it with `dpone_sdk.export(MyPlugin)`"),
        (f"{PLUGIN}\ndpone_sdk.export(MinRows)\ndpone_sdk.export(MinRows)", "exports MinRows, MinRows; a component is"),
        ("\nimport nothing_such\n", ".py:2: ModuleNotFoundError: No module named 'nothing_such'"),
        ("\n\nx = (\n", ".py:3: SyntaxError: '(' was never closed"),
        ("1 / 0", ".py:1: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_is_no_plugin(project, plugin, problem):
    with pytest.raises(BuildError, match=re.escape(problem)):
        project(plugin=plugin).load()


def test_the_app_module_has_a_class_of_the_interfaces_name(project):
    source = app_source(project(), "check", stub_wasi=False)
    assert "from dpone_sdk._guest.check import Check as Check" in source
    assert "'my-check', '1.2.3', plugin, has_wasi=True" in source
    compile(source, "app", "exec")


def test_the_contract_has_to_know_the_kind(tmp_path):
    with pytest.raises(BuildError, match="is no folder with WIT files"):
        _require_world(tmp_path, "signer-plugin")
    (tmp_path / "signer.wit").write_text("package dpone:plugin@0.1.0;\nworld signer-plugin {\n}\n")
    _require_world(tmp_path, "signer-plugin")
    with pytest.raises(BuildError, match="has no world `slicer-plugin`"):
        _require_world(tmp_path, "slicer-plugin")


def test_the_toolchains_own_frames_are_left_out():
    output = (
        "Traceback (most recent call last):\n  x\nAssertionError: Traceback:\nValueError: no\n\n\nCaused by:\n  y\n"
    )
    assert _essence(output) == "Traceback:\nValueError: no"


def test_versions_agree():
    content = tomllib.loads((SDK / "pyproject.toml").read_text("utf-8"))["project"]
    assert content["version"] == __version__
    assert f"componentize-py == {COMPONENTIZE_VERSION}" in content["optional-dependencies"]["build"]


def test_a_fault_in_one_line():
    root = str(Path(__file__).parent)

    def inner():
        return int("x")

    try:
        inner()
    except ValueError as error:
        text = fault_text(error, root)
    assert re.fullmatch(
        r"test_build\.py:\d+: ValueError: invalid literal for int\(\) with base 10: 'x' "
        r"\(in inner; called from test_build\.py:\d+ in test_a_fault_in_one_line\)",
        text,
    )


def test_a_faults_cause_is_named():
    try:
        try:
            {}["a"]
        except KeyError as cause:
            raise ValueError("bad") from cause
    except ValueError as error:
        assert fault_text(error, str(Path(__file__).parent)).endswith("; after KeyError: 'a')")
