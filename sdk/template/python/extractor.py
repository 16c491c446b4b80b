"""{{name}}: follows the cursor that each page names in `meta.next`."""

import dpone_sdk
from dpone_sdk import Extractor, Kind, Page, PluginError, Records, Request, Step, Value, option, options


@options
class Options:
    cursor_path: str = option(default="meta.next", min_length=1, description="Dotted path of the next cursor.")
    param: str = option(default="cursor", min_length=1, description="Query parameter that carries the cursor.")
    limit: int = option(default=100, minimum=1, maximum=1000, description="Records a page.")


# The second argument is the state. A cursor comes with each page, so nothing has to last.
class {{class}}(Extractor[Options, None]):
    def start(self) -> Step[None]:
        return Step.first(Request(query={"limit": self.options.limit}))

    def next(self, page: Page, state: None) -> Step[None]:
        # The host finds the records by their path: they never cross into the plugin.
        records = Records.at(self.records_path)
        cursor = self.cursor(page.value(self.options.cursor_path))
        if cursor is None:
            return Step.last(records)
        return Step.more(records, Request(query={"limit": self.options.limit, self.options.param: cursor}))

    def cursor(self, value: Value) -> str | None:
        if value.kind is Kind.STRING:
            # Some APIs say "no more" with an empty string.
            return value.as_str() or None
        if value.kind is Kind.NUMBER:
            # The text as it was sent: a cursor of 20 digits would not survive as a float.
            return value.json
        if not value.is_present:
            return None
        # Going on without a cursor would load the first page for ever, so this has to be an error.
        raise PluginError(
            "cursor-kind", f"the cursor at {self.options.cursor_path} is {value.kind.label}; a string was expected"
        )


dpone_sdk.export({{class}})
