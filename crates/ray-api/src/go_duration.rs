//! Durations as Go writes them: `1h30m`, `-1.5s`, `300ms`.
//!
//! Users write them in annotations and schedules, and messages print them, so both directions are exact: 64 bits of
//! nanoseconds, and what does not fit is refused.

use std::fmt;
use std::str::FromStr;

use crate::go_quote::quote;

/// A length of time, possibly negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration {
    nanoseconds: i64,
}

/// Why a text is no duration; Go's texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseGoDurationError {
    /// Not of the form, or too long to count in nanoseconds.
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    /// A unit that Go does not know; there are no days.
    #[error("time: unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit {
        unit: String,
        /// The whole text.
        text: String,
    },
}

const SECOND: i64 = 1_000_000_000;

impl GoDuration {
    /// From nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self { nanoseconds }
    }

    /// From seconds; the longest duration (292 years) when there are more.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self {
            nanoseconds: seconds.saturating_mul(SECOND),
        }
    }

    /// In nanoseconds.
    pub const fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }

    /// In seconds, towards zero.
    pub const fn seconds(self) -> i64 {
        self.nanoseconds / SECOND
    }

    /// Whether it is longer than nothing.
    pub const fn is_positive(self) -> bool {
        self.nanoseconds > 0
    }
}

impl FromStr for GoDuration {
    type Err = ParseGoDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let invalid = || ParseGoDurationError::Invalid(text.to_owned());
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let part;
            (part, rest) = part_of(rest, text)?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum <= 1 << 63)
                .ok_or_else(invalid)?;
        }
        let nanoseconds = if negative {
            0_i64.checked_sub_unsigned(total)
        } else {
            i64::try_from(total).ok()
        };
        nanoseconds.map(Self::from_nanoseconds).ok_or_else(invalid)
    }
}

/// Reads one number with its unit off the start of `rest`: nanoseconds and what follows.
fn part_of<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), ParseGoDurationError> {
    let invalid = || ParseGoDurationError::Invalid(text.to_owned());
    let (whole, after) = split_digits(rest);
    let (fraction, after) = after.strip_prefix('.').map_or(("", after), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = after
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    let scale: u64 = match unit {
        "" => return Err(ParseGoDurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => {
            return Err(ParseGoDurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
    };
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| invalid())?
    };
    let nanoseconds = whole
        .checked_mul(scale)
        .filter(|product| *product <= 1 << 63)
        .ok_or_else(invalid)?;
    Ok((nanoseconds + fraction_of(fraction, scale), after))
}

/// `0.fraction` of `scale` nanoseconds, in floating point as in Go, so that `0.3333333333333333333h` is 20 minutes.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rounding of these very casts is the contract; the product is positive and below `scale`"
)]
fn fraction_of(fraction: &str, scale: u64) -> u64 {
    let (mut value, mut unit) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        if value > i64::MAX as u64 / 10 {
            break;
        }
        value = value * 10 + u64::from(digit - b'0');
        unit *= 10.0;
    }
    (value as f64 * (scale as f64 / unit)) as u64
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl fmt::Display for GoDuration {
    /// As Go prints it: `1h30m0s`, `1.5s`, `300ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.nanoseconds.unsigned_abs();
        if self.nanoseconds < 0 {
            f.write_str("-")?;
        }
        match total {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{total}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", decimal(total, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(total, 1_000_000)),
            _ => {
                let minutes = total / 60_000_000_000;
                let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => write!(f, "{seconds}s"),
                    (0, minutes) => write!(f, "{minutes}m{seconds}s"),
                    (hours, minutes) => write!(f, "{hours}h{minutes}m{seconds}s"),
                }
            }
        }
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let fraction = value % unit;
    if fraction == 0 {
        return (value / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}", value / unit, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    /// What Go's `time` answers; made by `hack/spec-hash/durations`.
    const VECTORS: &str = include_str!("go_duration/vectors.json");

    #[derive(Deserialize)]
    struct Vector {
        text: String,
        /// Absent when the text is refused.
        nanoseconds: Option<i64>,
        #[serde(default)]
        string: String,
    }

    #[test]
    fn answers_as_go_does() {
        for vector in serde_json::from_str::<Vec<Vector>>(VECTORS).unwrap() {
            let duration = vector.text.parse::<GoDuration>().ok();
            let found = duration.map(|duration| (duration.nanoseconds(), duration.to_string()));
            let expected = vector.nanoseconds.map(|nanoseconds| (nanoseconds, vector.string));
            assert_eq!(found, expected, "{:?}", vector.text);
        }
    }

    #[rstest]
    #[case("0", 0, "0s")]
    #[case("-0", 0, "0s")]
    #[case("5s", 5_000_000_000, "5s")]
    #[case("+5m", 300_000_000_000, "5m0s")]
    #[case("-5m", -300_000_000_000, "-5m0s")]
    #[case("1h30m", 5_400_000_000_000, "1h30m0s")]
    #[case(".5s", 500_000_000, "500ms")]
    #[case("1.s", 1_000_000_000, "1s")]
    #[case("1.5s", 1_500_000_000, "1.5s")]
    #[case("100ms", 100_000_000, "100ms")]
    #[case("3us", 3_000, "3\u{b5}s")]
    #[case("3\u{3bc}s", 3_000, "3\u{b5}s")]
    #[case("1ns", 1, "1ns")]
    #[case("0.3333333333333333333h", 1_200_000_000_000, "20m0s")]
    #[case("1h1h", 7_200_000_000_000, "2h0m0s")]
    #[case("9223372036854775807ns", i64::MAX, "2562047h47m16.854775807s")]
    #[case("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s")]
    fn reads_and_prints(#[case] text: &str, #[case] nanoseconds: i64, #[case] printed: &str) {
        let duration: GoDuration = text.parse().unwrap();
        assert_eq!(
            (duration.nanoseconds(), duration.to_string().as_str()),
            (nanoseconds, printed)
        );
    }

    #[rstest]
    #[case("", r#"time: invalid duration """#)]
    #[case("invalid", r#"time: invalid duration "invalid""#)]
    #[case("-", r#"time: invalid duration "-""#)]
    #[case(".s", r#"time: invalid duration ".s""#)]
    #[case("-100", r#"time: missing unit in duration "-100""#)]
    #[case("1d", r#"time: unknown unit "d" in duration "1d""#)]
    #[case("1 s", r#"time: unknown unit " s" in duration "1 s""#)]
    #[case("3000000h", r#"time: invalid duration "3000000h""#)]
    #[case("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#)]
    fn says_what_is_wrong(#[case] text: &str, #[case] want: &str) {
        assert_eq!(text.parse::<GoDuration>().unwrap_err().to_string(), want);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(nanoseconds: i64) {
            let duration = GoDuration::from_nanoseconds(nanoseconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn any_text_is_answered(text in "[-+.0-9hmsnu\u{b5} x]{0,24}") {
            let _ = text.parse::<GoDuration>();
        }
    }
}
