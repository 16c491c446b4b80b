//! A run on behalf of a tenant: what the policy gives it takes the place of the operator's profile,
//! environment and working folder.
//!
//! A manifest is held to it before anything of the manifest is loaded, components before anything of them
//! is compiled, and the source's origin before the first request.

use crate::artifact::io_report;
use crate::finder::{self, Found};
use crate::resolve::Resolved;
use crate::signature::{self, SignatureAt, TrustedKey};
use dpone_connections::{Environment, Loan, LoanOnWire, Profile, Role, fields::env_prefix};
use dpone_manifest::{Fence, Manifest, Policy, Tenant};
use dpone_model::{Allowance, Meter, Report, codes};
use dpone_plan::Rules;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A policy file larger than this is none.
const MAX_POLICY_BYTES: u64 = 1 << 20;

/// A policy, and the folder that its paths are relative to.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    pub policy: Policy,
    folder: PathBuf,
    /// Folders of each tenant's manifests that are there, without links.
    folders: BTreeMap<String, Vec<PathBuf>>,
}

/// A manifest and whose it is.
#[derive(Debug)]
pub struct Owned<'a> {
    pub tenant: &'a Tenant,
    /// The manifest's own path, without links: what is judged is what is opened.
    pub manifest: PathBuf,
}

/// One tenant's means.
#[derive(Debug)]
pub struct Tenancy {
    pub tenant: Tenant,
    /// The policy file, as messages name it.
    pub policy: String,
    pub require: Vec<Fence>,
    /// Folders of its manifests, absolute.
    pub folders: Vec<PathBuf>,
    pub loan: Loan,
    pub meter: Arc<Meter>,
    /// Variables that its manifests may refer to as `${NAME}`.
    variables: BTreeMap<String, String>,
    signers: Vec<TrustedKey>,
    contested: BTreeSet<String>,
    /// Confinements of this process; none in the operator's, which hands the tenancy on.
    pub confined_by: Vec<String>,
}

/// A tenancy on its way to the worker, secrets included.
#[derive(Serialize, Deserialize)]
pub struct TenancyOnWire {
    tenant: Tenant,
    policy: String,
    require: Vec<Fence>,
    folders: Vec<PathBuf>,
    loan: LoanOnWire,
    variables: BTreeMap<String, String>,
    /// Text of each key and its name.
    signers: Vec<(String, String)>,
    contested: BTreeSet<String>,
}

impl PolicyFile {
    /// Reads a policy. `path` is relative to `workdir`.
    ///
    /// # Errors
    /// DP1301 where it cannot be read; otherwise every problem of the file.
    pub fn read(workdir: &Path, path: &Path) -> Result<Self, Report> {
        let shown = path.display().to_string();
        let unreadable = |cause: String| {
            Report::new(&codes::policy::UNREADABLE, format!("{shown}: {cause}"))
                .hint("the path is relative to the working directory")
        };
        let full = workdir.join(path);
        let text =
            dpone_model::file::read_named(&full, MAX_POLICY_BYTES).map_err(|cause| unreadable(cause.to_string()))?;
        let policy = dpone_manifest::load_policy(&text, &shown)?;
        let folder = full.parent().map(Path::to_path_buf).unwrap_or_default();
        let real = |path: &PathBuf| folder.join(path).canonicalize().ok();
        let folders = policy.tenants.iter();
        let folders = folders.map(|tenant| (tenant.name.clone(), tenant.manifests.iter().filter_map(real).collect()));
        let folders = folders.collect();
        let file = Self { policy, folder, folders };
        file.keep_apart(workdir, &full)?;
        Ok(file)
    }

    /// Folders as they really lie: none holds another tenant's, nor what is the operator's alone.
    fn keep_apart(&self, workdir: &Path, policy: &Path) -> Result<(), Report> {
        let keys = self.policy.tenants.iter().flat_map(|tenant| &tenant.plugins.signers);
        let operators = [policy.to_path_buf(), workdir.join(".dpone")].into_iter();
        let operators: Vec<PathBuf> = operators
            .chain(keys.map(|key| self.folder.join(key)))
            .filter_map(|path| path.canonicalize().ok())
            .collect();
        let mut problems = Vec::new();
        for tenant in &self.policy.tenants {
            let others = self.policy.tenants.iter().filter(|other| other.name != tenant.name);
            let guarded: Vec<_> = others.flat_map(|other| self.folders(other)).chain(&operators).collect();
            for folder in self.folders(tenant) {
                for inner in guarded.iter().filter(|inner| inner.starts_with(folder)) {
                    let message = format!(
                        "the folder {} of the tenant `{}` holds {}, which is not the tenant's",
                        folder.display(),
                        tenant.name,
                        inner.display()
                    );
                    let place = self.policy.origin.place(&format!("tenants.{}.manifests", tenant.name));
                    problems.push(Report::new(&codes::policy::OVERLAP, message).at(place));
                }
            }
        }
        let hint = "give each tenant a folder that holds its manifests and plugins alone";
        Report::all(problems).map_or(Ok(()), |report| Err(report.hint(hint)))
    }

