//! The fixtures with their settings, and objects brought into a form in which they can be compared.
#![allow(
    dead_code,
    reason = "compiled into each of five test binaries, none of which uses all of it"
)]

pub mod normal;
pub mod setting;
