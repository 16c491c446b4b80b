"""Text codecs are part of a component, because Python cannot import them in the sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SDK = Path(__file__).resolve().parents[1]

# A component has the modules that were imported when it was built, and no file to import another one from.
WITHOUT_FILES = """
import sys
from dpone_sdk._guest import textcodecs
names = set(textcodecs.import_all())
sys.meta_path.clear()
sys.path.clear()
import codecs
from encodings.aliases import aliases
for name in [*aliases.values(), "utf-8-sig", "idna", "punycode", "windows-1252", "latin-1", "UTF16"]:
    if codecs_module(name) in names:
        codecs.lookup(name)
assert b"\\xef\\xbb\\xbfx".decode("utf-8-sig") == "x"
assert b"\\x80".decode("cp1252") == "\\u20ac"
assert b"xn--mnchen-3ya".decode("idna") == "m\\xfcnchen"
assert "\\u65e5".encode("shift_jis").decode("shift_jis") == "\\u65e5"
print(len(names))
""".replace("codecs_module(name)", "aliases.get(name, name).replace('-', '_').lower()")


def test_codecs_are_found_without_files():
    command = [sys.executable, "-c", WITHOUT_FILES]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=SDK / "src", check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 100


def test_without_the_module_they_are_not():
    # So that the test above could fail.
    source = WITHOUT_FILES.replace("names = set(textcodecs.import_all())", "names = set()")
    source = source.replace("from dpone_sdk._guest import textcodecs\n", "")
    command = [sys.executable, "-c", source]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=SDK / "src", check=False)
    assert "LookupError: unknown encoding: utf-8-sig" in ran.stderr
