//! One field of a schedule: a set of small numbers.

use crate::go_quote::quote;

/// What a field may contain.
#[derive(Debug)]
pub(super) struct Bounds {
    least: u8,
    most: u8,
    /// Names of the numbers from `least` on, in lower case.
    names: &'static [&'static str],
}

impl Bounds {
    pub(super) const MINUTES: Self = Self::new(0, 59, &[]);
    pub(super) const HOURS: Self = Self::new(0, 23, &[]);
    pub(super) const DAYS_OF_MONTH: Self = Self::new(1, 31, &[]);
    pub(super) const MONTHS: Self = Self::new(
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    );
    pub(super) const DAYS_OF_WEEK: Self = Self::new(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

    const fn new(least: u8, most: u8, names: &'static [&'static str]) -> Self {
        Self { least, most, names }
    }
}

/// The numbers that a field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    numbers: u64,
    star: bool,
}

/// Why a field cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFieldError {
    /// More than one `-` in a range.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// More than one `/`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Below what the field allows.
    #[error("beginning of range ({start}) below minimum ({least}): {text}")]
    Below {
        start: u64,
        /// What is allowed.
        least: u8,
        /// The range.
        text: String,
    },
    /// Above what the field allows.
    #[error("end of range ({end}) above maximum ({most}): {text}")]
    Above {
        end: u64,
        /// What is allowed.
        most: u8,
        /// The range.
        text: String,
    },
    /// Backwards.
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Backwards {
        /// The first number.
        start: u64,
        /// The second.
        end: u64,
        /// The range.
        text: String,
    },
    /// A step of 0.
    #[error("step of range should be a positive number: {0}")]
    Step(String),
    /// Neither a number nor a name of the field's.
    #[error("failed to parse int from {text}: strconv.Atoi: parsing {}: {reason}", quote(.text))]
    Number {
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A number below 0.
    #[error("negative number ({number}) not allowed: {text}")]
    Negative { number: i64, text: String },
}

impl Field {
    /// Reads a list of ranges. Empty parts of the list are skipped, so `,` is a field that nothing matches.
    pub(super) fn parse(text: &str, bounds: &Bounds) -> Result<Self, ParseFieldError> {
        let mut field = Self {
            numbers: 0,
            star: false,
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let Self { numbers, star } = Self::range(part, bounds)?;
            field.numbers |= numbers;
            field.star |= star;
        }
        Ok(field)
    }

    /// Whether `number` is in the set.
    pub(super) fn contains(self, number: i8) -> bool {
        (0..64).contains(&number) && self.numbers >> number & 1 == 1
    }

    /// The numbers, in order.
    pub(super) fn numbers(self) -> impl Iterator<Item = i8> {
        (0..64).filter(move |number| self.contains(*number))
    }

    /// Whether the field was written `*` or `?`, by itself or in a list, with no step but 1.
    pub(super) fn star(self) -> bool {
        self.star
    }

    /// Reads `*`, `a`, `a-b`, each with or without `/n`. `a/n` goes to the end of the field.
    fn range(text: &str, bounds: &Bounds) -> Result<Self, ParseFieldError> {
        let mut slashes = text.split('/');
        let (range, step, more) = (slashes.next().unwrap_or_default(), slashes.next(), slashes.next());
        let mut hyphens = range.split('-');
        let (first, second, third) = (hyphens.next().unwrap_or_default(), hyphens.next(), hyphens.next());
        let mut star = matches!(first, "*" | "?");
        let (start, mut end) = if star {
            (bounds.least.into(), bounds.most.into())
        } else {
            let start = number_or_name(first, bounds)?;
            match (second, third) {
                (None, _) => (start, start),
                (Some(second), None) => (start, number_or_name(second, bounds)?),
                (Some(_), Some(_)) => return Err(ParseFieldError::Hyphens(text.to_owned())),
            }
        };
        if more.is_some() {
            return Err(ParseFieldError::Slashes(text.to_owned()));
        }
        let step = step.map(number).transpose()?;
        if step.is_some() && second.is_none() {
            end = bounds.most.into();
        }
        let step = step.unwrap_or(1);
        star &= step <= 1;
        check(start, end, step, bounds, text)?;
        let mut numbers = 0;
        let mut at = start;
        while at <= end {
            numbers |= 1 << at;
            at = at.saturating_add(step);
        }
        Ok(Self { numbers, star })
    }
}

fn check(start: u64, end: u64, step: u64, bounds: &Bounds, text: &str) -> Result<(), ParseFieldError> {
    let text = || text.to_owned();
    let Bounds { least, most, .. } = *bounds;
    if start < least.into() {
        return Err(ParseFieldError::Below {
            start,
            least,
            text: text(),
        });
    }
    if end > most.into() {
        return Err(ParseFieldError::Above {
            end,
            most,
            text: text(),
        });
    }
    if start > end {
        return Err(ParseFieldError::Backwards {
            start,
            end,
            text: text(),
        });
    }
    if step == 0 {
        return Err(ParseFieldError::Step(text()));
    }
    Ok(())
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, ParseFieldError> {
    let lower = text.to_lowercase();
    let named = (u64::from(bounds.least)..)
        .zip(bounds.names)
        .find(|(_, name)| **name == lower);
    named.map_or_else(|| number(text), |(value, _)| Ok(value))
}

fn number(text: &str) -> Result<u64, ParseFieldError> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};

    match text.parse::<i64>() {
        Ok(number) => u64::try_from(number).map_err(|_| ParseFieldError::Negative {
            number,
            text: text.to_owned(),
        }),
        Err(error) => Err(ParseFieldError::Number {
            text: text.to_owned(),
            reason: match error.kind() {
                PosOverflow | NegOverflow => "value out of range",
                _ => "invalid syntax",
            },
        }),
    }
}
