//! Kubernetes quantities, exact in value and in text.
//!
//! Decides what `1.5Gi + 1G` is and how it is written: as Go's `resource.Quantity` (apimachinery v0.36) does, so that
//! resources in status, `ray start` flags and the spec hash are the same bytes that KubeRay writes.
//!
//! Traps, all of them Go's:
//! - The format (`Gi`, `G`, `e9`) of a sum is that of the first operand, but a zero takes the other operand's.
//! - A text that *looks* canonical is kept as it was written until the first arithmetic: `007`, `5.`, `+1`, `1.500` and
//!   `1e+3` print as themselves, `0.5`, `1.5` and `1000` do not.
//! - What is finer than a nano-unit is rounded away from zero, binary suffixes end at 2^63-1, decimal ones nowhere.
//! - The decimal suffixes end at `E` and the binary ones at `Ei`: a multiple of 1000E prints without any suffix.
//! - [`Quantity::as_approximate_f64`] multiplies by a power of ten, so `0.3` gives 0.30000000000000004 and `300m` 0.3.
//!
//! Unlike Go, which then answers with arbitrary bits, [`Quantity::value`] and [`Quantity::milli_value`] saturate; so do
//! sums and products beyond 1.7e29, and a text beyond that is refused.

mod text;

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Mul, MulAssign, Sub, SubAssign};
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

/// Nano-units in one unit.
const NANOS: i128 = 1_000_000_000;
/// Nano-units in one milli-unit.
const NANOS_PER_MILLI: i128 = 1_000_000;
/// The power of ten of a nano-unit.
const NANO_EXPONENT: i8 = -9;

/// An amount of a resource. Equality and order are those of the value, whatever the text.
#[derive(Clone, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    /// Power of ten that Go keeps the number with; only the rounding of [`Self::as_approximate_f64`] shows it.
    exponent: i8,
    /// The text as it was written, when Go keeps that.
    written: Option<Box<str>>,
}

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Format {
    /// `12M`
    #[default]
    DecimalSuffix,
    /// `12e6`
    DecimalExponent,
    /// `12Mi`
    BinarySuffix,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not digits with an optional sign, point and suffix.
    #[error("{0:?} is not a quantity: want a number and an optional suffix, for example 500m, 1.5Gi or 2e3")]
    Number(String),
    /// An unknown suffix.
    #[error("{0:?} is not a quantity: its suffix is none of n u m k M G T P E Ki Mi Gi Ti Pi Ei, nor an exponent")]
    Suffix(String),
    /// Beyond what is calculated with.
    #[error("{0:?} is not a quantity: its magnitude is above 1.7e29")]
    TooLarge(String),
}

impl Quantity {
    /// A whole number of units, without a suffix.
    pub fn from_integer(units: i64) -> Self {
        Self {
            nanos: i128::from(units) * NANOS,
            ..Self::default()
        }
    }

    /// Whether the amount is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whole units, rounded away from zero; saturates.
    pub fn value(&self) -> i64 {
        saturate(divide_away_from_zero(self.nanos, NANOS))
    }

    /// Thousandths of a unit, rounded away from zero; saturates.
    pub fn milli_value(&self) -> i64 {
        saturate(divide_away_from_zero(self.nanos, NANOS_PER_MILLI))
    }

    /// The amount as a float, with Go's rounding.
    pub fn as_approximate_f64(&self) -> f64 {
        let steps = u32::try_from(self.exponent - NANO_EXPONENT).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "approximate by contract")]
        let number = (self.nanos / 10_i128.pow(steps)) as f64;
        // The parser rounds correctly, unlike `powi`.
        number * format!("1e{}", self.exponent).parse().unwrap_or(1.0)
    }

    /// `self` with `nanos` instead, in the format that Go gives a sum.
    fn sum(&mut self, nanos: i128, other: &Self) {
        if self.is_zero() {
            self.format = other.format;
            self.exponent = other.exponent;
        } else if !other.is_zero() {
            self.exponent = self.exponent.min(other.exponent);
        }
        self.nanos = nanos;
        self.written = None;
    }
}

fn divide_away_from_zero(number: i128, divisor: i128) -> i128 {
    let quotient = number / divisor;
    if number % divisor == 0 {
        quotient
    } else {
        quotient + number.signum()
    }
}

fn saturate(number: i128) -> i64 {
    let limit = if number < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(number).unwrap_or(limit)
}

impl AddAssign<&Self> for Quantity {
    fn add_assign(&mut self, other: &Self) {
        self.sum(self.nanos.saturating_add(other.nanos), other);
    }
}

impl Add<&Self> for Quantity {
    type Output = Self;

    fn add(mut self, other: &Self) -> Self {
        self += other;
        self
    }
}

impl SubAssign<&Self> for Quantity {
    fn sub_assign(&mut self, other: &Self) {
        self.sum(self.nanos.saturating_sub(other.nanos), other);
    }
}

impl Sub<&Self> for Quantity {
    type Output = Self;

    fn sub(mut self, other: &Self) -> Self {
        self -= other;
        self
    }
}

impl MulAssign<i64> for Quantity {
    fn mul_assign(&mut self, factor: i64) {
        self.nanos = self.nanos.saturating_mul(i128::from(factor));
        self.written = None;
    }
}

impl Mul<i64> for Quantity {
    type Output = Self;

    fn mul(mut self, factor: i64) -> Self {
        self *= factor;
        self
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(written: &str) -> Result<Self, QuantityError> {
        text::parse(written)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => f.write_str(written),
            None => text::write(self.nanos, self.format, f),
        }
    }
}

impl TryFrom<&Text> for Quantity {
    type Error = QuantityError;

    fn try_from(text: &Text) -> Result<Self, QuantityError> {
        text.0.parse()
    }
}

impl From<&Quantity> for Text {
    fn from(quantity: &Quantity) -> Self {
        Self(quantity.to_string())
    }
}

#[cfg(test)]
mod tests;
