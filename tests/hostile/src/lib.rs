//! A tenant that writes whatever the API server admits, and what becomes of the others meanwhile.
//!
//! The real controllers run as processes, with the rights and the memory limit of their charts, on a fresh API server with
//! fake nodes. One tenant creates, changes, forges and deletes; each of its inputs follows from a seed and a number alone.
//! Another tenant creates small RayClusters and must get its head pods throughout. Asked is that nobody panics, ends or
//! grows beyond its limit, that each stored object is explained (by its status or an event) and can be deleted, and that
//! nothing reaches an address that the tenant wrote.
//!
//! Reading order: [`arguments`] → [`run`] → [`input`] (what one input is: [`base`], [`schema`], [`values`], [`mutation`],
//! [`action`], [`astray`]) → [`tenant`] (carries inputs out: [`act`], [`judge`], [`end`], into a [`ledger`]) → [`neighbour`], [`guard`], [`canary`] → [`report`].
//!
//! Traps: fake nodes take pods away with their finalizers, so what hangs on a pod that cannot go is the simulator's; and
//! names of Services resolve to nothing here, so a forged address must be one.

#![allow(
    clippy::disallowed_methods,
    reason = "it names what it made itself, and a tenant may write anything"
)]

pub mod act;
pub mod action;
pub mod arguments;
pub mod astray;
pub mod base;
pub mod canary;
pub mod dice;
pub mod end;
pub mod guard;
pub mod input;
pub mod judge;
pub mod ledger;
pub mod mutation;
pub mod neighbour;
pub mod place;
pub mod report;
pub mod run;
pub mod schema;
pub mod tenant;
pub mod values;