    /// The tenant whose manifest it is, by the folder that it really lies in.
    ///
    /// # Errors
    /// DP1303.
    pub fn owner(&self, workdir: &Path, manifest: &Path) -> Result<Owned<'_>, Report> {
        let path = workdir.join(manifest);
        let path = path
            .canonicalize()
            .map_err(|cause| Report::new(&codes::manifest::UNREADABLE, format!("{}: {cause}", manifest.display())))?;
        let mut owners = self
            .policy
            .tenants
            .iter()
            .filter(|tenant| self.folders(tenant).iter().any(|folder| path.starts_with(folder)));
        let none = || {
            let message = format!("{} lies in no folder of a tenant", manifest.display());
            let folders = |tenant: &Tenant| {
                tenant.manifests.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>()
            };
            let known: Vec<String> = self.policy.tenants.iter().flat_map(folders).collect();
            Report::new(&codes::policy::NO_TENANT, message).hint(format!(
                "{} gives {} to tenants",
                self.policy.origin.file,
                known.join(", ")
            ))
        };
        let owner = owners.next().ok_or_else(none)?;
        // Where a link leads to another tenant's manifest, neither of the two has asked for this run.
        let named = workdir.join(manifest).parent().and_then(|folder| folder.canonicalize().ok()).unwrap_or_default();
        if !self.folders(owner).iter().any(|folder| named.starts_with(folder)) {
            let message = format!("{} leads to a manifest of the tenant `{}`", manifest.display(), owner.name);
            return Err(Report::new(&codes::policy::NO_TENANT, message).hint("name the manifest where it lies"));
        }
        Ok(Owned { tenant: owner, manifest: path })
    }

    /// A tenant's means, taken from the operator's profile and environment.
    ///
    /// # Errors
    /// A key file that cannot be used; a misspelt variable of a connection that is lent.
    pub fn tenancy(
        &self,
        tenant: &Tenant,
        workdir: &Path,
        profile: &Profile,
        environment: &Environment,
    ) -> Result<Tenancy, Report> {
        let others = self.policy.tenants.iter().filter(|other| other.name != tenant.name);
        // In the environment two spellings may be one connection.
        let elsewhere: BTreeSet<String> =
            others.flat_map(|other| other.connections.iter().map(|lent| env_prefix(&lent.from))).collect();
        let loan = Loan::of(profile, &tenant.connections, workdir, environment)?;
        // The state that `local` keeps is each tenant's own.
        let is_own = |id: &str| loan.profile.stand_in(Role::State, id) == Ok(true);
        let contested = tenant.connections.iter().filter(|lent| elsewhere.contains(&env_prefix(&lent.from)));
        let contested = contested.filter(|lent| !is_own(&lent.id)).map(|lent| lent.id.clone()).collect();
        let signers = tenant.plugins.signers.iter().map(|path| TrustedKey::read(&self.folder.join(path)));
        Ok(Tenancy {
            folders: self.folders(tenant).to_vec(),
            policy: self.policy.origin.file.clone(),
            require: self.policy.require.clone(),
            loan,
            meter: meter(tenant),
            variables: tenant
                .env
                .iter()
                .filter_map(|(name, from)| Some((name.clone(), environment.get(from)?)))
                .collect(),
            signers: signers.collect::<Result<_, _>>()?,
            contested,
            tenant: tenant.clone(),
            confined_by: Vec::new(),
        })
    }

    fn folders(&self, tenant: &Tenant) -> &[PathBuf] {
        self.folders.get(&tenant.name).map_or(&[], Vec::as_slice)
    }
}

