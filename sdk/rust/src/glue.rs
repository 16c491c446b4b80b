//! Between the component's raw calls and the plugin's trait: options and state as JSON, the
//! instance, the panic hook. Only [`crate::export!`] uses it.

use crate::bindings::check::exports::dpone::plugin::check as wit_check;
use crate::bindings::extractor::exports::dpone::plugin::extractor as wit_extractor;
use crate::bindings::imports::dpone::plugin::{batches, host, pages, types};
use crate::bindings::signer::exports::dpone::plugin::signer as wit_signer;
use crate::bindings::slicer::exports::dpone::plugin::slicer as wit_slicer;
use crate::bindings::transform::exports::dpone::plugin::transform as wit_transform;
use crate::{Batch, Check, Counts, Edits, Error, Extractor, Needs, Outcome, Page, Records};
use crate::{Encoding, Hash, Made, Outgoing, Signature, Signer, SliceContext, SliceStep, Slicer, Term};
use crate::{Request, RequestValue, Stage, Step, Transform, Verdict, json};
use serde::Serialize;
use std::cell::OnceCell;
use std::sync::Once;
use std::thread::LocalKey;

/// The configured plugin; a component has one thread.
pub type Instance<P> = OnceCell<P>;

pub fn describe(name: &str, version: &str, options_schema: &str) -> types::Description {
    hook_panics();
    types::Description { name: name.to_owned(), version: version.to_owned(), options_schema: options_schema.to_owned() }
}

/// Makes the plugin of this instance. The host calls `configure` once, before anything else.
pub fn configure<P: 'static, T>(
    instance: &'static LocalKey<Instance<P>>,
    make: impl FnOnce() -> Result<(P, T), Error>,
) -> Result<T, types::PluginError> {
    hook_panics();
    let (plugin, answer) = make()?;
    let twice = |_| Error::new("configured-twice", "the host configured this instance before");
    instance.with(|cell| cell.set(plugin)).map_err(twice)?;
    Ok(answer)
}

pub fn new_extractor<P: Extractor>(settings: &wit_extractor::Settings) -> Result<(P, ()), Error> {
    Ok((P::new(json::options(&settings.options)?, &settings.records_path)?, ()))
}

pub fn new_transform<P: Transform>(options: &str) -> Result<(P, types::Needs), Error> {
    let plugin = P::new(json::options(options)?)?;
    let needs = plugin.needs().into();
    Ok((plugin, needs))
}

pub fn new_check<P: Check>(options: &str) -> Result<(P, wit_check::Configured), Error> {
    let plugin = P::new(json::options(options)?)?;
    let stage = match plugin.stage() {
        Stage::BeforePublish => wit_check::Stage::BeforePublish,
        Stage::AfterDelivery => wit_check::Stage::AfterDelivery,
    };
    let configured = wit_check::Configured { needs: plugin.needs().into(), stage };
    Ok((plugin, configured))
}

pub fn new_slicer<P: Slicer>(options: &str) -> Result<(P, ()), Error> {
    Ok((P::new(json::options(options)?)?, ()))
}

pub fn new_signer<P: Signer>(settings: &wit_signer::Settings) -> Result<(P, ()), Error> {
    Ok((P::new(json::options(&settings.options)?, &settings.secrets)?, ()))
}

pub fn start<P: Extractor>(
    instance: &'static LocalKey<Instance<P>>,
) -> Result<wit_extractor::Step, types::PluginError> {
    with(instance, |plugin| step(plugin.start()?))
}

pub fn next<P: Extractor>(
    instance: &'static LocalKey<Instance<P>>,
    page: &pages::Page,
    state: &[u8],
) -> Result<wit_extractor::Step, types::PluginError> {
    with(instance, |plugin| step(plugin.next(&Page { host: page }, json::state(state)?)?))
}

pub fn ahead<P: Extractor>(
    instance: &'static LocalKey<Instance<P>>,
    state: &[u8],
    n: u32,
) -> Result<Vec<types::Request>, types::PluginError> {
    with(instance, |plugin| Ok(plugin.ahead(json::state(state)?, n)?.into_iter().map(Into::into).collect()))
}

