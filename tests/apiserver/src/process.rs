//! What holds for the controllers as processes.

mod election;
mod memory;
mod not_run;
mod rights;