impl Tenancy {
    /// The working folder of a tenant's runs: its state, journals, cache, artifacts and scratch files are
    /// below it, and nobody else's.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn home(&self, workdir: &Path) -> Result<PathBuf, Report> {
        use std::os::unix::fs::DirBuilderExt;
        let home = home_of(workdir, &self.tenant.name);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&home)
            .map_err(|cause| io_report(&home, &cause))?;
        home.canonicalize().map_err(|cause| io_report(&home, &cause))
    }

    /// After a worker died, whose use nobody knows: the next one has half of what that one had, so that
    /// dying does not make an allowance new.
    pub fn halve_allowance(&mut self) {
        let limits = &mut self.tenant.limits;
        limits.requests /= 2;
        limits.bytes /= 2;
        limits.cpu /= 2;
    }

    pub fn rules(&self) -> Rules<'_> {
        Rules { tenant: &self.tenant, contested: &self.contested, policy: &self.policy }
    }

    /// A variable that manifests may refer to.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// The same, and what the tenant's connections have in the environment.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let lent = self.loan.env.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
        lent.chain(self.variables.clone()).collect()
    }

    /// Names and values of the variables that the policy gives.
    pub fn own_variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Whether every file and folder that a manifest names is the tenant's own, links resolved. The fences
    /// of the process hold it to that, too; this says it with the place, and holds where a kernel has none.
    ///
    /// # Errors
    /// DP1304 for each that is not.
    pub(crate) fn own_files(&self, manifest: &Manifest, manifest_dir: &Path) -> Result<(), Report> {
        let mut problems = Vec::new();
        for plugin in manifest.plugins() {
            let file = finder::is_path(&plugin.uses).then_some((&plugin.uses, "uses"));
            let folder = plugin.grants.files.as_ref().map(|folder| (folder, "grants.files"));
            for (path, key) in file.into_iter().chain(folder) {
                let place = manifest.origin.place(&format!("{}.{key}", plugin.key));
                problems.extend(self.owns(&manifest_dir.join(path)).err().map(|report| report.at(place)));
            }
        }
        Report::all(problems).map_or(Ok(()), Err)
    }

    fn owns(&self, path: &Path) -> Result<(), Report> {
        // A missing file is told by its reader.
        let Ok(real) = path.canonicalize() else { return Ok(()) };
        if self.folders.iter().any(|folder| real.starts_with(folder)) {
            return Ok(());
        }
        let message = format!("{} is not in a folder of the tenant `{}`", path.display(), self.tenant.name);
        Err(Report::new(&codes::policy::REFUSED, message)
            .hint("put it beside the manifest; a link does not make it the tenant's"))
    }

    /// Why a component may not be used, where it may not: it is none of ours, its digest is not in the
    /// policy, and nobody whom the policy trusts has signed it.
    pub(crate) fn refuse(&self, found: &mut Found) -> Option<Report> {
        // Built-in ones were judged by their names.
        if found.signature == SignatureAt::BuiltIn {
            return None;
        }
        let digest = hex::encode(Sha256::digest(&found.bytes));
        if self.tenant.plugins.sha256.iter().any(|allowed| allowed.eq_ignore_ascii_case(&digest)) {
            return None;
        }
        let hint = format!("{} says which: tenants.{}.plugins, by sha256 or signers", self.policy, self.tenant.name);
        let refused = |why: String| {
            let message =
                format!("the tenant `{}` may not use {} (sha256 {digest}): {why}", self.tenant.name, found.from);
            Some(Report::new(&codes::policy::REFUSED, message).hint(hint.clone()))
        };
        if self.signers.is_empty() {
            return refused("its digest is not in the policy".to_owned());
        }
        let signature = found.signature.text();
        match signature.and_then(|text| signature::verify(&self.signers, &found.bytes, text.as_deref())) {
            Ok(signed) => {
                found.signed = Some(signed);
                None
            }
            Err(unsigned) => {
                let why = unsigned.report(&found.from, &found.signature, &self.signers);
                refused(why.message().to_owned())
            }
        }
    }

    /// Whether the source's own origin is the operator's word, or one of the tenant's hosts. Where the
    /// connection has no address, the manifest's URL decides where its credentials go.
    pub(crate) fn refuse_source(&self, resolved: &Resolved) -> Result<(), Report> {
        if resolved.http.base_url.is_some() {
            return Ok(());
        }
        let manifest = &resolved.local.manifest;
        let url = dpone_source::resolved_url(&manifest.source, &resolved.http)?;
        self.rules().reach(manifest, "source.options.url", &url)
    }

    pub fn to_wire(&self) -> TenancyOnWire {
        TenancyOnWire {
            tenant: self.tenant.clone(),
            policy: self.policy.clone(),
            require: self.require.clone(),
            folders: self.folders.clone(),
            loan: self.loan.to_wire(),
            variables: self.variables.clone(),
            signers: self.signers.iter().map(|key| (key.text(), key.named().to_owned())).collect(),
            contested: self.contested.clone(),
        }
    }

    /// # Errors
    /// The message was no tenancy of this program's.
    pub fn from_wire(wire: TenancyOnWire) -> Result<Self, Report> {
        let keys = wire.signers.iter().map(|(text, named)| TrustedKey::parse(text, named));
        Ok(Self {
            meter: meter(&wire.tenant),
            signers: keys.collect::<Result<_, _>>()?,
            loan: Loan::from_wire(wire.loan)?,
            tenant: wire.tenant,
            policy: wire.policy,
            require: wire.require,
            folders: wire.folders,
            variables: wire.variables,
            contested: wire.contested,
            confined_by: Vec::new(),
        })
    }
}

fn meter(tenant: &Tenant) -> Arc<Meter> {
    let (requests, bytes) = (tenant.limits.requests, tenant.limits.bytes);
    Arc::new(Meter::bounded(Allowance { tenant: tenant.name.clone(), requests, bytes }))
}

/// Where a tenant's working folder is.
pub fn home_of(workdir: &Path, tenant: &str) -> PathBuf {
    workdir.join(".dpone/tenants").join(tenant)
}
