//! When a RayCronJob is due: five cron fields, `@daily` and the like, or `@every 1h30m`.
//!
//! The dialect is the one that KubeRay reads, "standard" of the Go library `robfig/cron` v3, with its texts for what it
//! refuses. Vectors made with that library stand beside the tests.
//!
//! Traps:
//! - A day must match both day fields when one of them is `*` or `?`, else either. `*/2` is no star here.
//! - A local time that the clocks skip is not run that day; one that they repeat is run twice.
//! - A schedule may never be due (`0 0 30 2 *`), so [`Schedule::next`] may have no answer.
//! - The form of a zone in the text (`TZ=…`) is not read: a RayCronJob has a field of its own for it.

mod field;
#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

use crate::go_duration::{GoDuration, ParseGoDurationError};
pub use field::ParseFieldError;
use field::{Bounds, Field};

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At the minutes that the fields name.
    Fields(Fields),
    /// Again and again after this many seconds; at least one.
    Every(i64),
}

/// The five fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    minutes: Field,
    hours: Field,
    days_of_month: Field,
    months: Field,
    days_of_week: Field,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseScheduleError {
    /// No text at all.
    #[error("empty spec string")]
    Empty,
    /// Not five fields.
    #[error("expected exactly 5 fields, found {}: [{}]", .0.len(), .0.join(" "))]
    FieldCount(Vec<String>),
    /// A field that cannot be read.
    #[error(transparent)]
    Field(#[from] ParseFieldError),
    /// A word after `@` that is not known.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// `@every` without a duration.
    #[error("failed to parse duration {text}: {source}")]
    Every {
        /// The whole text.
        text: String,
        /// What is wrong with the duration.
        source: ParseGoDurationError,
    },
}

/// Years after which a schedule without a match is given up.
const YEARS: i16 = 5;

impl Schedule {
    /// Reads a schedule.
    pub fn parse(text: &str) -> Result<Self, ParseScheduleError> {
        if text.is_empty() {
            return Err(ParseScheduleError::Empty);
        }
        if text.starts_with('@') {
            return Self::descriptor(text);
        }
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days_of_month, months, days_of_week] = fields[..] else {
            return Err(ParseScheduleError::FieldCount(
                fields.into_iter().map(str::to_owned).collect(),
            ));
        };
        Ok(Self::Fields(Fields {
            minutes: Field::parse(minutes, &Bounds::MINUTES)?,
            hours: Field::parse(hours, &Bounds::HOURS)?,
            days_of_month: Field::parse(days_of_month, &Bounds::DAYS_OF_MONTH)?,
            months: Field::parse(months, &Bounds::MONTHS)?,
            days_of_week: Field::parse(days_of_week, &Bounds::DAYS_OF_WEEK)?,
        }))
    }

    fn descriptor(text: &str) -> Result<Self, ParseScheduleError> {
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => return Self::every(text),
        };
        Self::parse(fields)
    }

    fn every(text: &str) -> Result<Self, ParseScheduleError> {
        let Some(duration) = text.strip_prefix("@every ") else {
            return Err(ParseScheduleError::Descriptor(text.to_owned()));
        };
        match duration.parse::<GoDuration>() {
            Ok(duration) => Ok(Self::Every(duration.seconds().max(1))),
            Err(source) => Err(ParseScheduleError::Every {
                text: text.to_owned(),
                source,
            }),
        }
    }

    /// The first time after `after` that is due in `zone`; `None` when there is none within five years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Fields(fields) => fields.next(after, zone),
            Self::Every(seconds) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                // Before 1970 the whole second is the later one.
                let floor = if whole > after {
                    whole - SignedDuration::from_secs(1)
                } else {
                    whole
                };
                floor.checked_add(SignedDuration::from_secs(*seconds)).ok()
            }
        }
    }
}

impl Fields {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = after.to_zoned(zone.clone()).date();
        let last_year = today.year() + YEARS;
        // Clocks put back over midnight bring yesterday again.
        let mut day = today.yesterday().ok()?;
        let mut found: Option<Timestamp> = None;
        let mut days_after_match = 0;
        while day.year() <= last_year && days_after_match < 2 {
            if let Some(time) = self.first_on(day, after, zone) {
                found = Some(found.map_or(time, |earlier| earlier.min(time)));
            }
            days_after_match += u8::from(found.is_some());
            day = self.following(day)?;
        }
        found
    }

    /// The day after `day`, or the first of a month that the schedule names when that is later.
    fn following(&self, day: Date) -> Option<Date> {
        let next = day.tomorrow().ok()?;
        if self.months.contains(next.month()) {
            return Some(next);
        }
        next.first_of_month().checked_add(Span::new().months(1)).ok()
    }

    /// The first time after `after` on the local date `day`.
    fn first_on(&self, day: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if !self.matches_day(day) {
            return None;
        }
        self.hours
            .numbers()
            .flat_map(|hour| self.minutes.numbers().map(move |minute| day.at(hour, minute, 0, 0)))
            .flat_map(|local| instants(local, zone))
            .flatten()
            .filter(|time| *time > after)
            .min()
    }

    fn matches_day(&self, day: Date) -> bool {
        if !self.months.contains(day.month()) {
            return false;
        }
        let of_month = self.days_of_month.contains(day.day());
        let of_week = self.days_of_week.contains(day.weekday().to_sunday_zero_offset());
        if self.days_of_month.star() || self.days_of_week.star() {
            of_month && of_week
        } else {
            of_month || of_week
        }
    }
}

/// When a local time happens: never when the clocks skip it, twice when they repeat it.
fn instants(local: DateTime, zone: &TimeZone) -> [Option<Timestamp>; 2] {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(local).ok(), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [before.to_timestamp(local).ok(), after.to_timestamp(local).ok()],
    }
}

/// Why a name is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeZoneError {
    /// Could be a path.
    #[error("time: invalid location name")]
    Form,
    /// Not in the database.
    #[error("unknown time zone {0}")]
    Unknown(String),
}

/// The zone of this name in the bundled database; `None` for `Local`, the controller's own zone.
///
/// Names are told apart by case, as in files.
pub fn time_zone(name: &str) -> Result<Option<TimeZone>, TimeZoneError> {
    match name {
        "" | "UTC" => return Ok(Some(TimeZone::UTC)),
        "Local" => return Ok(None),
        _ if name.contains("..") || name.starts_with(['/', '\\']) => return Err(TimeZoneError::Form),
        _ => {}
    }
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).ok();
    zone.filter(|zone| zone.iana_name() == Some(name))
        .map(Some)
        .ok_or_else(|| TimeZoneError::Unknown(name.to_owned()))
}
