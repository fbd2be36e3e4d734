//! Panics of a run, noted where they happen and whoever catches them.
//!
//! A controller catches the panic of a pass, and tokio that of a task: neither ends the run, and the run may end well all
//! the same. So a hook notes each one for its thread, which makes one run at a time. It is for the whole process, and
//! calls the one that was there before.

use std::cell::RefCell;
use std::sync::Once;

use tokio::time::Instant;

/// A panic.
#[derive(Clone, Debug)]
pub struct Noted {
    /// When, on the clock of the run.
    pub at: Instant,
    /// Where, and what it said.
    pub what: String,
}

thread_local! {
    static NOTED: RefCell<Vec<Noted>> = const { RefCell::new(Vec::new()) };
}

/// A run begins in this thread: what was noted before is none of its business.
pub fn begin() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info.to_string());
            before(info);
        }));
    });
    NOTED.take();
}

/// What has panicked in this thread since the run began.
pub fn noted() -> Vec<Noted> {
    NOTED.with_borrow(Vec::clone)
}

fn note(what: String) {
    let at = Instant::now();
    // A thread that ends has no notes any more, and no run either.
    let _ = NOTED.try_with(|noted| noted.borrow_mut().push(Noted { at, what }));
}
