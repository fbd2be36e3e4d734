//! What goes wrong between the controllers and the rest of the world.
//!
//! A [`plan`] says what; a [`mod@line`] is one controller's way to the API server, on which it happens; and
//! `watch` spoils streams. A [`bug`] is [`planted`] between a controller and its line. Everything that a plan brings about is written down as an [`incident`].

pub mod bug;
pub mod incident;
pub mod lease;
pub mod life;
pub mod line;
pub mod plan;
pub mod planted;
mod request;
mod text;
mod watch;

pub use text::ParseFaultError;

#[cfg(test)]
mod tests;
