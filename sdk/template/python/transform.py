"""{{name}}: drops the records without a field, and writes that field in capitals."""

import dpone_sdk
from dpone_sdk import UNCHANGED, Batch, Column, Edits, Kind, Needs, PluginError, Transform, Unchanged, option, options


@options
class Options:
    field: str = option(min_length=1, description="Top-level field with a text, such as a currency.")
    keep_empty: bool = option(default=False, description="Whether records without the field stay.")


class {{class}}(Transform[Options]):
    def needs(self) -> Needs:
        # Only what is named here crosses into the plugin; the rest of a record stays outside.
        return Needs(fields=[self.options.field])

    def apply(self, batch: Batch) -> Edits | Unchanged:
        column = batch.column(self.options.field)
        self.refuse_other_kinds(column)
        # The whole column is read in one go: a call a record would cost many times more.
        texts = column.strings()
        keep = [self.options.keep_empty or text is not None for text in texts]
        # A value of the column stands for itself: null stays null, a missing field stays missing.
        capitals = Column.of(text.upper() if text is not None else old for text, old in zip(texts, column))
        if capitals == column and all(keep):
            # The host then passes the batch on without taking it apart.
            return UNCHANGED
        return Edits(keep=keep, set={self.options.field: capitals})

    def refuse_other_kinds(self, column: Column) -> None:
        if column.count(Kind.STRING, Kind.NULL, Kind.MISSING) == len(column):
            return
        for record, value in enumerate(column):
            if value.is_present and value.kind is not Kind.STRING:
                # Record and field let the host show which line of the page is meant.
                raise PluginError(
                    "no-text", f"{value.kind.label} instead of a string", record=record, field=self.options.field
                )


dpone_sdk.export({{class}})
