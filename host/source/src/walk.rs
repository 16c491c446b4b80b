//! The walk over an API's pages: fetch, ask the extractor, send the next request, hand out the page.
//!
//! The reason to stop a walk is found out while its last good page is at hand. That page is handed out all
//! the same, so that it reaches the journal; the error comes with the next call.

mod judge;

use crate::SharedScanner;
use crate::error::Error;
use crate::looked_at;
use crate::page::{Page, Shape, Walked};
use crate::repeats::{self, Repeats};
use crate::request::fetch;
use crate::rules::{self, Asker};
use crate::seen::Seen;
use crate::template::Template;
use crate::view::ResponseView;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dpone_connections::HttpConnection;
use dpone_manifest::{Grants, Source};
use dpone_model::http::{Credential, HttpEgress, HttpRequest, HttpResponse, RequestSigner};
use dpone_model::plugin::{Ending, Extractor, RequestEdit, Step, Usage};
use dpone_model::{PagePlace, Report, WalkEnded, WalkEnds, codes};
use dpone_plan::Boundary;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::Instrument;
use url::Url;

/// The parts of a walk.
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
    /// The edit that every request of this slice has.
    pub slice: Option<SliceRequest<'a>>,
    /// Paths that earlier runs of the pipeline saw, as [`Walk::seen_paths`] gave them.
    pub seen_paths: BTreeSet<String>,
    /// How walks of earlier runs ended.
    pub walk_ends: WalkEnds,
}

/// A slice's own request, and the slicer that asks for it.
#[derive(Debug, Clone, Copy)]
pub struct SliceRequest<'a> {
    pub edit: &'a RequestEdit,
    pub slicer: &'a str,
    pub grants: &'a Grants,
}

impl WalkConfig<'_> {
    /// The request that every one of the walk starts from.
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

/// Where a journal ends: the walk goes on after its last page.
#[derive(Debug, Clone, Default)]
pub struct ResumeFrom {
    /// The request that the last page led to.
    pub next: Option<RequestEdit>,
    /// Why there is no next request, where the extractor said so.
    pub ended: Option<Ending>,
    /// How the walk ended, where the last page was judged to be the last one.
    pub walk_ended: Option<WalkEnded>,
    /// The extractor's state after the last page.
    pub state: Vec<u8>,
    /// How many pages without records end the journal.
    pub empty_pages: u32,
}

impl ResumeFrom {
    /// A new walk from a stored [`Walk::response_cursor`]. Text that is none is an error: to start from
    /// the first page in its place would load everything again without a word.
    pub fn response_cursor(text: &str) -> Result<Self, Error> {
        let broken = |cause: String| Error::ResponseCursor { cause };
        let json = STANDARD.decode(text).map_err(|error| broken(error.to_string()))?;
        let (mut next, state): (RequestEdit, Vec<u8>) =
            serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
        // Earlier versions kept this mark. The request is the first one of its walk, which is not behind
        // a short page: if it is refused, that is an error and not the end.
        next.may_be_past_end = false;
        Ok(Self { next: Some(next), state, ..Self::default() })
    }
}

/// A walk over the pages of one slice.
pub struct Walk {
    core: Core,
    extractor: Box<dyn Extractor>,
    state: Vec<u8>,
    /// The last page that was journalled before this walk; 0 where there is none.
    last: PagePlace,
    after: After,
    /// Records path of the last page, as the prediction for the next one.
    records_path: String,
    empty_pages: u32,
    /// The last request that the API's answers led to, with the state that belongs to it.
    cursor: Option<Cursor>,
    /// The one before `cursor`, which is in force again if the API has no page for the last request.
    cursor_before: Option<Cursor>,
    /// Of the first page of this walk that had a list of records.
    shape: Option<Shape>,
    /// The last page, if it had records.
    before: Option<judge::Before>,
    repeats: Repeats,
    seen_paths: BTreeSet<String>,
    walk_ends: WalkEnds,
    warnings: Vec<String>,
}

type Cursor = (RequestEdit, Vec<u8>);

/// The walk's course after the page that was handed out last.
enum After {
    Start,
    Pending(Pending),
    Failed(Report),
    /// `truncated` where the API had more pages.
    End {
        truncated: bool,
        ended: WalkEnded,
    },
    /// An error was handed out, and nothing comes after it.
    Over,
}

struct Pending {
    edit: RequestEdit,
    place: PagePlace,
    /// An answer may repeat the parameters in it.
    request_body: Option<Bytes>,
    task: JoinHandle<Result<HttpResponse, Report>>,
}

