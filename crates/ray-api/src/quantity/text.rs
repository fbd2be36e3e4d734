//! The text of a quantity: read as Go reads it, written in canonical form.
//!
//! Go's reader is laxer than its own regular expression: a missing number is zero (`.`, `-`, `k`, `e5`).

use std::fmt;

use super::{Format, NANO_EXPONENT, NANOS, Quantity, QuantityError};

/// Suffixes of the powers of 1000, from nano on.
const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// Suffixes of the powers of 1024.
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Decimal digits that are sure to fit an `i64`; longer numbers take Go's slow path, which shows in the text.
const SHORT_DIGITS: i32 = 18;
/// The same for numbers with a binary suffix, less the digits of that suffix.
const SHORT_BINARY_DIGITS: i32 = 14;
/// Nano-units with more digits than this are above the bound.
const MOST_DIGITS: i64 = 39;

/// A text taken apart.
struct Parts<'a> {
    negative: bool,
    /// Digits before the point, without leading zeros; `0` when there is none.
    whole: &'a str,
    /// Digits after the point.
    fraction: &'a str,
    suffix: &'a str,
}

/// What a suffix multiplies by.
#[derive(Clone, Copy)]
enum Scale {
    /// 10 to the power, as a suffix or an exponent.
    Ten(i64, Format),
    /// 2 to the power.
    Two(u8),
}

pub(super) fn parse(written: &str) -> Result<Quantity, QuantityError> {
    let parts = split(written).ok_or_else(|| QuantityError::Number(written.to_owned()))?;
    let scale = scale(parts.suffix).ok_or_else(|| QuantityError::Suffix(written.to_owned()))?;
    let quantity = match scale {
        Scale::Ten(exponent, format) => decimal(written, &parts, exponent, format),
        Scale::Two(exponent) => binary(written, &parts, exponent),
    };
    quantity.ok_or_else(|| QuantityError::TooLarge(written.to_owned()))
}

/// Splits off the first characters of `text` that are in `allowed`.
fn take(text: &str, allowed: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !allowed(byte)).unwrap_or(text.len());
    text.split_at(end)
}

fn split(text: &str) -> Option<Parts<'_>> {
    if text.is_empty() {
        return None;
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (_, significant) = take(unsigned, |byte| byte == b'0');
    let (whole, rest) = take(significant, |byte| byte.is_ascii_digit());
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => take(rest, |byte| byte.is_ascii_digit()),
        None => ("", rest),
    };
    let (_, exponent) = take(suffix, |byte| b"eEinumkKMGTP".contains(&byte));
    let (_, end) = take(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), |byte| {
        byte.is_ascii_digit()
    });
    end.is_empty().then_some(Parts {
        negative,
        whole: if whole.is_empty() { "0" } else { whole },
        fraction,
        suffix,
    })
}

