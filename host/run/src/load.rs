//! H: publishes what was judged, from the journal, and accounts for every message.

use crate::events::Event;
use crate::extract::Extract;
use crate::failpoint;
use crate::session::Session;
use crate::stage::{Judged, bug};
use dpone_journal::{Reader, Writer};
use dpone_model::Report;
use dpone_sink::{DeliveryReport, Producer, Publisher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often H writes down how far the broker has acknowledged.
const MARK_EVERY: Duration = Duration::from_secs(2);

/// One blocking worker's share of H.
struct Worker {
    publisher: Publisher,
    writer: Writer,
    reader: Reader,
    judged: Arc<Judged>,
    /// Messages that will be published; none where further pages may come.
    total: Option<u64>,
    /// Messages of the pages that an earlier attempt got acknowledged.
    earlier: u64,
    events: Arc<dyn crate::events::Events>,
    marked: Instant,
}

/// H's result for one batch.
pub struct Loaded {
    pub extract: Extract,
    pub delivery: Delivery,
}

/// Whether the slice's last batch is out.
pub enum Delivery {
    /// A streamed slice goes on with this publisher.
    Open(Publisher),
    /// The producer comes back for the next slice.
    Done(DeliveryReport, Option<Producer>),
}

/// The worker's result, in any case.
struct Done {
    writer: Writer,
    marked: Instant,
    delivery: Delivery,
    result: Result<(), Report>,
}

/// Publishes the judged pages that are not yet acknowledged. The publisher stays open between the
/// batches of a streamed slice; the last batch flushes it.
pub async fn load(
    session: &mut Session,
    extract: Extract,
    publisher: Publisher,
    judged: Judged,
) -> Result<Loaded, Report> {
    let Extract { walk, work, writer, complete, delivered_before, marked } = extract;
    let total = judged.is_last.then_some(session.counts.remaining());
    let mut worker = Worker {
        reader: writer.reader(),
        publisher,
        writer,
        judged: Arc::new(judged),
        total,
        earlier: 0,
        events: session.events.clone(),
        marked,
    };
    let earlier = worker.messages_through(delivered_before)?;
    worker.earlier = earlier;
    let span = tracing::Span::current();
    let run = move || span.in_scope(|| worker.run());
    let done = tokio::task::spawn_blocking(run).await.map_err(|cause| bug(&cause))?;
    let (published, acknowledged) = match &done.delivery {
        Delivery::Open(publisher) => publisher.counts(),
        Delivery::Done(report, _) => (report.published, report.acknowledged),
    };
    session.counts.published = earlier + published;
    session.counts.acknowledged = earlier + acknowledged;
    if let Delivery::Done(report, _) = &done.delivery {
        write_report(session, report);
    }
    let extract = Extract { walk, work, writer: done.writer, complete, delivered_before, marked: done.marked };
    // A stop that was asked for explains the failure better than the messages left over.
    done.result.map_err(|report| session.cancel.check().err().unwrap_or(report))?;
    Ok(Loaded { extract, delivery: done.delivery })
}

/// Waits for what a publisher still has under way after a streamed slice failed between two pages,
/// so that it is accounted for and a resumed run does not send it again.
pub async fn settle(session: &mut Session, extract: &mut Extract, publisher: Publisher) {
    let (published, acknowledged) = publisher.counts();
    let Ok(report) = tokio::task::spawn_blocking(move || publisher.finish().0).await else { return };
    session.counts.published += report.published.saturating_sub(published);
    session.counts.acknowledged += report.acknowledged.saturating_sub(acknowledged);
    write_report(session, &report);
    let through = report.acknowledged_through;
    let marked = extract.writer.seal().and_then(|()| {
        extract.writer.mark(|progress| progress.delivered_through = progress.delivered_through.max(through))
    });
    if let Err(error) = marked {
        session.warn(format!("the journal does not know what was delivered: {error}"));
    }
}

/// An artifact that cannot be written must not hide what became of the messages.
fn write_report(session: &mut Session, report: &DeliveryReport) {
    if let Some(Err(error)) = session.artifact.as_ref().map(|artifact| artifact.write("delivery.json", report)) {
        session.warn(format!("delivery.json could not be written: {error}"));
    }
}

impl Worker {
    fn run(mut self) -> Done {
        self.tell();
        let mut result = self.publish();
        self.tell();
        if let Ok(()) = result
            && !self.judged.is_last
        {
            return Done { writer: self.writer, marked: self.marked, delivery: Delivery::Open(self.publisher), result };
        }
        let (report, producer) = self.publisher.finish();
        let through = report.acknowledged_through;
        let marked = self.writer.mark(|progress| {
            progress.delivered_through = progress.delivered_through.max(through);
            progress.published = report.published;
            progress.acknowledged = report.acknowledged;
        });
        if result.is_ok() {
            result = report.check().and_then(|()| marked.map_err(Report::from));
        }
        // After a failure the producer is closed here, where waiting for its threads holds up nobody.
        let producer = producer.filter(|_| result.is_ok());
        Done { writer: self.writer, marked: self.marked, delivery: Delivery::Done(report, producer), result }
    }

    /// Messages of the pages up to `delivered`.
    fn messages_through(&self, delivered: u64) -> Result<u64, Report> {
        let mut messages = 0;
        for page in 1..=delivered {
            let skipped = self.judged.skip.of_page(page).len();
            messages += self.reader.index(page)?.len().saturating_sub(skipped) as u64;
        }
        Ok(messages)
    }

    fn publish(&mut self) -> Result<(), Report> {
        // It is written down before the first message can be out, once a run.
        if self.writer.progress().loading != Some(true) {
            self.writer.mark(|progress| progress.loading = Some(true))?;
        }
        for page in self.judged.pages.clone() {
            let entry = self.reader.read(page)?;
            let judged = &self.judged;
            let skip = |record| judged.skip.contains(page, record);
            self.publisher.publish(page, entry.published(), &entry.index, &skip)?;
            tracing::debug!(page, messages = entry.index.len(), "page handed over");
            failpoint::hit('H', &page.to_string());
            self.mark()?;
        }
        Ok(())
    }

    fn mark(&mut self) -> Result<(), Report> {
        if self.marked.elapsed() < MARK_EVERY {
            return Ok(());
        }
        self.marked = Instant::now();
        // No more is delivered than is durable here.
        if self.writer.progress().sealed_pages < self.reader.pages() as u64 {
            self.writer.seal()?;
        }
        let (published, acknowledged) = self.publisher.counts();
        let through = self.publisher.acknowledged_through();
        self.writer.mark(|progress| {
            progress.delivered_through = progress.delivered_through.max(through);
            progress.published = published;
            progress.acknowledged = acknowledged;
        })?;
        tracing::debug!(published, acknowledged, through, "delivery goes on");
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        let (_, acknowledged) = self.publisher.counts();
        self.events.emit(Event::Delivery { acknowledged: self.earlier + acknowledged, total: self.total });
    }
}
