//! Versions of Ray as users write them: `2.52.0`, `v2.52`, `2.52.0rc1`.
//!
//! A "generic" version, not a semantic one: at least two numbers, and whatever follows the numbers is ignored, so a
//! release candidate or a nightly suffix counts as the release itself. A bare `2` and `nightly` are no versions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::go_quote::quote;

/// A parsed version. Missing numbers compare as 0.
#[derive(Clone, Debug)]
pub struct RayVersion(Vec<u64>);

/// Why a text is no version; the texts are those of the library that KubeRay uses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRayVersionError {
    /// Does not start with a number.
    #[error("could not parse {} as version", quote(.0))]
    Form(String),
    /// One number only.
    #[error("illegal version string {}", quote(.0))]
    TooShort(String),
    /// The first number starts with 0.
    #[error("illegal zero-prefixed version component {} in {}", quote(.0), quote(.1))]
    ZeroPrefix(String, String),
    /// A number beyond 64 bits.
    #[error(
        "illegal non-numeric version component {} in {}: strconv.ParseUint: parsing {}: value out of range",
        quote(.0), quote(.1), quote(.0)
    )]
    TooLarge(String, String),
}

impl RayVersion {
    /// The version `major.minor`.
    pub fn new(major: u64, minor: u64) -> Self {
        Self(vec![major, minor, 0])
    }

    fn number(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl FromStr for RayVersion {
    type Err = ParseRayVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ParseRayVersionError::Form(text.to_owned());
        let rest = text.trim_start_matches([' ', '\t', '\n', '\x0c', '\r']);
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let (numbers, extra) = rest.split_at(numbers_end(rest));
        if numbers.is_empty() || extra.contains('\n') {
            return Err(form());
        }
        let parts: Vec<_> = numbers.split('.').collect();
        if parts.len() < 2 {
            return Err(ParseRayVersionError::TooShort(text.to_owned()));
        }
        if parts[0].starts_with('0') && parts[0] != "0" {
            return Err(ParseRayVersionError::ZeroPrefix(parts[0].to_owned(), text.to_owned()));
        }
        let number = |part: &&str| {
            part.parse()
                .map_err(|_| ParseRayVersionError::TooLarge((*part).to_owned(), text.to_owned()))
        };
        parts.iter().map(number).collect::<Result<_, _>>().map(Self)
    }
}

/// Where the leading `1.2.3` of `text` ends. A dot belongs to it only when a digit follows.
fn numbers_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while digit(end) || (end > 0 && bytes.get(end) == Some(&b'.') && digit(end + 1)) {
        end += 1;
    }
    end
}

impl Ord for RayVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        (0..self.0.len().max(other.0.len()))
            .map(|index| self.number(index).cmp(&other.number(index)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for RayVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RayVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RayVersion {}

impl fmt::Display for RayVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2.52.0", "2.52.0")]
    #[case("v2.52", "2.52")]
    #[case(" \t2.52.0 ", "2.52.0")]
    #[case("2.52.0rc1", "2.52.0")]
    #[case("2.52.0.dev0", "2.52.0")]
    #[case("2.52.", "2.52")]
    #[case("2.052.1-py310", "2.52.1")]
    #[case("3.0.0.0.1", "3.0.0.0.1")]
    fn reads_what_counts_as_a_version(#[case] text: &str, #[case] want: &str) {
        assert_eq!(text.parse::<RayVersion>().unwrap().to_string(), want);
    }

    #[rstest]
    #[case("nightly", r#"could not parse "nightly" as version"#)]
    #[case("", r#"could not parse "" as version"#)]
    #[case("V2.52.0", r#"could not parse "V2.52.0" as version"#)]
    #[case("v 2.52.0", r#"could not parse "v 2.52.0" as version"#)]
    #[case("2.52.0\n", r#"could not parse "2.52.0\n" as version"#)]
    #[case("3", r#"illegal version string "3""#)]
    #[case("2-52", r#"illegal version string "2-52""#)]
    #[case("02.52.0", r#"illegal zero-prefixed version component "02" in "02.52.0""#)]
    #[case(
        "2.99999999999999999999",
        r#"illegal non-numeric version component "99999999999999999999" in "2.99999999999999999999": strconv.ParseUint: parsing "99999999999999999999": value out of range"#
    )]
    fn says_what_is_no_version(#[case] text: &str, #[case] want: &str) {
        assert_eq!(text.parse::<RayVersion>().unwrap_err().to_string(), want);
    }

    #[test]
    fn missing_numbers_are_zero() {
        let parse = |text: &str| text.parse::<RayVersion>().unwrap();
        assert_eq!(parse("2.52"), parse("2.52.0"));
        assert!(parse("2.52") < parse("2.52.0.1"));
        assert!(parse("2.9.3") < RayVersion::new(2, 52));
        assert!(parse("10.0") > RayVersion::new(2, 52));
        assert_eq!(parse("2.52.0rc1"), RayVersion::new(2, 52));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[v 0-9.a\n]{0,12}") {
            let _ = text.parse::<RayVersion>();
        }
    }
}
