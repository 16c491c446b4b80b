"""Builds the five templates and a faulty plugin for real, and calls them in a WebAssembly engine.

    pip install '.[build,test]' wasmtime
    pytest --component

It needs the repository around it, for the contract and the templates.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dpone_sdk import Batch, Page

pytestmark = pytest.mark.component

SDK = Path(__file__).resolve().parents[1]
WIT = SDK.parents[1] / "wit"
TEMPLATE = SDK.parent / "template" / "python"
SEES = {"extractor": {"pages"}, "transform": {"batches"}, "check": {"batches", "distinct"}, "slicer": {"pages"}}


@pytest.fixture(scope="session")
def load(tmp_path_factory):
    host = pytest.importorskip("component_host", reason="needs the package wasmtime")
    made = {}

    def load(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            plugin = FAULTY if kind == "faulty" else (TEMPLATE / f"{kind}.py").read_text("utf-8")
            (folder / "plugin.py").write_text(filled(plugin, kind), "utf-8")
            project = filled((TEMPLATE / "pyproject.toml").read_text("utf-8"), kind)
            (folder / "pyproject.toml").write_text(project, "utf-8")
            # As in a real project, where the SDK's copy lies beside the plugin.
            shutil.copytree(SDK / "src", folder / "vendor" / "dpone-sdk" / "src")
            out = folder / f"{kind}.wasm"
            command = [sys.executable, "-m", "dpone_sdk.build", str(folder), "--wit", str(WIT), "--out", str(out)]
            built = subprocess.run(command, capture_output=True, text=True, cwd=SDK / "src", check=False)
            assert built.returncode == 0, built.stderr
            made[kind] = host.Loaded(out)
        return made[kind]

    return load


def filled(text, kind):
    return text.replace("{{name}}", f"my-{kind}").replace("{{class}}", "Mine").replace("{{module}}", f"my_{kind}")


def options(**given):
    return json.dumps(given)


@pytest.mark.parametrize("kind", ["extractor", "transform", "check", "slicer", "signer"])
def test_imports_and_exports_are_those_of_the_world(load, kind):
    loaded = load(kind)
    own = {name.split("/")[1].split("@")[0] for name in loaded.imports if name.startswith("dpone:plugin/")}
    assert own == {"host", "types"} | SEES.get(kind, set())
    assert all(name.startswith(("dpone:plugin/", "wasi:")) for name in loaded.imports)
    # componentize-py exports one more instance, for itself.
    assert [name for name in loaded.exports if name != "exports"] == [f"dpone:plugin/{kind}@0.1.0"]
    described = loaded.instance().call("describe")
    assert (described["name"], described["version"]) == (f"my-{kind}", "0.1.0")
    assert json.loads(described["options-schema"])["additionalProperties"] is False


def test_an_extractor(load):
    host = load("extractor").instance()
    assert host.call("configure", {"options": options(limit=2), "records-path": "data"}) is None
    tag, step = host.call("start")
    assert (tag, step["records"], step["state"]) == ("ok", None, b"null")
    _, step = host.call("next", Page.for_test('{"meta":{"next":"abc"}}'), step["state"])
    assert step["records"] == "data"
    assert [(f["name"], f["value"]) for f in step["next"]["query"]] == [
        ("limit", ("text", "2")),
        ("cursor", ("text", "abc")),
    ]
    assert host.call("ahead", b"", 3) == []
    _, step = host.call("next", Page.for_test("{}"), b"")
    assert step["next"] is None
    refused = host.call("next", Page.for_test('{"meta":{"next":[]}}'), b"")
    assert (refused[0], refused[1]["code"]) == ("err", "cursor-kind")


def test_a_transform(load):
    host = load("transform").instance()
    assert host.call("configure", options(field="c")) == ("ok", {"fields": ["c"], "bytes": False})
    _, edits = host.call("apply", Batch.for_test('{"c":"é"}\n{"c":null}'))
    assert edits["keep"] == b"\1\0"
    [column] = edits["set"]
    assert (column["field"], column["values"]["text"].decode()) == ("c", '"É"null')
    assert host.call("apply", Batch.for_test('{"c":"É"}')) == ("ok", None)
    refused = host.call("apply", Batch.for_test('{"c":"x"}\n{"c":1}'))
    assert refused == ("err", {"code": "no-text", "message": "a number instead of a string", "record": 1, "field": "c"})


def test_a_check(load):
    host = load("check").instance()
    assert host.call("configure", options(field="c", max_share=0.5)) == (
        "ok",
        {"needs": {"fields": ["c"], "bytes": False}, "stage": "before-publish"},
    )
    state = b""
    for page in ('{"c":1}\n{"c":null}', '{"c":1}\n{}'):
        state = host.call("observe", Batch.for_test(page), state)
    assert json.loads(state) == {"records": 4, "empty": 2}
    _, verdict = host.call("finish", {"source-rows": 4, "rows": 4, "acknowledged": None, "pages": 2}, state)
    assert (verdict["passed"], json.loads(verdict["observed"])) == (True, {"records": 4, "empty": 2})
    assert host.call("observe", Batch.for_test("{}"), b"x")["code"] == "invalid-state"


def test_a_slicer(load):
    host = load("slicer").instance()
    assert host.call("configure", options(param="region", values=["eu", "us"])) is None
    _, step = host.call("start", {"lower": None, "upper": None, "started-at": "2026-01-01T00:00:00Z"})
    assert [slice["id"] for slice in step["slices"]] == ["eu", "us"]
    assert step["next"] is None


def test_a_signer(load):
    host = load("signer").instance()
    settings = {"options": options(key_id="k1"), "secrets": []}
    assert host.call("configure", settings)["code"] == "no-secret"
    assert host.call("configure", {**settings, "secrets": ["signing_key"]}) is None
    request = {"method": "GET", "url": "https://a.example/x?y=1", "headers": [], "body-sha256": "", "nonce": bytes(16)}
    _, signature = host.call("sign", {**request, "sent-at": "2026-01-01T00:00:00.000Z"})
    terms = signature["terms"]
    assert ("secret", "signing_key") in terms
    assert ("text", "GET\n/x\n2026-01-01T00:00:00.000Z") in terms
    placed = {header["name"]: terms[header["term"]] for header in signature["headers"]}
    assert placed["X-Date"] == ("text", "2026-01-01T00:00:00.000Z")
    assert placed["Authorization"][0] == "concat"


FAULTY = """
import sys
import dpone_sdk

