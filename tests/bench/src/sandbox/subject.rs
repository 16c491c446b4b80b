//! One plugin, native or sandboxed, and what a call of it costs.

use super::feed::Feed;
use crate::Outcome;
use crate::measure::thread_cpu_ns;
use dpone_model::Report;
use dpone_model::plugin::PluginKind;
use dpone_model::plugin::{Budget, Check, Column, DistinctSets, Extractor, Repeats, Transform};
use dpone_sandbox::{Loaded, Sandbox, Setup};
use serde_json::{Map, Value};

/// A configured plugin; of an extractor with the state that its walk began with.
pub enum Subject {
    Extractor(Box<dyn Extractor>, Vec<u8>),
    Transform(Box<dyn Transform>),
    Check(Box<dyn Check>),
}

impl Subject {
    /// The component with these options, as a run configures it.
    pub async fn sandboxed(sandbox: &Sandbox, loaded: &Loaded, options: &Map<String, Value>) -> Result<Self, Report> {
        let mut setup = Setup::plain(&loaded.inspection().identity.name, jiff::Timestamp::UNIX_EPOCH);
        setup.with = options.clone();
        setup.records_path = super::feed::RECORDS_PATH.to_owned();
        match loaded.inspection().kind {
            PluginKind::Extractor => Self::started(sandbox.extractor(loaded, setup).await?).await,
            PluginKind::Check => Ok(Self::Check(sandbox.check(loaded, setup, Box::new(NoSets)).await?)),
            _ => Ok(Self::Transform(sandbox.transform(loaded, setup).await?)),
        }
    }

    /// An extractor whose walk has begun.
    pub async fn started(mut extractor: Box<dyn Extractor>) -> Result<Self, Report> {
        let state = extractor.start().await?.state;
        Ok(Self::Extractor(extractor, state))
    }

    /// CPU time of one call on a fresh page, in nanoseconds. A call runs on the thread that polls it, so
    /// what else the machine does counts only as far as it slows this thread down. The page outlives the
    /// call, as in a run, so that giving back its memory does not count. Back to back, extractors get
    /// the same page again and again.
    pub async fn call_ns(&mut self, feed: &mut Feed, is_back_to_back: bool) -> Outcome<u64> {
        match self {
            Self::Extractor(extractor, state) => {
                let page = if is_back_to_back { feed.same_page()? } else { feed.page()? };
                let started_ns = thread_cpu_ns()?;
                let step = extractor.next(page.clone(), state).await;
                let ended_ns = thread_cpu_ns()?;
                step.map_err(crate::failed)?;
                Ok(ended_ns - started_ns)
            }
            Self::Transform(transform) => {
                let batch = feed.batch()?;
                let started_ns = thread_cpu_ns()?;
                let outcome = transform.apply(batch.clone()).await;
                let ended_ns = thread_cpu_ns()?;
                outcome.map_err(crate::failed)?;
                Ok(ended_ns - started_ns)
            }
            Self::Check(check) => {
                let batch = feed.batch()?;
                let started_ns = thread_cpu_ns()?;
                let observed = check.observe(batch.clone()).await;
                let ended_ns = thread_cpu_ns()?;
                observed.map_err(crate::failed)?;
                Ok(ended_ns - started_ns)
            }
        }
    }
}

/// For a check that keeps no sets.
struct NoSets;

impl DistinctSets for NoSets {
    fn add(&mut self, _set: &str, _page: u64, _columns: &[Column], _budget: &dyn Budget) -> Result<(), Report> {
        Ok(())
    }

    fn repeats(&mut self, _set: &str, _budget: &dyn Budget) -> Result<Repeats, Report> {
        Ok(Repeats::default())
    }
}