/// A request that nobody will wait for is not worth its answer.
impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The settings of the walk, and the requests sent so far.
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
    fail_on_missing_cursor: bool,
    may_repeat_pages: bool,
    /// `short_page: continue` of a built-in extractor: a short page says nothing.
    expects_short_pages: bool,
    empty_where_records_are_missing: bool,
    ignores_error_objects: bool,
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
            fail_on_missing_cursor: pagination.fail_on_missing_cursor,
            may_repeat_pages: pagination.may_repeat_pages,
            expects_short_pages: judge::expects_short_pages(pagination),
            empty_where_records_are_missing: config.source.empty_where_records_are_missing,
            ignores_error_objects: config.source.ignores_error_objects,
        };
        Ok(Self {
            last: PagePlace::new(0, core.template.url.as_str()),
            core,
            extractor: config.extractor,
            state: Vec::new(),
            after: After::Start,
            records_path: config.source.records_path.clone(),
            empty_pages: 0,
            cursor: None,
            cursor_before: None,
            shape: None,
            before: None,
            repeats: Repeats::default(),
            seen_paths: config.seen_paths,
            walk_ends: config.walk_ends,
            warnings: Vec::new(),
        })
    }

    /// Takes note of a journalled page, which is not fetched again. Pages come in order, before
    /// [`Walk::go_on`].
    pub fn walked(&mut self, page: Walked<'_>) -> Result<(), Error> {
        let request = self.core.request(self.name(), page.request, &self.last)?;
        self.core.seen.insert(&request);
        self.last = PagePlace::new(self.last.page + 1, page.url);
        if let Some(digest) = page.records_digest {
            self.repeats.note(&self.last, digest);
        }
        looked_at::add_seen(&mut self.seen_paths, page.newly_seen);
        // One page with a list is enough, and looking for its names parses it.
        if self.shape.is_none() {
            self.shape = page.records_path.map(|path| Shape::of(page.body, path));
        }
        Ok(())
    }

    /// Goes on after the pages that were [`walked`](Walk::walked). The next request is sent at once.
    pub fn go_on(&mut self, from: ResumeFrom) {
        if self.last.page == 0 && from.next.is_none() {
            return;
        }
        let last = self.last.clone();
        self.state = from.state;
        self.empty_pages = from.empty_pages;
        self.note_cursor(&last, from.next.as_ref());
        self.cursor_before.clone_from(&self.cursor);
        self.after = match from.walk_ended.filter(|_| from.next.is_none()) {
            Some(ended) => After::End { truncated: false, ended },
            None => self.plan_next(&last, from.next, from.ended),
        };
    }

    /// The next page; `None` after the last one. When a page is returned, the request for the one
    /// after it is already on its way.
    pub async fn next(&mut self) -> Result<Option<Page>, Report> {
        if matches!(self.after, After::Start) {
            let step = self.extractor.start().await?;
            self.state = step.state;
            let place = PagePlace::new(0, self.core.template.url.as_str());
            self.after = self.plan_next(&place, step.next, step.ended);
        }
        match std::mem::replace(&mut self.after, After::Over) {
            After::Start | After::Over => Ok(None),
            end @ After::End { .. } => {
                self.after = end;
                Ok(None)
            }
            After::Failed(report) => Err(report),
            After::Pending(pending) => self.page(pending).await,
        }
    }

    /// Ends the walk; a request that is under way is given up. For a boundary that later pages
    /// cannot reach.
    pub fn stop(&mut self, ended: WalkEnded) {
        self.after = After::End { truncated: self.truncated(), ended };
    }

    /// Whether the walk ended at a limit while the API had more pages.
    pub fn truncated(&self) -> bool {
        matches!(self.after, After::End { truncated: true, .. })
    }

    /// Why the walk ended; `None` as long as it goes on, and where it failed.
    pub fn ended(&self) -> Option<&WalkEnded> {
        match &self.after {
            After::End { ended, .. } => Some(ended),
            _ => None,
        }
    }

    /// Of the paths, headers and relations of links that the extractor asked for: those that any answer
    /// had, in this walk or in those before it.
    pub fn seen_paths(&self) -> &BTreeSet<String> {
        &self.seen_paths
    }

    /// Warnings about the pages so far, each once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Where `cursor_incremental` goes on: the last request that an answer led to, with the
    /// extractor's state, as base64 of JSON. `None` where no answer led to another request.
    ///
    /// The page of that request is fetched again by the next run, because rows may have been added
    /// to it; so its rows are published at least once, and none is lost.
    pub fn response_cursor(&self) -> Result<Option<String>, Report> {
        let encode = |cursor| serde_json::to_vec(cursor).map(|json| STANDARD.encode(json));
        let encoded = self.cursor.as_ref().map(encode).transpose();
        encoded.map_err(|cause| Report::new(&codes::internal::BUG, format!("the response cursor is no JSON: {cause}")))
    }

    /// The cost of the extractor so far.
    pub fn usage(&self) -> Usage {
        self.extractor.usage()
    }

    fn name(&self) -> &str {
        &self.extractor.identity().name
    }

    /// The page of a request; `None` where there is none, because the request was past the end.
    async fn page(&mut self, mut pending: Pending) -> Result<Option<Page>, Report> {
        let response = receive(&mut pending).await?;
        let place = PagePlace::new(pending.place.page, response.url.clone());
        if pending.edit.may_be_past_end && rules::PAST_END.contains(&response.status) {
            let message = judge::past_end(place.page, &response);
            if response.status == 400 {
                self.warnings.push(format!(
                    "{message}: if this does not say that there are no more pages, all later ones are missing; \
                     `short_page: stop` spares the request where a short page is always the last"
                ));
            }
            let ended = WalkEnded::new(WalkEnded::PAST_END, place.page, message);
            self.cursor = self.cursor_before.take();
            self.after = After::End { truncated: false, ended };
            return Ok(None);
        }
        let headers: Vec<_> =
            response.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie")).collect();
        let view = ResponseView::new(
            place.clone(),
            response.status,
            headers.clone(),
            response.body.clone(),
            self.records_path.clone(),
            self.core.scanner.clone(),
        );
        let view = Arc::new(view.asked_with(pending.request_body.take()));
        let step = self.extractor.next(view.clone(), &self.state).await;
        let Step { records: at, next, ended, state } = step.map_err(|report| self.blamed(&view, &place, report))?;
        // The copy of the next request that is kept, in the journal and in the state, has no credential in it.
        let next = next.map(|next| rules::without_echoes(&self.core.template, next, &pending.edit));
        self.state.clone_from(&state);
        self.note_cursor(&place, next.as_ref());
        let looked_at = view.take_looked_at();
        let newly_seen = looked_at.newly_seen(&mut self.seen_paths);
        // The next request is on its way before the records are looked at.
        let after = self.plan_next(&place, next.clone(), ended.clone());
        let taken = self.records(&view, &place, at)?;
        let bytes = taken.body.as_ref().unwrap_or(&response.body);
        let records_digest = repeats::digest(bytes, &taken.records);
        if let Some(repeat) = records_digest.and_then(|digest| self.repeats.note(&place, digest))
            && !self.core.may_repeat_pages
        {
            return Err(judge::repeated(&place, repeat).into());
        }
        self.judge_short(&place, &pending.edit, taken.records.len());
        let is_empty = taken.records.is_empty();
        let after = self.judge_empty(&place, is_empty, after);
        self.after = self.judge_end(&view, &looked_at, &headers, is_empty, after)?;
        // A limit may be another one when the walk is resumed.
        let walk_ended = self.ended().filter(|_| !self.truncated()).cloned();
        Ok(Some(Page {
            number: place.page,
            request: std::mem::take(&mut pending.edit),
            url: place.url,
            status: response.status,
            headers,
            body: response.body,
            records_body: taken.body,
            records: taken.records,
            records_path: taken.path,
            next,
            ended,
            records_digest,
            newly_seen,
            walk_ended,
            state,
            attempts: response.attempts,
        }))
    }

    /// Keeps the request that a page led to, independent of that page's own URL.
    fn note_cursor(&mut self, page: &PagePlace, next: Option<&RequestEdit>) {
        let Some(next) = next else { return };
        let absolute = |given: &String| Url::parse(&page.url).and_then(|page| page.join(given)).map(String::from);
        let url = next.url.as_ref().map(|given| absolute(given).unwrap_or_else(|_| given.clone()));
        // The next run asks for it first, and then a refusal is an error.
        let edit = RequestEdit { url, may_be_past_end: false, ..next.clone() };
        self.cursor_before = self.cursor.replace((edit, self.state.clone()));
    }

    /// Sends the request for the page after `place`, if there is to be one.
    fn plan_next(&mut self, place: &PagePlace, next: Option<RequestEdit>, ended: Option<Ending>) -> After {
        let Some(edit) = next else {
            let ended = ended.unwrap_or_else(|| {
                Ending::new(WalkEnded::NO_NEXT_REQUEST, format!("{} asked for no further page", self.name()))
            });
            let path = ended.looked_at.as_deref().map(looked_at::label);
            let ended = WalkEnded { path, ..WalkEnded::new(&ended.reason, place.page, ended.message) };
            return After::End { truncated: false, ended };
        };
        let reached = |limit: Option<u64>| limit.filter(|limit| place.page >= *limit);
        if let Some(limit) = reached(self.core.max_pages_of_run) {
            let message = format!("--max-pages of {limit}; the API has more");
            let ended = WalkEnded::new(WalkEnded::MAX_PAGES_OF_RUN, place.page, message);
            return After::End { truncated: true, ended };
        }
        if let Some(limit) = reached(self.core.max_pages) {
            if self.core.stop_at_max_pages {
                let message = format!("max_pages of {limit}, with `on_max_pages: stop`; the API has more");
                let ended = WalkEnded::new(WalkEnded::MAX_PAGES, place.page, message);
                return After::End { truncated: true, ended };
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
        let (egress, request_body) = (self.core.egress.clone(), request.body.clone());
        let sent = fetch(egress, request, place.page).in_current_span();
        After::Pending(Pending { edit, place, request_body, task: tokio::spawn(sent) })
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
