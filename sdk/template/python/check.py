"""{{name}}: at most a share of the records has no value in a field."""

from dataclasses import dataclass
from decimal import Decimal

import dpone_sdk
from dpone_sdk import Batch, Check, Counts, Kind, Needs, Verdict, option, options


@options
class Options:
    field: str = option(min_length=1, description="Top-level field that should have a value.")
    # Decimal, because a limit of 0.1 should be exactly that.
    max_share: Decimal = option(
        default=Decimal(0), minimum=0, maximum=1, description="Greatest share of records without one; 0.01 is 1 %."
    )


# An instance may be dropped between two pages, so what is counted has to be in the state: it goes
# out with each call and comes back with the next one. Defaults are the state before the first page.
@dataclass
class State:
    records: int = 0
    empty: int = 0


class {{class}}(Check[Options, State]):
    def needs(self) -> Needs:
        return Needs(fields=[self.options.field])

    def observe(self, batch: Batch, state: State) -> State:
        # Counting kinds looks at no value, so this costs next to nothing a record.
        empty = batch.column(self.options.field).count(Kind.NULL, Kind.MISSING)
        return State(state.records + len(batch), state.empty + empty)

    def finish(self, counts: Counts, state: State) -> Verdict:
        # Multiplied, not divided: so there is no rounding, and no records are no problem.
        passed = state.empty <= self.options.max_share * state.records
        message = (
            f"{state.empty} of {state.records} records have no {self.options.field}; "
            f"a share of {self.options.max_share} is allowed"
        )
        return Verdict(passed, message, observed=state)


dpone_sdk.export({{class}})