pub fn apply<P: Transform>(
    instance: &'static LocalKey<Instance<P>>,
    batch: &batches::Batch,
) -> Result<wit_transform::Outcome, types::PluginError> {
    with(instance, |plugin| Ok(plugin.apply(&Batch { host: batch })?.into()))
}

pub fn observe<P: Check>(
    instance: &'static LocalKey<Instance<P>>,
    batch: &batches::Batch,
    state: &[u8],
) -> Result<Vec<u8>, types::PluginError> {
    with(instance, |plugin| {
        let mut state = json::state(state)?;
        plugin.observe(&Batch { host: batch }, &mut state)?;
        json::state_bytes(&state)
    })
}

pub fn finish<P: Check>(
    instance: &'static LocalKey<Instance<P>>,
    counts: wit_check::Counts,
    state: &[u8],
) -> Result<wit_check::Verdict, types::PluginError> {
    let counts = Counts {
        source_rows: counts.source_rows,
        rows: counts.rows,
        acknowledged: counts.acknowledged,
        pages: counts.pages,
    };
    with(instance, |plugin| {
        let Verdict { passed, message, observed } = plugin.finish(&counts, json::state(state)?)?;
        Ok(wit_check::Verdict { passed, message, observed })
    })
}

pub fn start_slices<P: Slicer>(
    instance: &'static LocalKey<Instance<P>>,
    context: wit_slicer::Context,
) -> Result<wit_slicer::Step, types::PluginError> {
    let context = SliceContext { lower: context.lower, upper: context.upper, started_at: context.started_at };
    with(instance, |plugin| slice_step(plugin.start(&context)?))
}

pub fn next_slices<P: Slicer>(
    instance: &'static LocalKey<Instance<P>>,
    page: &pages::Page,
    state: &[u8],
) -> Result<wit_slicer::Step, types::PluginError> {
    with(instance, |plugin| slice_step(plugin.next(&Page { host: page }, json::state(state)?)?))
}

pub fn sign<P: Signer>(
    instance: &'static LocalKey<Instance<P>>,
    request: wit_signer::Outgoing,
) -> Result<wit_signer::Signature, types::PluginError> {
    let request = Outgoing {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
        body_sha256: request.body_sha256,
        sent_at: request.sent_at,
        nonce: request.nonce,
    };
    with(instance, |plugin| Ok(plugin.sign(&request)?.into()))
}

fn with<P: 'static, T>(
    instance: &'static LocalKey<Instance<P>>,
    call: impl FnOnce(&P) -> Result<T, Error>,
) -> Result<T, types::PluginError> {
    let missing = || Error::new("not-configured", "the host did not call configure");
    instance.with(|cell| call(cell.get().ok_or_else(missing)?)).map_err(Into::into)
}

/// A component that panics traps, and the host sees `unreachable`: so the text goes first.
fn hook_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|info| host::panicked(&info.to_string()))));
}

fn step<S: Serialize>(step: Step<S>) -> Result<wit_extractor::Step, Error> {
    let records = match step.records {
        Records::None => wit_extractor::Records::None,
        Records::At(path) => wit_extractor::Records::At(path),
        Records::Bytes(ndjson) => wit_extractor::Records::Bytes(ndjson),
    };
    let ended = step.ended.map(|ending| {
        let crate::Ending { reason, message, looked_at } = ending;
        wit_extractor::Ending { reason, message, looked_at }
    });
    let state = json::state_bytes(&step.state)?;
    Ok(wit_extractor::Step { records, next: step.next.map(Into::into), ended, state })
}

fn slice_step<S: Serialize>(step: SliceStep<S>) -> Result<wit_slicer::Step, Error> {
    let slice = |slice: crate::Slice| {
        let crate::Slice { id, request, lower, upper } = slice;
        wit_slicer::Slice { id, request: request.into(), lower, upper }
    };
    let state = json::state_bytes(&step.state)?;
    let slices = step.slices.into_iter().map(slice).collect();
    Ok(wit_slicer::Step { slices, next: step.next.map(Into::into), state })
}

