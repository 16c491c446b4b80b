//! The host's side of a plugin: what one instance can reach, and the functions that it may call.

use crate::bindings::{check, extractor, transform};
use crate::bounds;
use crate::error::Fault;
use crate::limits::{Limiter, Meter, Working};
use crate::log::{LogLevel, PluginLog};
use crate::output::{self, Broken};
use crate::random::Random;
use crate::text;
use cap_std::fs::Dir;
use check::dpone::plugin::distinct;
use dpone_manifest::Limits;
use dpone_model::Report;
use dpone_model::plugin::PluginRequestError;
use dpone_model::plugin::{BatchView, Budget, Column, DistinctSets, PageView, PluginHttp, PluginRequest};
use extractor::dpone::plugin::host::{self, Level};
use extractor::dpone::plugin::http;
use extractor::dpone::plugin::{pages, types};
use std::sync::{Arc, Mutex};
use transform::dpone::plugin::batches;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::WasiCtx;

/// A page in the hands of an extractor.
pub struct PageHandle(pub Arc<dyn PageView>);
/// A batch in the hands of a transform or a check.
pub struct BatchHandle(pub Arc<dyn BatchView>);

/// The sets of one check; they outlive its instances.
pub(crate) type Sets = Arc<Mutex<Box<dyn DistinctSets>>>;

/// The fields that a transform or a check declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub fields: Vec<String>,
    pub bytes: bool,
}

/// The state of one instance.
pub struct Host {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) files: Option<Dir>,
    pub(crate) limits: Limits,
    pub(crate) limiter: Limiter,
    pub(crate) meter: Arc<Meter>,
    pub(crate) random: Random,
    pub(crate) log: PluginLog,
    pub(crate) needs: Needs,
    pub(crate) sets: Option<Sets>,
    /// Sends requests of the plugin's own; none where no host is granted.
    pub(crate) http: Option<Arc<dyn PluginHttp>>,
    /// Whether `finish` runs, the one call that may ask for repeats.
    pub(crate) finishing: bool,
    /// Whether it looked for files, of which none are granted.
    pub(crate) wanted_files: bool,
    /// Why the call that runs has to end; it outranks whatever wasmtime says.
    pub(crate) fault: Option<Fault>,
    pub(crate) panic: Option<String>,
    /// The end of what the guest wrote to its standard error.
    pub(crate) stderr_tail: Arc<Mutex<String>>,
}

impl Host {
    /// Ends the call that runs: notes why, and gives the error that unwinds the guest.
    pub(crate) fn fail(&mut self, fault: Fault) -> wasmtime::Error {
        self.fault = Some(fault);
        wasmtime::format_err!("ended by the host")
    }

    /// The outcome of the host's own work for the call. Where that had to stop, the limit is the reason.
    fn hosted<T>(&mut self, answer: Result<T, Report>) -> wasmtime::Result<T> {
        answer.map_err(|report| {
            let fault = self.meter.take_fault().unwrap_or(Fault::Host(report));
            self.fail(fault)
        })
    }

    /// Checks that the guest's values are within their bounds.
    fn bounded(&mut self, found: Result<(), Broken>) -> wasmtime::Result<()> {
        found.map_err(|broken| self.fail(Fault::BadOutput(broken)))
    }

    /// The host holds so much for the call that runs, beside what is lent to it.
    fn hold(&mut self, bytes: u64) -> wasmtime::Result<()> {
        let held = self.working(0).hold(bytes);
        self.hosted(held)
    }

    fn working(&self, held: u64) -> Working {
        Working { meter: self.meter.clone(), held }
    }

    /// The fields and bytes that `configure` said are read.
    pub(crate) fn declare(&mut self, needs: types::Needs) -> wasmtime::Result<()> {
        self.bounded(bounds::needs(&needs))?;
        self.needs = Needs { fields: needs.fields, bytes: needs.bytes };
        Ok(())
    }

    fn page(&self, page: &Resource<PageHandle>) -> wasmtime::Result<Arc<dyn PageView>> {
        Ok(self.table.get(page)?.0.clone())
    }

    fn batch(&self, batch: &Resource<BatchHandle>) -> wasmtime::Result<Arc<dyn BatchView>> {
        Ok(self.table.get(batch)?.0.clone())
    }

    fn declared_column(&mut self, batch: &Resource<BatchHandle>, field: &str) -> wasmtime::Result<Column> {
        if !self.needs.fields.iter().any(|known| known == field) {
            let field = text::one_line(field, 100);
            let what = format!("asked for the column `{field}`, which its `configure` did not declare");
            return Err(self.fail(Fault::BadOutput(what)));
        }
        let batch = self.batch(batch)?;
        // One byte and one offset a record; the text is at most the page's.
        self.hold(batch.len() as u64 * 5)?;
        let column = batch.column(field);
        self.hosted(column)
    }

    /// The columns of these fields, all of which are held at a time.
    fn columns(&mut self, batch: &Resource<BatchHandle>, fields: &[String]) -> wasmtime::Result<(Vec<Column>, u64)> {
        let mut columns = Vec::with_capacity(fields.len());
        let mut held = 0;
        for field in fields {
            let go_on = self.working(held).go_on();
            self.hosted(go_on)?;
            let column = self.declared_column(batch, field)?;
            held += column.size();
            self.hold(held)?;
            columns.push(column);
        }
        Ok((columns, held))
    }

    fn sets(&mut self) -> wasmtime::Result<Sets> {
        match &self.sets {
            Some(sets) => Ok(sets.clone()),
            None => Err(self.fail(Fault::BadOutput("asked for distinct sets outside of a check".into()))),
        }
    }
}

