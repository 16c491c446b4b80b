"""The plugin's own error: it understood the call and says no."""

from __future__ import annotations


class PluginError(Exception):
    """Raise it to refuse, with what a person needs to put it right.

    Anything else that leaves a plugin (a ``KeyError``, say) is a fault of the plugin; the host
    reports it as a crash, with its text and line.

    Args:
        code: a short name in kebab case, such as ``missing-cursor``.
        message: one line, a lowercase fragment with the particulars.
        record: position of the record in the page or batch, from 0.
        field: the record's field that the error is about.
    """

    blames = "plugin"

    def __init__(self, code: str, message: str, record: int | None = None, field: str | None = None) -> None:
        super().__init__(code, message, record, field)
        self.code = code
        self.message = message
        self.record = record
        self.field = field

    def __str__(self) -> str:
        record = "" if self.record is None else f" (record {self.record})"
        field = "" if self.field is None else f" (field {self.field})"
        return f"{self.code}: {self.message}{record}{field}"


class AnswerError(PluginError):
    """Raise it where what the API answered is the cause, such as a cursor that is an object.

    The run then ends as with any other error of the source, with the page and its URL, and not as
    with one of the plugin.
    """

    blames = "answer"