fn scale(suffix: &str) -> Option<Scale> {
    if let Some(power) = (-3..).zip(DECIMAL_SUFFIXES).find(|(_, name)| *name == suffix) {
        return Some(Scale::Ten(power.0 * 3, Format::DecimalSuffix));
    }
    if let Some(power) = (0..).zip(BINARY_SUFFIXES).find(|(_, name)| *name == suffix) {
        return Some(Scale::Two(power.0 * 10));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some(Scale::Ten(exponent.parse().ok()?, Format::DecimalExponent))
}

/// Digits times ten to the power in nano-units, rounded up; `None` when too large.
fn nanos(digits: &str, power: i64) -> Option<i128> {
    let digits = digits.trim_start_matches('0');
    let power = power.saturating_sub(i64::from(NANO_EXPONENT));
    let length = i64::try_from(digits.len()).ok()?;
    if digits.is_empty() {
        return Some(0);
    }
    if length.saturating_add(power) > MOST_DIGITS {
        return None;
    }
    if power >= 0 {
        let factor = 10_i128.checked_pow(u32::try_from(power).ok()?)?;
        return digits.parse::<i128>().ok()?.checked_mul(factor);
    }
    let kept = usize::try_from(length.saturating_add(power)).unwrap_or(0);
    let (kept, dropped) = digits.split_at(kept);
    let number = if kept.is_empty() { 0 } else { kept.parse::<i128>().ok()? };
    Some(number + i128::from(dropped.bytes().any(|digit| digit != b'0')))
}

fn decimal(written: &str, parts: &Parts<'_>, exponent: i64, format: Format) -> Option<Quantity> {
    let digits = [parts.whole, parts.fraction].concat();
    let places = i64::try_from(parts.fraction.len()).ok()?;
    let power = exponent.saturating_sub(places);
    let magnitude = nanos(&digits, power)?;
    let short = length(&digits) <= SHORT_DIGITS && power >= i64::from(NANO_EXPONENT);
    let canonical = power % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
    // A zero may have any exponent: its float is zero.
    let exponent = if short {
        i8::try_from(power).unwrap_or_default()
    } else {
        NANO_EXPONENT
    };
    Some(Quantity {
        nanos: if parts.negative { -magnitude } else { magnitude },
        format,
        exponent: if magnitude == 0 { 0 } else { exponent },
        written: (short && canonical).then(|| written.into()),
    })
}

fn binary(written: &str, parts: &Parts<'_>, exponent: u8) -> Option<Quantity> {
    let room = SHORT_BINARY_DIGITS - i32::from(exponent) * 3 / 10;
    if parts.fraction.is_empty() && length(parts.whole) <= room {
        let number: i128 = parts.whole.parse().ok()?;
        let magnitude = (number << exponent) * NANOS;
        return Some(Quantity {
            nanos: if parts.negative { -magnitude } else { magnitude },
            format: Format::BinarySuffix,
            exponent: 0,
            written: (number % 8 != 0).then(|| written.into()),
        });
    }
    let (magnitude, capped) = long_binary(parts, 1 << exponent);
    let below_one = magnitude > 0 && magnitude < NANOS;
    Some(Quantity {
        nanos: if parts.negative { -magnitude } else { magnitude },
        format: if below_one {
            Format::DecimalSuffix
        } else {
            Format::BinarySuffix
        },
        exponent: if capped || magnitude == 0 { 0 } else { NANO_EXPONENT },
        written: None,
    })
}

/// Nano-units of a number with a binary suffix, at most 2^63-1 units, and whether that bound was met.
fn long_binary(parts: &Parts<'_>, factor: u128) -> (i128, bool) {
    const MOST: i128 = i64::MAX as i128 * NANOS;
    let digits = multiply(&[parts.whole, parts.fraction].concat(), factor);
    let places = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    match nanos(&digits, -places) {
        Some(magnitude) if magnitude <= MOST => (magnitude, false),
        _ => (MOST, true),
    }
}

/// The digits of a product, by hand since the number has any length.
fn multiply(digits: &str, factor: u128) -> String {
    let mut product = Vec::with_capacity(digits.len());
    let mut carry = 0;
    for digit in digits.bytes().rev() {
        carry += u128::from(digit - b'0') * factor;
        product.push(carry % 10);
        carry /= 10;
    }
    let rest = carry.to_string();
    rest.chars()
        .chain(
            product
                .iter()
                .rev()
                .filter_map(|digit| char::from_digit(u32::try_from(*digit).ok()?, 10)),
        )
        .collect()
}

fn length(digits: &str) -> i32 {
    i32::try_from(digits.len()).unwrap_or(i32::MAX)
}

/// Writes the canonical form: no fraction, the largest suffix.
pub(super) fn write(nanos: i128, format: Format, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if nanos == 0 {
        return f.write_str("0");
    }
    let whole = nanos % NANOS == 0;
    let small = nanos > -1024 * NANOS && nanos < 1024 * NANOS;
    if format == Format::BinarySuffix && whole && !small {
        let (number, power) = reduce(nanos / NANOS, 1024);
        return write!(f, "{number}{}", BINARY_SUFFIXES.get(power).unwrap_or(&""));
    }
    let (number, power) = reduce(nanos, 1000);
    if format == Format::DecimalExponent {
        let exponent = 3 * i32::try_from(power).unwrap_or_default() + i32::from(NANO_EXPONENT);
        return match exponent {
            0 => write!(f, "{number}"),
            _ => write!(f, "{number}e{exponent}"),
        };
    }
    write!(f, "{number}{}", DECIMAL_SUFFIXES.get(power).unwrap_or(&""))
}

/// Divides by `base` as long as nothing remains: the quotient and how often.
fn reduce(mut number: i128, base: i128) -> (i128, usize) {
    let mut power = 0;
    while number != 0 && number % base == 0 {
        number /= base;
        power += 1;
    }
    (number, power)
}