impl types::Host for Host {}

impl host::Host for Host {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.write(level, &message);
        Ok(())
    }

    fn panicked(&mut self, message: String) -> wasmtime::Result<()> {
        self.panic = Some(text::one_line(&message, text::MAX_MESSAGE_BYTES));
        Ok(())
    }
}

impl pages::Host for Host {}

impl pages::HostPage for Host {
    fn status(&mut self, page: Resource<PageHandle>) -> wasmtime::Result<u16> {
        Ok(self.page(&page)?.status())
    }

    fn header(&mut self, page: Resource<PageHandle>, name: String) -> wasmtime::Result<Vec<String>> {
        self.bounded(bounds::name("header", &name))?;
        Ok(self.page(&page)?.header(&name))
    }

    fn url(&mut self, page: Resource<PageHandle>) -> wasmtime::Result<String> {
        Ok(self.page(&page)?.url().to_owned())
    }

    fn get(&mut self, page: Resource<PageHandle>, path: String) -> wasmtime::Result<Option<String>> {
        self.bounded(bounds::path(&path))?;
        let found = self.page(&page)?.get(&path);
        self.hosted(found)
    }

    fn count(&mut self, page: Resource<PageHandle>, path: String) -> wasmtime::Result<Option<u32>> {
        self.bounded(bounds::path(&path))?;
        let found = self.page(&page)?.count(&path);
        self.hosted(found)
    }

    fn last(&mut self, page: Resource<PageHandle>, path: String) -> wasmtime::Result<Option<String>> {
        self.bounded(bounds::path(&path))?;
        let found = self.page(&page)?.last(&path);
        self.hosted(found)
    }

    fn body(&mut self, page: Resource<PageHandle>) -> wasmtime::Result<Vec<u8>> {
        let page = self.page(&page)?;
        self.hold(page.body().len() as u64)?;
        Ok(page.body().to_vec())
    }

    fn drop(&mut self, page: Resource<PageHandle>) -> wasmtime::Result<()> {
        self.table.delete(page)?;
        Ok(())
    }
}

impl http::Host for Host {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, String>> {
        let Some(sender) = self.http.clone() else {
            return Err(self.fail(Fault::NotGranted(format!("http {}", text::one_line(&request.url, 200)))));
        };
        self.bounded(bounds::url_size(&request.url))?;
        self.bounded(bounds::name("method", &request.method))?;
        self.bounded(bounds::headers(&request.headers))?;
        let request = PluginRequest {
            method: request.method,
            url: request.url,
            headers: output::fields(request.headers),
            body: request.body,
            max_body_bytes: self.limits.output,
        };
        match sender.send(request).await {
            Ok(answer) => {
                let header = |(name, value)| http::Header { name, value };
                let headers = answer.headers.into_iter().map(header).collect();
                Ok(Ok(http::Response { status: answer.status, headers, body: answer.body.to_vec() }))
            }
            Err(PluginRequestError::Failed(cause)) => Ok(Err(text::one_line(&cause, text::MAX_MESSAGE_BYTES))),
            Err(PluginRequestError::Refused(what)) => {
                Err(self.fail(Fault::NotGranted(text::one_line(&what, text::MAX_MESSAGE_BYTES))))
            }
        }
    }
}

impl batches::Host for Host {}

impl batches::HostBatch for Host {
    fn len(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.batch(&batch)?.len())?)
    }

    fn column(&mut self, batch: Resource<BatchHandle>, field: String) -> wasmtime::Result<types::Column> {
        let column = self.declared_column(&batch, &field)?;
        self.hold(column.size())?;
        Ok(types::Column { kinds: column.kinds, offsets: column.offsets, text: column.text })
    }

    fn bytes(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<Vec<u8>> {
        if !self.needs.bytes {
            let what = "asked for the records' bytes, which its `configure` did not declare";
            return Err(self.fail(Fault::BadOutput(what.into())));
        }
        let bytes = self.batch(&batch)?.bytes();
        self.hold(bytes.len() as u64)?;
        Ok(bytes)
    }

    fn drop(&mut self, batch: Resource<BatchHandle>) -> wasmtime::Result<()> {
        self.table.delete(batch)?;
        Ok(())
    }
}

impl distinct::Host for Host {
    fn add(&mut self, set: String, batch: Resource<BatchHandle>, fields: Vec<String>) -> wasmtime::Result<()> {
        self.bounded(bounds::name("set", &set))?;
        self.bounded(bounds::names("field", bounds::MAX_SET_FIELDS, fields.iter()))?;
        let (columns, held) = self.columns(&batch, &fields)?;
        let page = self.batch(&batch)?.page();
        let sets = self.sets()?;
        let mut sets = sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let added = sets.add(&set, page, &columns, &self.working(held));
        drop(sets);
        self.hosted(added)
    }

    fn repeats(&mut self, set: String) -> wasmtime::Result<distinct::Repetition> {
        if !self.finishing {
            let what = "asked for repeats before `finish`";
            return Err(self.fail(Fault::BadOutput(what.into())));
        }
        self.bounded(bounds::name("set", &set))?;
        let sets = self.sets()?;
        let found = sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).repeats(&set, &self.working(0));
        let found = self.hosted(found)?;
        let examples = found.examples.into_iter().map(|repeat| distinct::Repeat {
            value: repeat.value,
            first_page: repeat.first.0,
            first_record: repeat.first.1,
            second_page: repeat.second.0,
            second_record: repeat.second.1,
        });
        Ok(distinct::Repetition { rows: found.rows, examples: examples.collect() })
    }
}
