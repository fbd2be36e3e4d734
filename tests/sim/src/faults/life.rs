//! The life of one incarnation of a controller.
//!
//! A controller that has died is not told so: its requests take no effect and are never answered. Its tasks are ended
//! from outside; those that nobody holds wait for ever.

use tokio_util::sync::CancellationToken;

/// A life.
#[derive(Debug, Default)]
pub struct Life {
    death: CancellationToken,
}

impl Life {
    /// Ends it.
    pub fn end(&self) {
        self.death.cancel();
    }

    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        self.death.is_cancelled()
    }

    /// Returns at once while it lasts, and never after its end.
    pub async fn or_pend(&self) {
        if self.ended() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for its end.
    pub async fn end_comes(&self) {
        self.death.cancelled().await;
    }
}
