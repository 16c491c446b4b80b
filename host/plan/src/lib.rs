//! The decisions of a run, made before it does anything: pure functions over manifest, state and
//! what the broker says of the topic.
//!
//! C takes [`boundary`] and [`fingerprint`], F takes [`evolve`], and before either
//! [`judge_strategy`] says what the strategy promises on this topic. [`plan`] puts all of it, and
//! what each plugin may ask for and gets, into the document that people review; [`Plan::difference`]
//! compares the reviewed one with what is true now. A [`Lock`] holds digest and authority of each
//! plugin as they were reviewed, for runs that nobody reviews one by one. [`Rules`] hold a tenant's manifest to
//! what the operator's policy gives.

mod authority;
mod boundary;
mod document;
mod error;
mod evolution;
mod fingerprint;
mod lock;
mod markdown;
mod pagination;
mod review;
mod strategy;
mod tenancy;

pub use authority::{Family, PluginFacts, bounds, families, gets, requests, unused_grants};
pub use boundary::{Boundary, CursorRules, Window, boundary};
pub use document::{
    BoundaryPlan, CheckPlan, NewTopic, PLAN_FORMAT, Plan, PlanInput, PluginPlan, SourcePlan, StagingPlan, StateFacts,
    StatePlan, StrategyPlan, TargetPlan, TopicFacts, plan,
};
pub use error::Error;
pub use evolution::{Breaking, Mixed, SchemaPlan, Widened, evolve, unite};
pub use fingerprint::{Fingerprint, fingerprint};
pub use lock::{Compared, LOCK_VERSION, Lock, LockFacts, LockedPlugin};
pub use strategy::{StrategyFacts, TopicPolicy, judge_strategy, target_facts};
pub use tenancy::{Rules, TenantPlan, TenantUse};
