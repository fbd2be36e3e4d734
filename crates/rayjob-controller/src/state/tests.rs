//! The transition table, state by state; then whole stories.

mod bench;
mod ending;
mod properties;
mod running;
mod starting;
mod stories;
mod validity;
