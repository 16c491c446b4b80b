//! Lists the slices of a load: the slicer's answers, and the pages that it asks for on the way.

use crate::SharedScanner;
use crate::error::{Error, of_page};
use crate::error_object::Holds;
use crate::request::fetch as ask;
use crate::rules::{self, Asker};
use crate::seen::Seen;
use crate::template::Template;
use crate::view::ResponseView;
use dpone_connections::HttpConnection;
use dpone_manifest::{Grants, Source};
use dpone_model::http::{Credential, HttpEgress, RequestSigner};
use dpone_model::plugin::{RequestEdit, Slice, SliceContext, SliceStep, Slicer};
use dpone_model::{PagePlace, Report};
use dpone_plan::Boundary;
use std::collections::HashSet;
use std::sync::Arc;
use url::Url;

/// Pages that a list of slices may take, and slices that it may hold.
const MAX_PAGES: u64 = 10_000;
const MAX_SLICES: usize = 100_000;
/// All that the slices say together. The journal's head has the list.
const MAX_LIST_BYTES: usize = 64 << 20;

/// Parts that a list is made with.
pub struct ListConfig<'a> {
    pub source: &'a Source,
    pub connection: &'a HttpConnection,
    pub egress: Arc<dyn HttpEgress>,
    pub signer: Option<Arc<dyn RequestSigner>>,
    pub scanner: SharedScanner,
    pub grants: &'a Grants,
}

/// Asks the slicer for all slices, in its order. Its requests go by the same rules as an
/// extractor's.
pub async fn list_slices(
    config: ListConfig<'_>,
    slicer: &mut dyn Slicer,
    context: &SliceContext,
) -> Result<Vec<Slice>, Report> {
    let mut template = Template::new(config.source, config.connection, &Boundary::default())?;
    template.credentials.extend(config.signer.clone().map(Credential::Signed));
    let mut list = List::default();
    let mut step = slicer.start(context).await?;
    let mut page = PagePlace::new(0, template.url.as_str());
    let mut seen = Seen::default();
    loop {
        let SliceStep { slices, next, state } = step;
        list.add(slicer, &page, slices)?;
        let Some(edit) = next else { return Ok(list.slices) };
        if page.page >= MAX_PAGES {
            return Err(Error::MaxPages { page, limit: MAX_PAGES }.into());
        }
        let view = Arc::new(fetch(&config, &template, slicer, &edit, &page, &mut seen).await?);
        page = view.place().clone();
        if !config.source.ignores_error_objects {
            view.refuse_error_of_any(Holds::Records)?;
        }
        step = slicer.next(view.clone(), &state).await.map_err(|report| of_page(report, &page))?;
        // Where it lists nothing, the page holds nothing: then it says more about an error.
        if !config.source.ignores_error_objects && step.slices.is_empty() {
            view.refuse_error_of_any(Holds::Nothing)?;
        }
    }
}

#[derive(Default)]
struct List {
    slices: Vec<Slice>,
    seen: HashSet<String>,
    bytes: usize,
}

impl List {
    fn add(&mut self, slicer: &dyn Slicer, page: &PagePlace, slices: Vec<Slice>) -> Result<(), Error> {
        let broken =
            |what: String| Error::SliceList { page: page.page, plugin: slicer.identity().place(), message: what };
        for slice in slices {
            if !self.seen.insert(slice.id.clone()) {
                return Err(broken(format!("the slice `{}` is listed twice", slice.id)));
            }
            self.bytes += slice.size();
            self.slices.push(slice);
        }
        if self.bytes > MAX_LIST_BYTES {
            return Err(broken(format!("the list of slices has more than {MAX_LIST_BYTES} bytes")));
        }
        if self.slices.len() > MAX_SLICES {
            return Err(broken(format!("it lists more than {MAX_SLICES} slices")));
        }
        Ok(())
    }
}

async fn fetch(
    config: &ListConfig<'_>,
    template: &Template,
    slicer: &dyn Slicer,
    edit: &RequestEdit,
    page: &PagePlace,
    seen: &mut Seen,
) -> Result<ResponseView, Report> {
    let page_url = Url::parse(&page.url).ok().filter(|_| page.page > 0);
    let name = slicer.identity().name.as_str();
    let asker = Asker { extractor: name, grants: config.grants, page: page.clone(), page_url: page_url.as_ref() };
    let mut request = rules::apply(template, edit, &asker)?;
    // Only a walk has an end that a missing page may be.
    request.answers = &[];
    if !seen.insert(&request) {
        return Err(Error::Repeated { page: page.clone(), url: request.url }.into());
    }
    let place = PagePlace::new(page.page + 1, request.url.clone());
    let request_body = request.body.clone();
    let asked = ask(config.egress.clone(), request, place.page);
    let response = asked.await.map_err(|report| report.at(place.place()))?;
    let place = PagePlace::new(place.page, response.url);
    let path = config.source.records_path.clone();
    let scanner = config.scanner.clone();
    let view = ResponseView::new(place, response.status, response.headers, response.body, path, scanner);
    let view = view.asked_with(request_body);
    view.refuse_empty_body()?;
    Ok(view)
}
