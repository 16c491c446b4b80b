"""What all kinds of plugin share: options, state, and the one class that a module exports."""

from __future__ import annotations

import inspect
from abc import ABC
from dataclasses import is_dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from .errors import PluginError
from .jsontext import dumps, loads
from .schema import schema_of
from .typed import accepts, decode, initial

O = TypeVar("O")  # noqa: E741 - the usual name would be longer than what it says
S = TypeVar("S")
P = TypeVar("P", bound="type[Plugin[Any]]")


class Plugin(ABC, Generic[O]):
    """The base of the five kinds; subclass one of those."""

    kind: ClassVar[str] = ""
    # Type variables until a class line names types in their place.
    options_type: ClassVar[Any] = O  # type: ignore[misc]
    state_type: ClassVar[Any] = S

    def __init__(self, options: O) -> None:
        self.options = options

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for base in cls.__dict__.get("__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Plugin):
                cls._bind(dict(zip(getattr(origin, "__parameters__", ()), get_args(base))))

    @classmethod
    def _bind(cls, given: dict[Any, Any]) -> None:
        """Takes over the types of the class line, also where it names a base of the user's own
        that leaves some open."""
        options_type = given.get(cls.options_type, cls.options_type)
        if not isinstance(options_type, TypeVar) and not is_dataclass(options_type):
            raise TypeError(f"{cls.__name__}: the options must be a dataclass, not {options_type!r}")
        cls.options_type = options_type
        cls.state_type = given.get(cls.state_type, cls.state_type)

    @classmethod
    def options_schema(cls) -> str:
        """JSON Schema (draft 2020-12) of the options, as ``describe`` tells the host."""
        return dumps(schema_of(cls.options_type))

    @classmethod
    def read_options(cls, text: str) -> Any:
        """Reads options as the component does; no text is an empty object.

        Raises:
            PluginError: ``invalid-options``, with the option's place.
        """
        return read_options(cls.options_type, text)

    @classmethod
    def read_state(cls, data: bytes) -> Any:
        """Reads a state; no bytes are the state before the first call.

        Raises:
            PluginError: ``invalid-state``.
        """
        if not data:
            return initial(cls.state_type)
        try:
            return decode(cls.state_type, loads(data))
        except ValueError as error:
            raise PluginError("invalid-state", f"this is no state of this plugin: {error}") from error

    @classmethod
    def write_state(cls, state: Any) -> bytes:
        """Writes a state.

        Raises:
            TypeError: it is not what the class declares.
        """
        if not accepts(cls.state_type, state):
            declared = getattr(cls.state_type, "__name__", cls.state_type)
            raise TypeError(f"{cls.__name__} declares a state of type {declared}, but returned {state!r:.80}")
        return dumps(state).encode()


def read_options(options_type: type[O], text: str) -> O:
    """Reads options as the component does, for a plugin's own tests; no text is an empty object.

    Raises:
        PluginError: ``invalid-options``, with the option's place.
    """
    try:
        options: O = decode(options_type, loads(text.strip() or "{}"))
        return options
    except ValueError as error:
        raise PluginError("invalid-options", str(error)) from error


_exported: list[type[Plugin[Any]]] = []


def export(plugin: P) -> P:
    """Names the class that becomes the component: once a project, at the end of ``plugin.py``.

    Natively nothing else happens, so the module can be imported by tests.

    Raises:
        TypeError: the class is no plugin, lacks a method, or has options without a schema.
    """
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin) and plugin.kind):
        kinds = "Extractor, Transform, Check, Slicer or Signer"
        raise TypeError(f"export takes a subclass of {kinds}, not {plugin!r}")
    if inspect.isabstract(plugin):
        missing = ", ".join(sorted(plugin.__abstractmethods__))
        raise TypeError(f"{plugin.__name__} lacks the method {missing}, which each {plugin.kind} has")
    if isinstance(plugin.options_type, TypeVar):
        raise TypeError(f"{plugin.__name__} does not name its options: write {plugin.kind.title()}[Options, ...]")
    plugin.options_schema()
    _exported.append(plugin)
    return plugin


def exported() -> list[type[Plugin[Any]]]:
    """What has been exported so far; the build looks here."""
    return list(_exported)
