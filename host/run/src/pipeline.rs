//! A bounded load: eleven steps in order, A to K. Each takes the step before's result; only the
//! last one moves state.
//!
//! Types guard the order: H takes a `Judged`, which only G makes, and K takes a `Verified`, which only J
//! makes; for a load that is cut, K takes a `LoadVerified`, which is made of that of every slice. So
//! "publish before the gate" and "K before J" do not compile.

use crate::artifact::RunReport;
use crate::events::Step;
use crate::extract::Extract;
use crate::load::Delivery;
use crate::open::{self, Opened};
use crate::planning::{self, SlicePlan};
use crate::remedy::Remedy;
use crate::resolve::{self, Host, Request};
use crate::resume::{Again, Reopened};
use crate::session::Session;
use crate::slices::{self, Part};
use crate::stage::Judged;
use crate::verify::SliceVerified;
use crate::{begin, load, resume as stopped, stage, verify};
use dpone_manifest::Staging;
use dpone_model::{Exit, Report};
use dpone_plan::SchemaPlan;
use dpone_sink::Publisher;
use std::path::PathBuf;
use tracing::Instrument;

/// How a run ended.
pub struct Finished {
    pub report: RunReport,
    pub result: Result<(), Report>,
    /// The artifact's folder.
    pub artifact: Option<PathBuf>,
    /// Where it failed: whether `dpone resume` can help.
    pub remedy: Remedy,
}

/// Loads what is new.
pub async fn run(host: &Host, request: &Request) -> Finished {
    let mut session = Session::start(host, request);
    let span = session.span.clone();
    let result = steps(&mut session, host, request, None).instrument(span).await;
    close(host, session, result)
}

/// Goes on with a failed or interrupted run after its last whole page.
pub async fn resume(host: &Host, again: &Again<'_>) -> Finished {
    let (request, journal) = match stopped::reopen(host, again) {
        Ok(reopened) => reopened,
        Err(report) => return Session::start(host, &Request::default()).close(Err(report)),
    };
    let mut session = Session::start(host, &request);
    // It is there to be gone on with, however far this attempt comes.
    session.resumable = true;
    let span = session.span.clone();
    let result = steps(&mut session, host, &request, Some(journal)).instrument(span).await;
    close(host, session, result)
}

/// Ends the run; its journal, which is closed by now, keeps what it failed with. A refused command line or
/// manifest is no failure of the run: the earlier one stays.
fn close(host: &Host, session: Session, result: Result<(), Report>) -> Finished {
    if let Err(report) = &result
        && session.resumable
        && report.exit() != Exit::Usage
        && let Err(report) = stopped::note_failure(host, &session.report.run_id, report)
    {
        tracing::warn!(%report, "the journal does not say what the run failed with");
    }
    session.close(result)
}

async fn steps(
    session: &mut Session,
    host: &Host,
    request: &Request,
    mut journal: Option<Reopened>,
) -> Result<(), Report> {
    // The run's own manifest is in its journal, whatever has become of the file.
    let own = journal.as_ref().filter(|journal| !journal.is_mended).map(|journal| journal.manifest_text.clone());
    session.report.set_manifest(journal.as_ref());
    let resolved = session.step(Step::Resolve, async |_| resolve::resolve(host, request, own).await).await?;
    let opened =
        session.step(Step::Open, async |session| open::open(session, host, resolved, journal.as_mut()).await).await?;
    let result = async {
        let plan = session.step(Step::Plan, async |session| planning::slice(session, request, &opened).await).await?;
        match opened.resolved.local.manifest.source.slicer {
            None => slice(session, host, request, &opened, &Part::whole(&opened), plan, journal).await.map(drop),
            Some(_) => slices::each(session, host, request, &opened, plan, journal).await,
        }
    };
    let result = result.await;
    open::close(opened).await;
    result
}

/// D to K for one slice. With `staging: slice` the whole slice is one batch; with `none` each page is.
pub(crate) async fn slice(
    session: &mut Session,
    host: &Host,
    request: &Request,
    opened: &Opened,
    part: &Part,
    plan: SlicePlan,
    journal: Option<Reopened>,
) -> Result<SliceVerified, Report> {
    let mut extract = session
        .step(Step::Pull, async |session| begin::extract(session, host, request, opened, part, &plan, journal).await)
        .await?;
    let mut publisher: Option<Publisher> = None;
    let mut first = extract.delivered_before + 1;
    loop {
        let (schema, judged) = match batch(session, opened, part, &plan, &mut extract, first).await {
            Ok(batch) => batch,
            Err(report) => {
                if let Some(publisher) = publisher {
                    load::settle(session, &mut extract, publisher).await;
                }
                return Err(report);
            }
        };
        first = judged.pages.end() + 1;
        let open = publisher.take();
        let loaded = session
            .step(Step::Load, async |session| {
                let publisher = match open {
                    Some(publisher) => publisher,
                    None => begin::publisher(session, opened, &plan).await?,
                };
                load::load(session, extract, publisher, judged).await
            })
            .await?;
        extract = loaded.extract;
        let delivered = match loaded.delivery {
            Delivery::Open(open) => {
                publisher = Some(open);
                continue;
            }
            Delivery::Done(report, producer) => {
                producer.into_iter().for_each(|producer| opened.producer.give_back(producer));
                report
            }
        };
        let done = session.step(Step::Finalize, async |_| Ok(verify::finalize(delivered))).await?;
        let verified =
            session.step(Step::Verify, async |session| verify::verify(session, &mut extract, done).await).await?;
        session.set_plugins(opened.plugin_reports(&extract));
        return session
            .step(Step::Advance, async |session| {
                verify::advance(session, opened, part, &plan, schema, extract, verified).await
            })
            .await;
    }
}

/// D to G: what is to be published next, judged.
async fn batch(
    session: &mut Session,
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    extract: &mut Extract,
    first: u64,
) -> Result<(SchemaPlan, Judged), Report> {
    let limit = (opened.resolved.local.manifest.source.staging == Staging::None).then_some(1);
    let pulled = session.step(Step::Pull, async |session| extract.pull(session, limit).await).await;
    session.set_plugins(opened.plugin_reports(extract));
    pulled?;
    let pages = first..=extract.writer.reader().pages() as u64;
    let described = session.step(Step::Describe, async |_| Ok(stage::describe(extract, pages))).await?;
    let evolve = async |session: &mut Session| stage::evolve(session, &part.schema, &described, extract, opened);
    let schema = session.step(Step::Evolve, evolve).await?;
    let load =
        stage::Load { needs_watermark: part.needs_watermark(opened, plan), is_proven: opened.proves_cursor_field() };
    let judged =
        session.step(Step::Stage, async |session| stage::stage(session, extract, described, load).await).await?;
    Ok((schema, judged))
}
