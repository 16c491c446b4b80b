//! The walk over an API's pages: fetch, ask the extractor, send the next request, hand out the page.
//!
//! What stops a walk is found out while its last good page is at hand. That page is handed out all
//! the same, so that it reaches the journal; the error comes with the next call.

use crate::SharedScanner;
use crate::error::Error;
use crate::rules::{self, Asker};
use crate::seen::Seen;
use crate::template::Template;
use crate::view::{ResponseView, scan_lines};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dpone_connections::HttpConnection;
use dpone_manifest::{Grants, Source};
use dpone_model::http::{Credential, HttpEgress, HttpRequest, HttpResponse, RequestSigner};
use dpone_model::plugin::{Extractor, RecordsAt, RequestEdit, Step, Usage};
use dpone_model::{PagePlace, Records, Report};
use dpone_plan::Boundary;
use std::sync::Arc;
use tokio::task::JoinHandle;
use url::Url;

/// What a walk is made of.
pub struct WalkConfig<'a> {
    pub source: &'a Source,
    pub connection: &'a HttpConnection,
    pub boundary: &'a Boundary,
    pub egress: Arc<dyn HttpEgress>,
    /// [`crate::SinglePage`] where the manifest has no pagination.
    pub extractor: Box<dyn Extractor>,
    pub scanner: SharedScanner,
    /// `--max-pages`: ends the walk without an error, unlike the manifest's own limit.
    pub max_pages: Option<u64>,
    /// Signs each attempt of each request.
    pub signer: Option<Arc<dyn RequestSigner>>,
    /// What every request of this slice varies.
    pub slice: Option<SliceRequest<'a>>,
}

/// A slice's own request, and who asks for it.
#[derive(Debug, Clone, Copy)]
pub struct SliceRequest<'a> {
    pub edit: &'a RequestEdit,
    pub slicer: &'a str,
    pub grants: &'a Grants,
}

impl WalkConfig<'_> {
    /// What every request of the walk starts from.
    fn template(&self) -> Result<Template, Error> {
        let mut template = Template::new(self.source, self.connection, self.boundary)?;
        template.credentials.extend(self.signer.clone().map(Credential::Signed));
        let Some(slice) = &self.slice else { return Ok(template) };
        let page = PagePlace::new(0, template.url.as_str());
        rules::vary(
            &template,
            slice.edit,
            &Asker { extractor: slice.slicer, grants: slice.grants, page, page_url: None },
        )
    }
}

/// One page, scanned.
#[derive(Debug)]
pub struct Page {
    /// From 1.
    pub number: u64,
    pub request: RequestEdit,
    /// The URL that answered, without secrets.
    pub url: String,
    pub status: u16,
    /// Without `Set-Cookie`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// NDJSON that the extractor made; then `records` refers to it and not to `body`.
    pub records_body: Option<Bytes>,
    pub records: Records,
    /// Where the records are in `body`; `None` with `records_body`, or where the page holds none.
    pub records_path: Option<String>,
    /// What the extractor asks for next; `None` ends the walk.
    pub next: Option<RequestEdit>,
    /// The extractor's state after this page.
    pub state: Vec<u8>,
    /// Attempts that the request took.
    pub attempts: u32,
}

impl Page {
    pub fn place(&self) -> PagePlace {
        PagePlace::new(self.number, self.url.clone())
    }

    /// The bytes that `records` refers to.
    pub fn records_bytes(&self) -> &Bytes {
        self.records_body.as_ref().unwrap_or(&self.body)
    }
}

/// Where a journal ends: the walk goes on after its last page.
#[derive(Debug, Clone, Default)]
pub struct ResumeFrom {
    /// Request and answering URL of each page, from page 1.
    pub earlier: Vec<(RequestEdit, String)>,
    /// Of the last page.
    pub next: Option<RequestEdit>,
    /// The extractor's state after the last page.
    pub state: Vec<u8>,
    /// How many pages without records end the journal.
    pub empty_pages: u32,
}

impl ResumeFrom {
    /// A new walk from a stored [`Walk::response_cursor`]; `None` where the text is none.
    pub fn response_cursor(text: &str) -> Option<Self> {
        let json = STANDARD.decode(text).ok()?;
        let (next, state): (RequestEdit, Vec<u8>) = serde_json::from_slice(&json).ok()?;
        Some(Self { next: Some(next), state, ..Self::default() })
    }
}

/// A walk over the pages of one slice.
pub struct Walk {
    core: Core,
    extractor: Box<dyn Extractor>,
    state: Vec<u8>,
    after: After,
    /// Records path of the last page, as the prediction for the next one.
    records_path: String,
    empty_pages: u32,
    /// The last request that the API's answers led to, with the state that belongs to it.
    cursor: Option<(RequestEdit, Vec<u8>)>,
}

