//! Commands on a tenant's manifest: each in a process that is confined to the tenant, so that the operator's
//! own opens nothing that a team has written.

use crate::Outcome;
use crate::args::{Command, Common, Connections, ManifestArgs, Plugin, PluginDemands, State};
use crate::context;
use dpone_model::Exit;
use dpone_run::LocalNeeds;
use dpone_run::tenancy::{Owned, PolicyFile};
use dpone_workers::{Delegated, Group};

/// A command that is done for a tenant.
pub struct OfTenant {
    manifest: ManifestArgs,
    demands: PluginDemands,
    /// It writes a file beside the manifest.
    writes: bool,
}

/// The command's manifest, where it has one and a policy, and this process is not confined to it.
pub fn of(command: &Command) -> Option<OfTenant> {
    let (manifest, demands, writes) = match command {
        Command::Check(args) => (&args.manifest, args.demands.clone(), false),
        Command::Plan(args) => (&args.manifest, args.demands.clone(), false),
        Command::State(State::Show(args) | State::Adopt(args)) => (&args.manifest, PluginDemands::default(), false),
        Command::State(State::History { state, .. } | State::Reset { state, .. }) => {
            (&state.manifest, PluginDemands::default(), false)
        }
        Command::Connections(Connections::Test(manifest)) => (manifest, PluginDemands::default(), false),
        Command::Plugin(Plugin::Lock(manifest)) => (manifest, PluginDemands::default(), true),
        _ => return None,
    };
    let is_tenants = manifest.policy.policy.is_some() && context::confined().is_none();
    is_tenants.then(|| OfTenant { manifest: manifest.clone(), demands, writes })
}

/// Does the command of this command line in a process of the tenant's.
pub async fn delegate(common: &Common, command: OfTenant) -> Outcome {
    let OfTenant { manifest: ManifestArgs { manifest, policy, .. }, demands, writes } = command;
    let workdir = context::workdir()?;
    let policy = PolicyFile::read(&workdir, &policy.policy.unwrap_or_default())?;
    let Owned { tenant, manifest } = policy.owner(&workdir, &manifest)?;
    let profile = context::profile(common, &workdir)?;
    let tenancy = context::tenancy(&policy, tenant, &workdir, &profile)?;
    let needs = LocalNeeds { api: true, broker: true };
    let local = match context::local_services(common, &workdir, &profile) {
        Some(starter) => Some(starter.start(needs).await?.into()),
        None => None,
    };
    let group = Group::of_tenant(tenancy, &workdir, Vec::new())?;
    let arguments = std::env::args().skip(1).collect();
    let launch = context::launch(common, &workdir, &demands)?;
    let delegated = Delegated { arguments, manifest, local, writes_manifests: writes };
    let code = dpone_workers::delegate(&launch, &group, delegated).await?;
    Ok(Exit::of_code(code).unwrap_or(Exit::Internal))
}
