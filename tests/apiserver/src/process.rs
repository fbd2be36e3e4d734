//! What holds for the controllers as processes.

mod election;
mod memory;
mod rights;
