//! What goes wrong between the controllers and the rest of the world.
//!
//! A [`plan`] says what; a [`mod@line`] is one controller's way to the API server, on which it happens; and
//! `watch` spoils streams. Everything that a plan brings about is written down as an [`incident`].

pub mod incident;
pub mod life;
pub mod line;
pub mod plan;
mod request;
mod text;
mod watch;

pub use text::ParseFaultError;

#[cfg(test)]
mod tests;