impl From<Signature> for wit_signer::Signature {
    fn from(signature: Signature) -> Self {
        let placed = |placed: Vec<(String, Term)>| {
            placed.into_iter().map(|(name, Term(term))| wit_signer::Placed { name, term }).collect()
        };
        Self {
            terms: signature.terms.into_iter().map(Into::into).collect(),
            headers: placed(signature.headers),
            query: placed(signature.query),
        }
    }
}

impl From<Made> for wit_signer::Term {
    fn from(made: Made) -> Self {
        let hash = |hash| match hash {
            Hash::Sha1 => wit_signer::Hash::Sha1,
            Hash::Sha256 => wit_signer::Hash::Sha256,
            Hash::Sha512 => wit_signer::Hash::Sha512,
        };
        match made {
            Made::Text(text) => Self::Text(text),
            Made::Bytes(bytes) => Self::Bytes(bytes),
            Made::Secret(name) => Self::Secret(name),
            Made::Concat(parts) => Self::Concat(parts.into_iter().map(|Term(part)| part).collect()),
            Made::Hashed { hash: by, message: Term(message) } => {
                Self::Hashed(wit_signer::Hashed { hash: hash(by), message })
            }
            Made::Hmac { hash: by, key: Term(key), message: Term(message) } => {
                Self::Hmac(wit_signer::Keyed { hash: hash(by), key, message })
            }
            Made::Encoded { encoding, bytes: Term(bytes) } => {
                let encoding = match encoding {
                    Encoding::Hex => wit_signer::Encoding::Hex,
                    Encoding::Base64 => wit_signer::Encoding::Base64,
                    Encoding::Base64Url => wit_signer::Encoding::Base64url,
                    Encoding::Percent => wit_signer::Encoding::Percent,
                };
                Self::Encoded(wit_signer::Encoded { encoding, bytes })
            }
        }
    }
}

impl From<Error> for types::PluginError {
    fn from(error: Error) -> Self {
        let Error { code, message, record, field, blames } = error;
        let blames = match blames {
            crate::Blame::Plugin => types::Blame::Plugin,
            crate::Blame::Answer => types::Blame::Answer,
        };
        Self { code, message, record, field, blames }
    }
}

impl From<Needs> for types::Needs {
    fn from(needs: Needs) -> Self {
        Self { fields: needs.fields, bytes: needs.bytes }
    }
}

impl From<Request> for types::Request {
    fn from(request: Request) -> Self {
        let Request { url, query, body, headers, method, path, may_be_past_end } = request;
        let (query, body, headers) = (fields(query), fields(body), fields(headers));
        Self { url, query, body, headers, method, path, may_be_past_end }
    }
}

pub(crate) fn fields(named: Vec<(String, RequestValue)>) -> Vec<types::Field> {
    let value = |value| match value {
        RequestValue::Text(text) => types::Value::Text(text),
        RequestValue::Secret(name) => types::Value::Secret(name),
    };
    named.into_iter().map(|(name, v)| types::Field { name, value: value(v) }).collect()
}

impl From<Outcome> for wit_transform::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Edited(edits) => Self::Edited(edits.into()),
            Outcome::Replaced(ndjson) => Self::Replaced(ndjson),
        }
    }
}

impl From<Edits> for wit_transform::Edits {
    fn from(edits: Edits) -> Self {
        let renamed = |(from_name, to_name)| wit_transform::Renamed { from_name, to_name };
        let set = |(field, values): (String, crate::Column)| {
            let (kinds, offsets, text) = values.into_parts();
            wit_transform::SetColumn { field, values: types::Column { kinds, offsets, text } }
        };
        Self {
            keep: edits.keep.map(|keep| keep.into_iter().map(u8::from).collect()),
            rename: edits.rename.into_iter().map(renamed).collect(),
            drop: edits.drop,
            set: edits.set.into_iter().map(set).collect(),
        }
    }
}
