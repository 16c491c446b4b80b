"""An uncaught exception in one line: where the plugin failed, and with what text.

Frames are read by hand: `traceback` looks for the source files, which a component does not have.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

MAX_CALLERS = 3
_SDK = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class _Frame:
    file: str
    line: int
    function: str


def fault_text(error: BaseException, root: str) -> str:
    """``plugin.py:42: KeyError: 'next' (in cursor; called from plugin.py:20 in next)``.

    The line is the plugin's own that is nearest to the error; files are named relative to
    ``root``. What raised deeper, in a library, is named after it.
    """
    text = _error_text(error)
    if isinstance(error, SyntaxError):
        return f"{_relative(error.filename or '', root)}:{error.lineno}: {text}"
    frames = _frames(error)
    own = [frame for frame in frames if _is_own(frame.file, root)]
    if not own:
        return f"{text} (raised at {_place(frames[-1], root)})" if frames else text
    nearest = own[-1]
    details = [f"in {nearest.function}"]
    if frames[-1] is not nearest:
        details.append(f"raised at {_place(frames[-1], root)}")
    details.extend(f"called from {_place(frame, root)} in {frame.function}" for frame in _callers(own))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        details.append(f"after {_error_text(cause)}")
    return f"{_place(nearest, root)}: {text} ({'; '.join(details)})"


def _frames(error: BaseException) -> list[_Frame]:
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(_Frame(code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return found


def _callers(own: Sequence[_Frame]) -> list[_Frame]:
    return list(reversed(own[-1 - MAX_CALLERS : -1]))


def _error_text(error: BaseException) -> str:
    name = type(error).__name__
    # SyntaxError's own text repeats the place.
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{name}: {said}" if said else name


def _is_own(filename: str, root: str) -> bool:
    return filename.startswith(root + os.sep) and not filename.startswith(_SDK + os.sep) and "-packages" not in filename


def _place(frame: _Frame, root: str) -> str:
    return f"{_relative(frame.file, root)}:{frame.line}"


def _relative(filename: str, root: str) -> str:
    if filename.startswith(root + os.sep):
        return filename[len(root) + 1 :]
    # A library's path within the machine or the component says little; its last parts say enough.
    return "/".join(filename.replace(os.sep, "/").split("/")[-2:])
