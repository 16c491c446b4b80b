"""A column transform that exists in three languages: writes a text field in capitals."""

import dpone_sdk
from dpone_sdk import Batch, Column, Edits, Needs, Transform, option, options


@options
class Options:
    field: str = option(min_length=1, description="Top-level field with a text.")


class Capitals(Transform[Options]):
    def needs(self) -> Needs:
        return Needs(fields=[self.options.field])

    def apply(self, batch: Batch) -> Edits:
        column = batch.column(self.options.field)
        texts = zip(column.strings(), column)
        return Edits(set={self.options.field: Column.of(old if text is None else text.upper() for text, old in texts)})


dpone_sdk.export(Capitals)
