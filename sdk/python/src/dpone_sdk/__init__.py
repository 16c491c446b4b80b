"""Plugins for dpone in Python.

A plugin is handed data and hands data back: an :class:`Extractor` says which request comes next
and where a page's records are, a :class:`Transform` changes the records of a page, a
:class:`Check` observes them and gives a verdict, a :class:`Slicer` cuts a load into slices, and a
:class:`Signer` says how requests are signed. Subclass one of the five and export it:

>>> @options
... class Options:
...     threshold: int = option(minimum=0, description="Least number of rows.")
>>> class MinRows(Check[Options, None]):
...     def observe(self, batch: Batch, state: None) -> None:
...         return None
...     def finish(self, counts: Counts, state: None) -> Verdict:
...         return Verdict(counts.rows >= self.options.threshold, f"{counts.rows} rows")
>>> MinRows = export(MinRows)

Two rules decide what a plugin may keep:

- An instance may be dropped between any two calls. What must last is the state, which a call
  returns and the next one gets; ``self`` holds the options and what follows from them.
- The clock stands at the run's start, and random is seeded by run and call, so that the same pages
  give the same bytes again.

The same code runs natively, where ``Page.for_test`` and ``Batch.for_test`` stand in for the host:
a plugin's tests are ordinary pytest.
"""

from . import distinct, http, log
from .batch import Batch, Needs
from .check import Check, Counts, Stage, Verdict
from .column import MISSING, Column, Kind, Value
from .errors import AnswerError, PluginError
from .extractor import Ending, Extractor, Records, Step
from .jsontext import JsonNumber, JsonText, dumps, loads
from .option import NoOptions, option, options
from .page import Page
from .plugin import export, read_options
from .request import Request, Secret
from .signer import Outgoing, Signature, Signer
from .slicer import Context, Slice, Slicer, SliceStep
from .term import Term
from .transform import UNCHANGED, Edits, Replaced, Transform, Unchanged

__version__ = "0.1.0"

__all__ = [
    "MISSING",
    "UNCHANGED",
    "AnswerError",
    "Batch",
    "Check",
    "Column",
    "Context",
    "Counts",
    "Edits",
    "Ending",
    "Extractor",
    "JsonNumber",
    "JsonText",
    "Kind",
    "Needs",
    "NoOptions",
    "Outgoing",
    "Page",
    "PluginError",
    "Records",
    "Replaced",
    "Request",
    "Secret",
    "Signature",
    "Signer",
    "Slice",
    "SliceStep",
    "Slicer",
    "Stage",
    "Step",
    "Term",
    "Transform",
    "Unchanged",
    "Value",
    "Verdict",
    "distinct",
    "dumps",
    "export",
    "http",
    "loads",
    "log",
    "option",
    "options",
    "read_options",
]