@dpone_sdk.options
class Options:
    how: str

class Mine(dpone_sdk.Transform[Options]):
    def needs(self):
        return dpone_sdk.Needs()

    def apply(self, batch):
        if self.options.how == "print":
            print("printed")
            return dpone_sdk.UNCHANGED
        if self.options.how == "exit":
            sys.exit(3)
        if self.options.how == "nothing":
            return None
        if self.options.how == "import":
            import csv
        return self.look_up({})

    def look_up(self, table):
        return table["status"]

dpone_sdk.export(Mine)
"""


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("key", "plugin.py:26: KeyError: 'status' (in look_up; called from plugin.py:23 in apply)"),
        ("exit", "plugin.py:18: SystemExit: 3 (in apply)"),
        ("nothing", "TypeError: UNCHANGED, Edits or Replaced was expected of `apply`, not None"),
        ("import", "plugin.py:22: ModuleNotFoundError: No module named 'csv' (in apply); a component has no files"),
    ],
)
def test_the_text_of_a_crash_reaches_the_host(load, how, text):
    host = load("faulty").instance()
    host.call("configure", options(how=how))
    with pytest.raises(host.ENDED):
        host.call("apply", Batch.for_test("{}"))
    assert host.panic.startswith(text)


def test_print_is_harmless(load):
    host = load("faulty").instance()
    host.call("configure", options(how="print"))
    assert host.call("apply", Batch.for_test("{}")) == ("ok", None)


def test_calls_out_of_order_are_refused(load):
    host = load("faulty").instance()
    assert host.call("apply", Batch.for_test("{}"))[1]["code"] == "not-configured"
    assert host.call("configure", options(how=1))[1] == {
        "code": "invalid-options",
        "message": "`how`: a string was expected, not 1",
        "record": None,
        "field": None,
    }
    assert host.call("configure", options(how="x"))[0] == "ok"
    assert host.call("configure", options(how="x"))[1]["code"] == "configured-twice"
