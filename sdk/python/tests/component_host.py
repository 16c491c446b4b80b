"""A small host for components, on wasmtime's Python package: enough to call each kind once.

The SDK's own stand-ins answer for pages and batches, so a component and a native test see the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wasmtime import Engine, ExitTrap, Store, Trap, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker, LinkerInstance, Record, ResourceHost, ResourceType, Variant

from dpone_sdk import Batch, Page

VERSION = "0.1.0"
HANDLE = 1


class Host:
    """One instance of a component."""

    ENDED = (WasmtimeError, Trap, ExitTrap)

    def __init__(self, component: Component, engine: Engine) -> None:
        self.log: list[tuple[str, str]] = []
        self.panic: str | None = None
        self.handles: list[Any] = []
        self.kind = next(kind for name in component.type.exports(engine) if (kind := _interface(name)))
        self.store = Store(engine)
        self.store.set_wasi(WasiConfig())
        linker = Linker(engine)
        linker.add_wasip2()
        imports = {_interface(name) for name in component.type.imports(engine)}
        with linker.root() as root:
            for name in imports - {None}:
                with root.add_instance(f"dpone:plugin/{name}@{VERSION}") as instance:
                    getattr(self, f"_add_{name}")(instance)
        self.instance = linker.instantiate(self.store, component)

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls an export; pages and batches become handles, results Python values.

        wasmtime's package gives a variant whose cases differ in type as its payload alone: so a
        result without a payload is ``None``, and an error beside it the record.
        """
        interface = self.instance.get_export_index(self.store, f"dpone:plugin/{self.kind}@{VERSION}")
        found = self.instance.get_export_index(self.store, name, interface)
        function = self.instance.get_func(self.store, found)
        return plain(function(self.store, *map(self._lowered, arguments)))

    def _lowered(self, argument: Any) -> Any:
        if isinstance(argument, dict):
            record = Record()
            record.__dict__.update({name: self._lowered(value) for name, value in argument.items()})
            return record
        if isinstance(argument, (Page, Batch)):
            self.handles.append(argument)
            return ResourceHost.own(len(self.handles) - 1, HANDLE).to_any(self.store)
        return argument

    def _of(self, handle: Any) -> Any:
        return self.handles[handle.to_host(self.store).rep]

    def _add_host(self, instance: LinkerInstance) -> None:
        def panicked(_: Any, message: str) -> None:
            self.panic = message

        instance.add_func("log", lambda _, level, message: self.log.append((level, message)))
        instance.add_func("panicked", panicked)

    def _add_types(self, instance: LinkerInstance) -> None:
        """Types alone: nothing to call."""

    def _add_pages(self, instance: LinkerInstance) -> None:
        self._add_resource(instance, "page")
        for name in ("status", "url"):
            instance.add_func(f"[method]page.{name}", lambda _, page, name=name: getattr(self._of(page), name))
        for name in ("header", "get", "count", "last"):
            instance.add_func(f"[method]page.{name}", lambda _, page, of, name=name: getattr(self._of(page), name)(of))
        instance.add_func("[method]page.body", lambda _, page: self._of(page).body())

    def _add_batches(self, instance: LinkerInstance) -> None:
        def column(_: Any, batch: Any, field: str) -> Record:
            found = self._of(batch).column(field)
            return self._lowered({"kinds": found.kinds, "offsets": list(found.offsets), "text": found.text})

        self._add_resource(instance, "batch")
        instance.add_func("[method]batch.len", lambda _, batch: len(self._of(batch)))
        instance.add_func("[method]batch.column", column)
        instance.add_func("[method]batch.bytes", lambda _, batch: self._of(batch).bytes())

    def _add_http(self, instance: LinkerInstance) -> None:
        """Nothing is granted here."""
        instance.add_func("send", lambda *_: None)

    def _add_distinct(self, instance: LinkerInstance) -> None:
        instance.add_func("add", lambda *_: None)
        instance.add_func("repeats", lambda *_: self._lowered({"rows": 0, "examples": []}))

    @staticmethod
    def _add_resource(instance: LinkerInstance, name: str) -> None:
        instance.add_resource(name, ResourceType.host(HANDLE), lambda *_: None)


class Loaded:
    """A compiled component; instances are cheap."""

    def __init__(self, file: Path) -> None:
        self.engine = Engine()
        self.component = Component.from_file(self.engine, str(file))
        self.imports = list(self.component.type.imports(self.engine))
        self.exports = list(self.component.type.exports(self.engine))

    def instance(self) -> Host:
        return Host(self.component, self.engine)


def plain(value: Any) -> Any:
    """Records as dicts, variants as pairs, so that a test can compare them."""
    if isinstance(value, Record):
        return {name: plain(member) for name, member in vars(value).items()}
    if isinstance(value, Variant):
        return (value.tag, plain(value.payload))
    return [plain(member) for member in value] if isinstance(value, list) else value


def _interface(name: str) -> str | None:
    return name.removeprefix("dpone:plugin/").split("@")[0] if name.startswith("dpone:plugin/") else None
