//! What the controllers cost and how quick they are, side by side with peers in one run.
//!
//! Every measurement has a fresh API server, etcd, controller manager, scheduler and fake nodes (kwok) of its own, all on
//! this machine. The operator under test runs as processes of it, each with an account of its own, so that the audit log
//! tells who asked for what. Nothing here looks into an operator: it is a command line, an account, a metrics page and
//! what the API server and `/proc` say of it, so ours and a peer are measured by the same code.
//!
//! Reading order: [`arguments`] → [`run`] → [`scenario`] (a module each) → [`stand`] (what a scenario is carried out on) →
//! [`audit`] and [`trace`] (what was asked for, and when) → [`report`] → [`table`], [`chart`], [`record`].
//!
//! Traps: the machine does everything at once, so figures of different runs must not be compared, only those side by
//! side; and a busy machine shows its own limits instead of the operators'.

#![allow(clippy::disallowed_methods, reason = "it names what it made itself")]

pub mod account;
pub mod arguments;
pub mod audit;
pub mod changes;
pub mod chart;
pub mod installation;
pub mod latency;
pub mod load;
pub mod machine;
pub mod manifest;
pub mod measure;
pub mod operator;
pub mod process;
pub mod record;
pub mod recording;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seen;
pub mod server;
pub mod stand;
pub mod table;
pub mod trace;
pub mod wait;
