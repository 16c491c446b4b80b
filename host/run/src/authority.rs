//! The operator's demands on a manifest's plugins beyond the manifest: that they are signed, and
//! that they are as the lock file beside it says.

use crate::artifact::io_report;
use crate::finder::{self, Found};
use crate::oci;
use crate::plugins::{self, Plugin};
use crate::resolve::{Host, Local, Request};
use crate::signature::{self, SignatureAt, Signed, TrustedKey, Unsigned};
use dpone_manifest::OciReference;
use dpone_model::file::{self, FileError};
use dpone_model::{Place, Report, codes};
use dpone_plan::{Lock, LockFacts, PluginFacts};
use dpone_sandbox::{Inspection, Sandbox};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A lock file larger than this is none.
const MAX_LOCK_BYTES: u64 = 1 << 20;

/// The demands of every command that loads plugins.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// The lock file has to be there (`--locked`).
    pub locked: bool,
    /// Keys of which one has to have signed each component (`--require-signed`); none where no
    /// signature is asked for.
    pub signers: Option<Vec<TrustedKey>>,
}

/// The notes on the plugins that were let in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Admission {
    /// The lock that they were held to.
    pub lock: Option<LockFacts>,
    pub warnings: Vec<String>,
}

/// A component on its own, as `plugin inspect` shows it.
pub struct Inspected {
    pub from: String,
    pub inspection: Inspection,
    pub signature: SignatureSeen,
}

/// The facts about a component's signature.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum SignatureSeen {
    /// Part of this program.
    BuiltIn,
    Missing,
    /// There is one, and no key was given to verify it with.
    Unverified {
        key_id: Option<String>,
    },
    Verified(Signed),
}

/// Loads one component and looks at its signature, which has to hold where keys are demanded.
pub async fn inspect(host: &Host, uses: &str) -> Result<Inspected, Report> {
    let found = host.finder.find(uses, &host.workdir).await?;
    let text = || found.signature.text().map_err(|unsigned| unsigned.report(&found.from, &found.signature, &[]));
    let signature = match (&host.demands.signers, &found.signature) {
        (_, SignatureAt::BuiltIn) => SignatureSeen::BuiltIn,
        (None, _) => match text()? {
            Some(text) => SignatureSeen::Unverified { key_id: signature::signer(&text) },
            None => SignatureSeen::Missing,
        },
        (Some(trusted), _) => {
            let signed = signature::verify(trusted, &found.bytes, text()?.as_deref());
            let refused = |unsigned: Unsigned| unsigned.report(&found.from, &found.signature, trusted);
            SignatureSeen::Verified(signed.map_err(refused)?)
        }
    };
    let loaded = plugins::sandbox(host)?.load(found.bytes, &found.from).await?;
    Ok(Inspected { from: found.from, inspection: loaded.inspection().clone(), signature })
}

/// The result of `plugin lock`.
pub struct Locked {
    pub file: PathBuf,
    pub plugins: usize,
    /// The rights that the new file adds to the one before, a line each; none where there was none.
    pub grown: Option<Vec<String>>,
}

/// Loads the manifest's plugins, holds them to the lock file, and configures each.
pub async fn admit(host: &Host, sandbox: &Sandbox, local: &mut Local) -> Result<(Vec<Plugin>, Admission), Report> {
    let mut found = std::mem::take(&mut local.plugins);
    // Before anything of a component is compiled or called.
    verify(host, &mut found, local)?;
    let mut loaded = plugins::load(sandbox, found, &local.manifest).await?;
    let admission = judge(&host.demands, local, &loaded)?;
    plugins::check_options(sandbox, local, &mut loaded).await?;
    Ok((loaded, admission))
}

/// Writes the lock file of a manifest. Every plugin was loaded and configured, so that nothing is
/// locked that could not run.
pub async fn lock(host: &Host, request: &Request) -> Result<Locked, Report> {
    let mut local = crate::resolve::check(host, request, None).await?;
    let sandbox = plugins::sandbox(host)?;
    let mut found = std::mem::take(&mut local.plugins);
    verify(host, &mut found, &local)?;
    let mut loaded = plugins::load(&sandbox, found, &local.manifest).await?;
    plugins::check_options(&sandbox, &local, &mut loaded).await?;
    let facts: Vec<_> = loaded.iter().map(Plugin::facts).collect();
    let path = &local.lock_path;
    if *path == local.manifest_path {
        let message = format!("the lock file of {} would replace it", path.display());
        return Err(Report::new(&codes::usage::USAGE, message).hint("give the manifest another extension, as `.yaml`"));
    }
    let lock = Lock::of(&facts);
    let name = local.manifest_path.file_name().unwrap_or_default().to_string_lossy();
    let text = lock.to_yaml(&name)?;
    // A file that cannot be read is about to be replaced by one that can.
    let before = read(path).ok().flatten().and_then(|text| Lock::from_yaml(&text, &shown(path)).ok());
    replace(path, text.as_bytes()).map_err(|cause| io_report(path, &cause))?;
    Ok(Locked {
        file: path.clone(),
        plugins: lock.plugins.len(),
        grown: before.map(|before| before.compare(&facts).differences),
    })
}

