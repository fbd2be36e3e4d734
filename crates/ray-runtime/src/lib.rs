//! What every controller needs around its own rules.
//!
//! Reading order: [`process`] starts a controller; [`watch`] fills a [`store`] with what it reads; changes add keys to
//! a [`queue`]; [`controller`] takes them off and runs passes; [`mod@write`] and [`event`] are how a pass acts.
//!
//! Everything takes its clock, its randomness and its client as arguments, keeps no process-wide state and orders what
//! it iterates over, so that a simulator can run the controllers and replay them.

pub mod admin;
pub mod answer;
pub mod arguments;
pub mod cache;
pub mod calls;
pub mod client;
pub mod clock;
mod command_line;
pub mod controller;
pub mod entry;
pub mod event;
pub mod finalizers;
pub mod kept;
pub mod large;
pub mod lead;
pub mod lease;
pub mod limits;
pub mod log;
pub mod metrics;
mod not_run;
pub mod object_key;
pub mod objects;
pub mod owned;
pub mod patch;
pub mod pod;
pub mod process;
pub mod queue;
pub mod random;
pub mod secret;
pub mod service;
pub mod slim;
pub mod store;
pub mod tasks;
pub mod watch;
pub mod write;