/// What comes after the page that was handed out last.
enum After {
    Start,
    Pending(Pending),
    Failed(Report),
    End { truncated: bool },
}

struct Pending {
    edit: RequestEdit,
    place: PagePlace,
    task: JoinHandle<Result<HttpResponse, Report>>,
}

/// A request that nobody will wait for is not worth its answer.
impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What does not change from page to page, and the requests sent so far.
struct Core {
    template: Template,
    grants: Grants,
    egress: Arc<dyn HttpEgress>,
    scanner: SharedScanner,
    seen: Seen,
    max_pages: Option<u64>,
    stop_at_max_pages: bool,
    max_pages_of_run: Option<u64>,
    max_empty_pages: u32,
}

impl Walk {
    /// A walk from the first page. Nothing is sent before the first call of [`Walk::next`].
    pub fn new(config: WalkConfig<'_>) -> Result<Self, Error> {
        let pagination = &config.source.pagination;
        let core = Core {
            template: config.template()?,
            grants: pagination.extractor.as_ref().map(|plugin| plugin.grants.clone()).unwrap_or_default(),
            egress: config.egress,
            scanner: config.scanner,
            seen: Seen::default(),
            max_pages: pagination.max_pages,
            stop_at_max_pages: pagination.stop_at_max_pages,
            max_pages_of_run: config.max_pages,
            max_empty_pages: pagination.max_empty_pages,
        };
        Ok(Self {
            core,
            extractor: config.extractor,
            state: Vec::new(),
            after: After::Start,
            records_path: config.source.records_path.clone(),
            empty_pages: 0,
            cursor: None,
        })
    }

    /// A walk that goes on after journalled pages, none of which is fetched again. The next request
    /// is sent at once.
    pub fn resume(config: WalkConfig<'_>, from: ResumeFrom) -> Result<Self, Error> {
        let mut walk = Self::new(config)?;
        if from.earlier.is_empty() && from.next.is_none() {
            return Ok(walk);
        }
        let mut last = PagePlace::new(0, walk.core.template.url.as_str());
        for (edit, url) in from.earlier {
            let request = walk.core.request(walk.name(), &edit, &last)?;
            walk.core.seen.insert(&request);
            last = PagePlace::new(last.page + 1, url);
        }
        walk.state = from.state;
        walk.empty_pages = from.empty_pages;
        walk.note_cursor(&last, from.next.as_ref());
        walk.after = walk.plan_next(&last, from.next);
        Ok(walk)
    }

    /// The next page; `None` after the last one. When a page is returned, the request for the one
    /// after it is already on its way.
    pub async fn next(&mut self) -> Result<Option<Page>, Report> {
        if matches!(self.after, After::Start) {
            let step = self.extractor.start().await?;
            self.state = step.state;
            self.after = self.plan_next(&PagePlace::new(0, self.core.template.url.as_str()), step.next);
        }
        match std::mem::replace(&mut self.after, After::End { truncated: false }) {
            After::Start => Ok(None),
            After::End { truncated } => {
                self.after = After::End { truncated };
                Ok(None)
            }
            After::Failed(report) => Err(report),
            After::Pending(pending) => self.page(pending).await.map(Some),
        }
    }

    /// Ends the walk; a request that is under way is given up. For a boundary that later pages
    /// cannot reach.
    pub fn stop(&mut self) {
        self.after = After::End { truncated: self.truncated() };
    }

    /// Whether the walk ended at a limit while the API had more pages.
    pub fn truncated(&self) -> bool {
        matches!(self.after, After::End { truncated: true })
    }

    /// Where `cursor_incremental` goes on: the last request that an answer led to, with the
    /// extractor's state, as base64 of JSON. `None` where no answer led to another request.
    ///
    /// The page of that request is fetched again by the next run, because rows may have been added
    /// to it; so its rows are published at least once, and none is lost.
    pub fn response_cursor(&self) -> Option<String> {
        Some(STANDARD.encode(serde_json::to_vec(self.cursor.as_ref()?).ok()?))
    }

    /// What the extractor has cost so far.
    pub fn usage(&self) -> Usage {
        self.extractor.usage()
    }

    fn name(&self) -> &str {
        &self.extractor.identity().name
    }

