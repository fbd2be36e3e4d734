//! How far a watch is.

use std::time::Duration;

use tokio::time::Instant;

use super::Error;

/// The last version that was shown.
#[derive(Debug)]
pub struct Position {
    version: String,
    /// When the watch was opened that goes on from here.
    opened: Instant,
    /// Whether it has said anything.
    spoken: bool,
    /// Whether it has shown anything later.
    advanced: bool,
}

impl Position {
    /// The version of a list.
    pub fn of_list(version: String) -> Self {
        Self {
            version,
            opened: Instant::now(),
            spoken: false,
            advanced: false,
        }
    }

    /// A watch is opened here.
    pub fn opened(&mut self) {
        *self = Self::of_list(std::mem::take(&mut self.version));
    }

    /// How long ago the watch was opened.
    pub fn since_opened(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Whether the watch has got anywhere.
    pub fn advanced(&self) -> bool {
        self.advanced
    }

    /// Whether the watch has said nothing for as long as that, from its opening on.
    pub fn mute(&self, silence: Duration) -> bool {
        !self.spoken && self.since_opened() >= silence
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version as the number that it is in every API server.
    pub fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }

    /// The watch shows `version`. It may say something twice, but nothing earlier than before.
    pub fn reach(&mut self, version: Option<&str>) -> Result<(), Error> {
        let version = version.filter(|version| !version.is_empty()).ok_or(Error::NoVersion)?;
        let shown = version.parse::<u64>().ok();
        if shown.zip(self.number()).is_some_and(|(shown, last)| shown < last) {
            return Err(Error::Backwards {
                shown: version.to_owned(),
                last: std::mem::take(&mut self.version),
            });
        }
        self.spoken = true;
        if self.version != version {
            self.advanced = true;
            version.clone_into(&mut self.version);
        }
        Ok(())
    }
}
