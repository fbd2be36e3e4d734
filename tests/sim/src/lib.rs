//! A deterministic simulator: the controllers unmodified, against an API server in memory.

pub mod api;
pub mod clock;
