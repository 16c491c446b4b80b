//! Judging options by a plugin's own schema, in a child process: a schema is the plugin's, and one of a few
//! lines can take for ever. What was found sound is kept by its digest, so that a warm start judges nothing.

use crate::cache::Cache;
use crate::child::{self, Bounds, ChildCommand, Ended};
use crate::error::{Error, Fault};
use crate::options::{self, Problem};
use dpone_model::plugin::Identity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Set where the child is to judge, and not to compile.
const VARIABLE: &str = "DPONE_JUDGE_OPTIONS";
/// The limits of judging. A schema of ordinary size takes milliseconds.
const BOUNDS: Bounds = Bounds {
    cpu: Duration::from_secs(2),
    wall: Duration::from_secs(30),
    memory: 1 << 30,
    output: 1 << 20,
    answer: "list of problems",
};
/// Another one where options are judged by other rules.
const RULES: &str = concat!("dpone options 1 ", env!("CARGO_PKG_VERSION"));

/// Judges in children of its own; clones share what they know.
#[derive(Clone)]
pub(crate) struct Judging {
    cache: Arc<Cache>,
    child: ChildCommand,
    /// Digests of what was found sound by this process.
    sound: Arc<Mutex<HashSet<String>>>,
}

/// The child's input.
#[derive(Serialize, Deserialize)]
struct Question<'a> {
    schema: Cow<'a, Value>,
    /// None where the schema itself is to be judged.
    options: Option<Cow<'a, Map<String, Value>>>,
}

/// Its output.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// The schema is none.
    NoSchema(String),
    Problems(Vec<Problem>),
}

impl Judging {
    pub fn new(cache: Arc<Cache>, child: ChildCommand) -> Self {
        Self { cache, child, sound: Arc::default() }
    }

    /// Whether a schema is one.
    ///
    /// # Errors
    /// The schema is the plugin's mistake.
    pub async fn schema(&self, who: &Identity, schema: &Value) -> Result<(), Error> {
        self.judge(who, "describe", schema, None).await.map(drop)
    }

    /// The problems of options; none where they fit.
    ///
    /// # Errors
    /// The schema is the plugin's mistake.
    pub async fn options(
        &self,
        who: &Identity,
        schema: &Value,
        with: &Map<String, Value>,
    ) -> Result<Vec<Problem>, Error> {
        self.judge(who, "configure", schema, Some(with)).await
    }

    async fn judge(
        &self,
        who: &Identity,
        call: &'static str,
        schema: &Value,
        with: Option<&Map<String, Value>>,
    ) -> Result<Vec<Problem>, Error> {
        let (text, digest) = question(schema, with)?;
        if self.is_known(&digest) {
            return Ok(Vec::new());
        }
        let broken = |what: String| Error::Fault { who: Box::new(who.clone()), call, fault: Fault::BadOutput(what) };
        let ended = child::run(&self.child, &BOUNDS, Some(VARIABLE), &text).await;
        let named = || who.name.clone();
        let answer = match ended.map_err(|error| Error::Child { named: named(), cause: error.to_string() })? {
            Ended::Answered(answer) => answer,
            Ended::Over(limit) => return Err(broken(format!("its options schema cannot be judged: {limit}"))),
            Ended::Code(code, cause) => {
                return Err(Error::Child { named: named(), cause: format!("it ended with code {code}: {cause}") });
            }
        };
        match serde_json::from_slice(&answer) {
            Ok(Answer::NoSchema(cause)) => Err(broken(format!("its options schema is not JSON Schema: {cause}"))),
            Ok(Answer::Problems(problems)) => {
                if problems.is_empty() {
                    self.keep(digest);
                }
                Ok(problems)
            }
            Err(error) => Err(Error::Child { named: named(), cause: error.to_string() }),
        }
    }

    /// Takes options for sound without a child, which unit tests have none of.
    #[cfg(test)]
    pub fn trust(&self, schema: &Value, with: &Map<String, Value>) {
        let (_, digest) = question(schema, Some(with)).unwrap();
        self.sound.lock().unwrap().insert(digest);
    }

    fn is_known(&self, digest: &str) -> bool {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if sound.contains(digest) {
            return true;
        }
        // A cache that cannot be read costs the time of judging, and nothing else.
        let is_kept = self.cache.has_sound(digest).unwrap_or(false);
        if is_kept {
            sound.insert(digest.to_owned());
        }
        is_kept
    }

    fn keep(&self, digest: String) {
        if let Err(error) = self.cache.put_sound(&digest) {
            tracing::warn!(%error, "that options are sound is not cached");
        }
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }
}

/// The question to the child, and the digest under which a sound answer is kept.
fn question(schema: &Value, with: Option<&Map<String, Value>>) -> Result<(Vec<u8>, String), Error> {
    let question = Question { schema: Cow::Borrowed(schema), options: with.map(Cow::Borrowed) };
    let text = serde_json::to_vec(&question).map_err(|error| Error::Engine(error.to_string()))?;
    let digest = hex::encode(Sha256::new().chain_update(RULES).chain_update(&text).finalize());
    Ok((text, digest))
}

/// Whether this process is a child that is to judge.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The child's work.
pub(crate) fn child() -> Result<(), (u8, String)> {
    child::bound_self(BOUNDS.cpu.as_secs(), BOUNDS.memory).map_err(|message| (1, message))?;
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text).map_err(|error| (1, error.to_string()))?;
    let question: Question<'_> = serde_json::from_slice(&text).map_err(|error| (1, error.to_string()))?;
    let answer = match options::judge(&question.schema, question.options.as_deref()) {
        Ok(problems) => Answer::Problems(problems),
        Err(cause) => Answer::NoSchema(cause),
    };
    let answer = serde_json::to_vec(&answer).map_err(|error| (1, error.to_string()))?;
    std::io::stdout().lock().write_all(&answer).map_err(|error| (1, error.to_string()))
}
