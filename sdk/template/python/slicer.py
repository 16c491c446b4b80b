"""{{name}}: one slice for each value of a list, such as one a region."""

import re

import dpone_sdk
from dpone_sdk import Context, PluginError, Request, Slice, Slicer, SliceStep, option, options


@options
class Options:
    param: str = option(min_length=1, description="Query parameter that carries the value.")
    values: list[str] = option(min_items=1, unique_items=True, description="The values, in the order of the load.")


# The second argument is the state. The list is in the options, so nothing has to last.
class {{class}}(Slicer[Options, None]):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        # Found here, two values that share an id stop the run before the first request.
        ids = [slice_id(value) for value in options.values]
        for value, id in zip(options.values, ids):
            if ids.count(id) > 1:
                raise PluginError("same-slice", f"{value!r} would share its slice id `{id}` with another value")

    def start(self, context: Context) -> SliceStep[None]:
        # Bounds are left out: each slice then has those of the load.
        return SliceStep.last(
            [Slice(slice_id(value), Request(query={self.options.param: value})) for value in self.options.values]
        )


def slice_id(value: str) -> str:
    # The id is the slice's name from run to run, and the key of its watermark: so it depends on
    # the value alone, never on its place in the list.
    return re.sub(r"[^A-Za-z0-9_.:-]", "_", value)


dpone_sdk.export({{class}})