/// Puts a component's file into a registry, with the signature beside it. It is loaded first, so that
/// nothing is pushed that no host would let in. The answer is the reference to use in a manifest.
pub async fn push(host: &Host, file: &Path, to: &str) -> Result<OciReference, Report> {
    let reference = OciReference::parse(to).map_err(|cause| oci::Error::Reference { text: to.to_owned(), cause })?;
    let found = finder::read(&host.workdir.join(file))?;
    let signature = found.signature.text().map_err(|unsigned| unsigned.report(&found.from, &found.signature, &[]))?;
    let loaded = plugins::sandbox(host)?.load(found.bytes.clone(), &found.from).await?;
    let inspection = loaded.inspection();
    let export = format!("{}/{}@{}", dpone_sandbox::WIT_PACKAGE, inspection.kind, inspection.wit_version);
    let pushed = oci::Pushed {
        component: &found.bytes,
        name: &inspection.identity.name,
        version: &inspection.identity.version,
        imports: &inspection.imports,
        exports: &[export],
        signature,
    };
    Ok(oci::push(&reference, &pushed).await?)
}

/// The lock file's place: the manifest's stem beside it.
pub fn lock_path(manifest: &Path) -> PathBuf {
    manifest.with_extension("lock")
}

/// Holds every component to what operator and policy demand of it; all problems at once.
fn verify(host: &Host, found: &mut [Found], local: &Local) -> Result<(), Report> {
    let mut problems = Vec::new();
    for found in found.iter_mut() {
        let signed = host.demands.signers.as_ref().map_or(Ok(()), |trusted| demand_signature(trusted, found));
        let refused = host.tenancy.as_ref().and_then(|tenancy| tenancy.refuse(found));
        let place = local.manifest.origin.place(&format!("{}.uses", found.plugin.key));
        problems.extend(signed.err().into_iter().chain(refused).map(|report| report.at(place.clone())));
    }
    Report::all(problems).map_or(Ok(()), Err)
}

fn demand_signature(trusted: &[TrustedKey], found: &mut Found) -> Result<(), Report> {
    if found.signature == SignatureAt::BuiltIn {
        return Ok(());
    }
    let signature = found.signature.text();
    match signature.and_then(|text| signature::verify(trusted, &found.bytes, text.as_deref())) {
        Ok(signed) => {
            found.signed = Some(signed);
            Ok(())
        }
        Err(unsigned) => Err(unsigned.report(&found.from, &found.signature, trusted)),
    }
}

fn judge(demands: &Demands, local: &Local, plugins: &[Plugin]) -> Result<Admission, Report> {
    let facts: Vec<_> = plugins.iter().map(Plugin::facts).collect();
    let mut admission = held_to_lock(demands, local, &facts)?;
    admission.warnings.extend(facts.iter().flat_map(dpone_plan::unused_grants));
    Ok(admission)
}

fn held_to_lock(demands: &Demands, local: &Local, facts: &[PluginFacts]) -> Result<Admission, Report> {
    let path = &local.lock_path;
    let Some(text) = read(path)? else {
        if demands.locked {
            let message = format!("{} is not there, and --locked demands it", shown(path));
            let hint = format!("write it with `dpone plugin lock {}`", local.manifest.origin.file);
            return Err(Report::new(&codes::plugin::LOCK_MISSING, message).hint(hint));
        }
        return Ok(Admission::default());
    };
    let lock = Lock::from_yaml(&text, &shown(path))?;
    let compared = lock.compare(facts);
    if !compared.differences.is_empty() {
        let message = format!("the plugins are not as {} says:", shown(path));
        let hint = format!("review the difference, then run `dpone plugin lock {}`", local.manifest.origin.file);
        return Err(Report::new(&codes::plugin::LOCK_CHANGED, message)
            .details(compared.differences)
            .at(Place::Named { what: "lock file".into(), name: shown(path) })
            .hint(hint));
    }
    let lock = LockFacts { file: shown(path), sha256: hex::encode(Sha256::digest(text.as_bytes())) };
    let warnings = compared.unused.iter().map(|line| format!("{}: {line}", lock.file)).collect();
    Ok(Admission { lock: Some(lock), warnings })
}

/// The text of a lock file; `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, Report> {
    match file::read_text(path, MAX_LOCK_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.is_not_found() => Ok(None),
        Err(FileError::Io(cause)) => Err(io_report(path, &cause)),
        Err(cause) => Err(Report::new(&codes::plugin::LOCK_INVALID, format!("{}: {cause}", shown(path)))
            .hint("write it anew with `dpone plugin lock MANIFEST`, and review what changes in it")),
    }
}

/// Written beside its name and renamed, so that nobody reads half of a lock.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("lock.partial");
    // A link in the place of the file would have another one written.
    let _ = std::fs::remove_file(&beside);
    let written = std::fs::File::create_new(&beside).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_data()
    });
    if let Err(cause) = written.and_then(|()| std::fs::rename(&beside, path)) {
        // Nothing half written stays behind; the first error is the one to tell.
        let _ = std::fs::remove_file(&beside);
        return Err(cause);
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
