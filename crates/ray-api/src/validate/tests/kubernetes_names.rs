use proptest::prelude::*;
use rstest::rstest;

use crate::validate::kubernetes_names::{dns_1035_label, dns_1123_label, label_value, qualified_name};

const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                    character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const SUBDOMAIN: &str = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                         and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

#[rstest]
#[case::plain("zone", &[])]
#[case::with_a_domain("ray.io/Zone_1.a", &[])]
#[case::empty("", &["name part must be non-empty", NAME])]
#[case::no_prefix("/a", &["prefix part must be non-empty"])]
#[case::no_name("a/", &["name part must be non-empty", NAME])]
#[case::bad_prefix_and_name("A_/-", &[SUBDOMAIN, NAME])]
#[case::prefix_with_two_dots("a..b/c", &[SUBDOMAIN])]
fn qualified_names(#[case] key: &str, #[case] want: &[&str]) {
    assert_eq!(qualified_name(key), want);
}

#[test]
fn lengths_are_bounded() {
    assert_eq!(
        qualified_name(&"a".repeat(64)),
        ["name part must be no more than 63 bytes"]
    );
    let prefix = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)].join(".");
    assert_eq!(
        qualified_name(&format!("{prefix}/a")),
        ["prefix part must be no more than 253 bytes"]
    );
    assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    assert_eq!(dns_1123_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
    assert_eq!(dns_1035_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
}

#[rstest]
#[case::empty("", true)]
#[case::plain("A1.b_c-d", true)]
#[case::leading_dash("-a", false)]
#[case::trailing_dot("a.", false)]
#[case::blank("a b", false)]
#[case::letters_of_other_alphabets("\u{e9}", false)]
fn label_values(#[case] value: &str, #[case] valid: bool) {
    assert_eq!(label_value(value).is_empty(), valid);
}

proptest! {
    #[test]
    fn labels_of_services_are_labels_of_pods(value in "[a-zA-Z0-9._-]{0,8}") {
        if dns_1035_label(&value).is_empty() {
            prop_assert_eq!(dns_1123_label(&value), Vec::<String>::new());
            prop_assert_eq!(label_value(&value), Vec::<String>::new());
            prop_assert_eq!(qualified_name(&value), Vec::<String>::new());
        }
    }
}
