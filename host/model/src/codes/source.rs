//! DP04: the source.

crate::codes! { Source:
    UNREACHABLE = "DP0401", Later, "the API cannot be reached",
        "Name resolution, connection or TLS failed after all attempts. The message names the URL without secrets, the attempts made and the cause.";
    TIMEOUT = "DP0402", Later, "the API took too long",
        "`timeouts.connect_ms`, `timeouts.read_ms` and `timeout` bound a request. The journal keeps the pages that came before: `dpone resume RUN` goes on there.";
    STATUS = "DP0403", Later, "the API answered with an error",
        "The status stayed an error after all attempts, or is one that a retry cannot mend (4xx). An excerpt of the body is in the message.";
    NOT_JSON = "DP0404", AfterFix, "a page is not JSON",
        "The message names page, URL, byte offset and an excerpt. An HTML page usually means a login form, a proxy or a wrong URL.";
    RECORDS_PATH = "DP0405", AfterFix, "the records path is not in the page",
        "The hint lists the keys that are there. On the first page a missing list is an error, because a misspelt path looks the same; `source.options.on_missing_records: empty` is for APIs that leave an empty list out. On a later page a missing list is an empty page, as long as the level that lacks it has names of an earlier page, and no other ones. `null` is an empty list.";
    REPEATED_CURSOR = "DP0406", AfterFix, "the API gave the same cursor again",
        "Following it would fetch the same page for ever. Check `cursor_path`, and whether the API's cursor is really in the answer and not an echo of the request.";
    MAX_PAGES = "DP0407", AfterFix, "the walk reached max_pages",
        "The API has more pages. Raise `pagination.max_pages`, or set `on_max_pages: stop` where a part is wanted.";
    EMPTY_PAGES = "DP0408", AfterFix, "too many empty pages in a row",
        "`pagination.max_empty_pages` (10) bounds how many empty pages are followed while the API gives a next one.";
    OTHER_ORIGIN = "DP0409", AfterFix, "the API pointed to another origin",
        "A next URL or redirect that leaves the connection's origin is not followed, because credentials would go with it. `allow_origins` names origins that are followed without credentials; a request whose body or URL holds a secret of the connection is not sent there either.";
    PAGE_TOO_LARGE = "DP0410", AfterFix, "a page is larger than max_page_bytes",
        "The limit counts decoded bytes, so that a small compressed body cannot fill the memory. Ask the API for smaller pages, or raise the limit.";
    CURSOR_FIELD = "DP0411", AfterFix, "a record's cursor field is missing or unreadable",
        "The watermark can only move over records whose cursor field is an RFC 3339 timestamp or a number. The message names the record.";
    REDIRECTS = "DP0412", AfterFix, "too many redirects",
        "A request may be redirected ten times; a loop of redirects usually means a missing login.";
    TOO_DEEP = "DP0413", AfterFix, "a page nests too deeply",
        "A page may nest 1024 levels. Deeper nesting is an attack or a mistake of the API.";
    TOO_MANY_NAMES = "DP0414", AfterFix, "the records have too many distinct field names",
        "A map with ids as names is usually meant as data, not as columns; a transform can turn it into a list.";
    ENCODING = "DP0415", AfterFix, "a page's content encoding cannot be decoded",
        "Supported are identity, gzip and zstd. The body is damaged or of another encoding.";
    RESUME_AGE = "DP0416", AfterFix, "the journal is too old to resume",
        "`resume.max_age` says how long the source's cursors live. Start the run anew.";
    RETRY_AFTER = "DP0417", Later, "the API asks to wait longer than max_retry_after",
        "The API sent Retry-After with more than `retry.max_retry_after`. Run again after that time.";
    RECORD_NOT_OBJECT = "DP0418", AfterFix, "a record is not a JSON object",
        "Every element of the records array must be an object. The message names the record.";
    ADDRESS_REFUSED = "DP0419", AfterFix, "an address is not allowed",
        "Other origins than the connection's own may not resolve to private, loopback or link-local addresses.";
    NEVER_SEEN = "DP0420", AfterFix, "the walk ended at a path that may be misspelt",
        "The walk over the pages ended because a cursor, a URL or a link was missing, and no answer of this pipeline ever had one there, or the last page of every earlier walk had, or the page has one whose name differs in case, underscores or hyphens alone. A misspelt or renamed path looks the same as a last page, so all later pages would be missing. The message lists the keys that are there. Correct the path; `pagination.on_missing_cursor: warn` (the default) loads the pages that came and warns; of a name that differs so little it is an error in any case.";
    REPEATED_PAGE = "DP0421", AfterFix, "the API gives the same page again",
        "The records of a page are those of the page before it, or several pages in a row are those of the pages before them. Following on would load the same rows for ever. Some APIs repeat their last page when they are asked for more: `short_page: stop` or `max_pages` ends the walk before that. If every page is the same, the API does not know the parameter that asks for the next one. Rows without ids may rightly be the same on two pages: `pagination.on_repeated_page: continue`.";
    ERROR_OBJECT = "DP0422", Later, "the API answered with an error object",
        "The status says success, but the body has a filled `errors`, or it has no records and says that the request failed: an `error`, a `fault`, an `errorCode`, a `message` with a `code`, `success: false`, `ok: false`, or a `status` such as `error` or 500. Its rows would be incomplete. `source.options.on_error_object: ignore` takes such answers for pages, for APIs that always send one.";
    ANSWER = "DP0423", AfterFix, "an extractor cannot go on from what the API answered",
        "The extractor understood its options and the page, and the page is not what it has to be: a cursor that is an object, a page size that the API caps. The message is the extractor's own and says what to set.";
    EMPTY_BODY = "DP0424", Later, "an answer has no body",
        "The status says success, and the body is empty. A status of 204 or 205 means that there is nothing; with another one a proxy may have cut the answer off, so the pages behind it would be missing. Run again; if it happens each time, look at what stands between the API and this host.";
    LONG_URL = "DP0425", AfterFix, "a URL is too long to be sent",
        "A URL may have 60 KiB; HTTP libraries refuse longer ones, and servers far shorter ones. A cursor, a parameter or a redirect of the API is longer than that.";
    LONG_HEADERS = "DP0426", AfterFix, "the headers of a request are too long to be sent",
        "A header may have 16 KiB, and all headers of a request 64 KiB; servers commonly take less. The message names the header. It is set by the manifest, the connection, or a plugin.";
    REPEATED_NAME = "DP0427", AfterFix, "a name that is read occurs twice in a page",
        "The records path, a cursor, a URL or an error field was looked up in the page, and a name on its way occurs twice in its object, spelt alike or escaped. Readers of JSON differ in which of the two they take, so a page could be the last one for this host and not for others. The API has to send the name once; names that nobody reads may repeat.";
    CURSOR_UNIT = "DP0430", AfterFix, "the cursor's unit is not known, or another one",
        "Numbers can count seconds, milliseconds or microseconds, or be no times at all. `incremental.record_format` (epoch, epoch_ms, epoch_us) says which, so that timestamps and durations in the manifest apply to them; ids take numbers, such as `lookback: 1000`.";
    ALL_AHEAD = "DP0431", AfterFix, "all rows lie in the future",
        "No row can move the watermark, so every run would start over. A cursor that holds times to come, such as due dates, needs `incremental.max_future: off`; then the greatest value moves the watermark, wherever it lies. Under `staging: none` earlier batches of the run were published before.";
    WATERMARK_AHEAD = "DP0432", AfterFix, "the stored watermark lies in the future",
        "Every row before it would be taken for loaded. Either a single row with a wrong date has moved it, under an earlier version or with `max_future: off`: `dpone state reset` starts from nothing, and with a `unique_key` the rows that are loaded again replace themselves. Or the cursor holds times to come, such as due dates: `incremental.max_future: off`.";
}