    async fn page(&mut self, mut pending: Pending) -> Result<Page, Report> {
        let response = receive(&mut pending).await?;
        let place = PagePlace::new(pending.place.page, response.url.clone());
        let headers: Vec<_> =
            response.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie")).collect();
        let view = Arc::new(ResponseView::new(
            place.clone(),
            response.status,
            headers.clone(),
            response.body.clone(),
            self.records_path.clone(),
            self.core.scanner.clone(),
        ));
        let Step { records: at, next, state } = {
            let step = self.extractor.next(view.clone(), &self.state).await;
            step.map_err(|report| report.on_page(place.page))?
        };
        self.state.clone_from(&state);
        self.note_cursor(&place, next.as_ref());
        let after = self.plan_next(&place, next.clone());
        let (records, records_body, records_path) = self.records(&view, &place, at)?;
        self.after = self.judge_empty(&place, records.is_empty(), after);
        Ok(Page {
            number: place.page,
            request: std::mem::take(&mut pending.edit),
            url: place.url,
            status: response.status,
            headers,
            body: response.body,
            records_body,
            records,
            records_path,
            next,
            state,
            attempts: response.attempts,
        })
    }

    fn records(
        &mut self,
        view: &ResponseView,
        place: &PagePlace,
        at: RecordsAt,
    ) -> Result<(Records, Option<Bytes>, Option<String>), Report> {
        match at {
            RecordsAt::None => Ok((Records::default(), None, None)),
            RecordsAt::Path(path) => {
                let records = view.records(&path)?;
                self.records_path.clone_from(&path);
                Ok((records, None, Some(path)))
            }
            RecordsAt::Bytes(lines) => {
                let records = scan_lines(&self.core.scanner, &lines).map_err(|error| {
                    let near = crate::lock(&self.core.scanner).excerpt(&lines, error.offset);
                    Error::extractor_output(place, self.extractor.identity(), &near, &error)
                })?;
                Ok((records, Some(lines.into()), None))
            }
        }
    }

    /// Keeps the request that a page led to, independent of that page's own URL.
    fn note_cursor(&mut self, page: &PagePlace, next: Option<&RequestEdit>) {
        let Some(next) = next else { return };
        let absolute = |given: &String| Url::parse(&page.url).and_then(|page| page.join(given)).map(String::from);
        let url = next.url.as_ref().map(|given| absolute(given).unwrap_or_else(|_| given.clone()));
        self.cursor = Some((RequestEdit { url, ..next.clone() }, self.state.clone()));
    }

    /// Sends the request for the page after `place`, if there is to be one.
    fn plan_next(&mut self, place: &PagePlace, next: Option<RequestEdit>) -> After {
        let Some(edit) = next else { return After::End { truncated: false } };
        let reached = |limit: Option<u64>| limit.filter(|limit| place.page >= *limit);
        if reached(self.core.max_pages_of_run).is_some() {
            return After::End { truncated: true };
        }
        if let Some(limit) = reached(self.core.max_pages) {
            if self.core.stop_at_max_pages {
                return After::End { truncated: true };
            }
            return After::Failed(Error::MaxPages { page: place.clone(), limit }.into());
        }
        let request = match self.core.request(self.name(), &edit, place) {
            Ok(request) => request,
            Err(error) => return After::Failed(error.into()),
        };
        if !self.core.seen.insert(&request) {
            return After::Failed(Error::Repeated { page: place.clone(), url: request.url }.into());
        }
        let place = PagePlace::new(place.page + 1, request.url.clone());
        let egress = self.core.egress.clone();
        After::Pending(Pending { edit, place, task: tokio::spawn(async move { egress.send(request).await }) })
    }

    fn judge_empty(&mut self, place: &PagePlace, is_empty: bool, after: After) -> After {
        self.empty_pages = if is_empty { self.empty_pages + 1 } else { 0 };
        let limit = self.core.max_empty_pages;
        match after {
            After::Pending(_) if self.empty_pages > limit => {
                After::Failed(Error::EmptyPages { page: place.clone(), count: self.empty_pages, limit }.into())
            }
            after => after,
        }
    }
}

impl Core {
    /// The request that an edit leads to when it was made of `page`; page 0 is before the first one.
    fn request(&self, extractor: &str, edit: &RequestEdit, page: &PagePlace) -> Result<HttpRequest, Error> {
        let page_url = Url::parse(&page.url).ok().filter(|_| page.page > 0);
        let asker = Asker { extractor, grants: &self.grants, page: page.clone(), page_url: page_url.as_ref() };
        rules::apply(&self.template, edit, &asker)
    }
}

async fn receive(pending: &mut Pending) -> Result<HttpResponse, Report> {
    match (&mut pending.task).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(report)) => Err(report.at(pending.place.place())),
        Err(error) => Err(Error::Task { page: pending.place.clone(), cause: error.to_string() }.into()),
    }
}
