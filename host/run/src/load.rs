//! H: publishes what was judged, from the journal, and accounts for every message.

use crate::events::Event;
use crate::extract::Extract;
use crate::failpoint;
use crate::session::Session;
use crate::stage::{Judged, bug};
use dpone_journal::{Reader, Writer};
use dpone_model::Report;
use dpone_sink::{DeliveryReport, Publisher};
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
    total: u64,
    events: Arc<dyn crate::events::Events>,
    marked: Instant,
}

/// What the worker gives back, in any case.
struct Done {
    writer: Writer,
    publisher: Option<Publisher>,
    report: DeliveryReport,
    result: Result<(), Report>,
}

/// Publishes the judged pages that are not yet acknowledged. The publisher stays open between the
/// batches of a streamed slice; the last batch flushes it.
pub async fn load(
    session: &mut Session,
    extract: Extract,
    publisher: Publisher,
    judged: Judged,
) -> Result<(Extract, Option<Publisher>, DeliveryReport), Report> {
    let Extract { walk, work, writer, complete } = extract;
    let total = session.counts.extracted.saturating_sub(session.counts.filtered);
    let worker = Worker {
        reader: writer.reader(),
        publisher,
        writer,
        judged: Arc::new(judged),
        total,
        events: session.events.clone(),
        marked: Instant::now(),
    };
    let done = tokio::task::spawn_blocking(move || worker.run()).await.map_err(|cause| bug(&cause))?;
    session.counts.published = done.report.published;
    session.counts.acknowledged = done.report.acknowledged;
    if let Some(artifact) = &session.artifact {
        artifact.write("delivery.json", &done.report)?;
    }
    let extract = Extract { walk, work, writer: done.writer, complete };
    // A stop that was asked for explains the failure better than the messages left over.
    done.result.map_err(|report| session.cancel.check().err().unwrap_or(report))?;
    Ok((extract, done.publisher, done.report))
}

impl Worker {
    fn run(mut self) -> Done {
        let mut result = self.publish();
        if let Ok(()) = result
            && !self.judged.is_last
        {
            let (published, acknowledged) = self.publisher.counts();
            let report = DeliveryReport { published, acknowledged, ..DeliveryReport::default() };
            return Done { writer: self.writer, publisher: Some(self.publisher), report, result };
        }
        let report = self.publisher.finish();
        let through = report.acknowledged_through;
        let marked = self.writer.mark(|progress| {
            progress.delivered_through = progress.delivered_through.max(through);
            progress.published = report.published;
            progress.acknowledged = report.acknowledged;
        });
        if result.is_ok() {
            result = report.check().and_then(|()| marked.map_err(Report::from));
        }
        Done { writer: self.writer, publisher: None, report, result }
    }

    fn publish(&mut self) -> Result<(), Report> {
        let from = self.writer.progress().delivered_through + 1;
        for page in self.judged.pages.clone().skip_while(|page| *page < from) {
            let entry = self.reader.read(page)?;
            let judged = &self.judged;
            let skip = |record| judged.skip.contains(page, record);
            self.publisher.publish(page, entry.published(), &entry.index, &skip)?;
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
        let (published, acknowledged) = self.publisher.counts();
        let through = self.publisher.acknowledged_through();
        self.writer.mark(|progress| {
            progress.delivered_through = progress.delivered_through.max(through);
            progress.published = published;
            progress.acknowledged = acknowledged;
        })?;
        self.events.emit(Event::Delivery { published, acknowledged, total: self.total });
        Ok(())
    }
}
