//! The fixtures with their settings, and objects brought into a form in which they can be compared.
#![allow(dead_code, reason = "each test uses a part")]

pub mod normal;
pub mod setting;
