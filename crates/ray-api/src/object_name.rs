//! Names that become part of an address.
//!
//! A name in a spec, a status or an annotation is any text, and in a path or a host `/`, `?`, `#`, `@` and `..` lead
//! elsewhere. Only an [`ObjectName`] goes into the path of a call, the host of a dashboard or a selector. Whoever holds one
//! needs no second look.

use std::fmt;

use crate::validate::kubernetes_names::{dns_1123_label, dns_1123_subdomain};

/// How much of a wrong name is shown.
const MOST_SHOWN: usize = 63;

/// A name that Kubernetes accepts for objects: a DNS-1123 subdomain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// A text that no object can have as its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not a name of an object: {rule}")]
pub struct InvalidName {
    /// The start of it.
    shown: String,
    /// What it breaks.
    rule: String,
}

impl ObjectName {
    /// `text`, if an object can have that name.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let wrong = dns_1123_subdomain(text);
        if wrong.is_empty() {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidName {
            shown: text.chars().take(MOST_SHOWN).collect(),
            rule: wrong.join("; "),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a single label, as the names of namespaces and Services are.
    pub fn is_label(&self) -> bool {
        dns_1123_label(&self.0).is_empty()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        for text in [
            "",
            "?watch=true&x=",
            "?x=",
            "169.254.169.254/latest/meta-data?x=",
            "..",
            ".",
            "a/b",
            "a%2fb",
            "a@b",
            "a#b",
            "a:80",
            "A",
            "-a",
            "a\n",
            "ä",
            &"a".repeat(254),
        ] {
            assert!(ObjectName::new(text).is_err(), "{text:?}");
        }
        for text in ["a", "0", "raycluster-sample-head-svc", "a.b", &["a"; 126].join(".")] {
            assert_eq!(ObjectName::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_label_has_no_dots_and_an_end() {
        let is_label = |text: &str| ObjectName::new(text).unwrap().is_label();
        assert!(is_label("head-svc") && is_label("0a"));
        assert!(!is_label("a.b") && !is_label(&"a".repeat(64)));
    }

    #[test]
    fn a_wrong_name_is_shown_in_part() {
        let error = ObjectName::new(&"?".repeat(1 << 20)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{:?} is not a name of an object: must be", "?".repeat(63))),
            "{error}"
        );
        assert!(error.len() < 500, "{error}");
    }

    proptest! {
        #[test]
        fn a_name_stands_for_itself_in_a_path_and_in_a_host(text in "[ -~]{0,12}") {
            if let Ok(name) = ObjectName::new(&text) {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
                prop_assert!(name.as_str().chars().all(plain) && !name.as_str().contains(".."));
            }
        }
    }
}
