//! Kubernetes' own rules for names and labels, with the API server's texts.
//!
//! Each function lists what is wrong, nothing when all is well. The regular expressions are only printed: the rules are
//! plain character classes.

const DNS_1035_LABEL: Form = Form {
    rule: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, \
           and end with an alphanumeric character",
    examples: "'my-name',  or 'abc-123', ",
    expression: "[a-z]([-a-z0-9]*[a-z0-9])?",
};
const DNS_1123_LABEL: Form = Form {
    rule: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
           with an alphanumeric character",
    examples: "'my-name',  or '123-abc', ",
    expression: "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
};
const DNS_1123_SUBDOMAIN: Form = Form {
    rule: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
           and end with an alphanumeric character",
    examples: "'example.com', ",
    expression: r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
};
const LABEL_NAME: Form = Form {
    rule: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: "'MyName',  or 'my.name',  or '123-abc', ",
    expression: "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
};
const LABEL_VALUE: Form = Form {
    rule: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
           and end with an alphanumeric character",
    examples: "'MyValue',  or 'my_value',  or '12345', ",
    expression: "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
};

const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

/// What a text must look like, in words, examples and as an expression.
struct Form {
    rule: &'static str,
    examples: &'static str,
    expression: &'static str,
}

impl Form {
    fn text(&self) -> String {
        let Self {
            rule,
            examples,
            expression,
        } = self;
        format!("{rule} (e.g. {examples}regex used for validation is '{expression}')")
    }
}

/// Why `value` is no DNS-1035 label: the names of Services, hence of everything that has one.
pub fn dns_1035_label(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > MAX_LABEL {
        wrong.push(format!("must be no more than {MAX_LABEL} characters"));
    }
    if !(is_dns_1123_label(value) && value.starts_with(|c: char| c.is_ascii_lowercase())) {
        wrong.push(DNS_1035_LABEL.text());
    }
    wrong
}

/// Why `value` is no DNS-1123 label.
pub fn dns_1123_label(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > MAX_LABEL {
        wrong.push(format!("must be no more than {MAX_LABEL} characters"));
    }
    if !is_dns_1123_label(value) {
        let dots = is_dns_1123_subdomain(value);
        wrong.push(if dots {
            "must not contain dots".to_owned()
        } else {
            DNS_1123_LABEL.text()
        });
    }
    wrong
}

/// Why `value` is no DNS-1123 subdomain: the names of most objects.
pub fn dns_1123_subdomain(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > MAX_SUBDOMAIN {
        wrong.push(format!("must be no more than {MAX_SUBDOMAIN} characters"));
    }
    if !is_dns_1123_subdomain(value) {
        wrong.push(DNS_1123_SUBDOMAIN.text());
    }
    wrong
}

/// Why `key` is no qualified name, the form of label keys: a name, or `domain/name`.
pub fn qualified_name(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            wrong.extend(
                label_prefix(prefix)
                    .into_iter()
                    .map(|text| format!("prefix part {text}")),
            );
            name
        }
        _ => {
            let form = LABEL_NAME.text();
            return vec![format!(
                "a valid label key {form} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_LABEL {
        wrong.push(format!("name part must be no more than {MAX_LABEL} bytes"));
    }
    if !is_label_name(name) {
        wrong.push(format!("name part {}", LABEL_NAME.text()));
    }
    wrong
}

/// Why `value` is no value of a label.
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > MAX_LABEL {
        wrong.push(format!("must be no more than {MAX_LABEL} bytes"));
    }
    if !value.is_empty() && !is_label_name(value) {
        wrong.push(LABEL_VALUE.text());
    }
    wrong
}

fn label_prefix(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["must be non-empty".to_owned()];
    }
    let mut wrong = Vec::new();
    if prefix.len() > MAX_SUBDOMAIN {
        wrong.push(format!("must be no more than {MAX_SUBDOMAIN} bytes"));
    }
    if !is_dns_1123_subdomain(prefix) {
        wrong.push(DNS_1123_SUBDOMAIN.text());
    }
    wrong
}

fn is_dns_1123_label(value: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    value.starts_with(alphanumeric)
        && value.ends_with(alphanumeric)
        && value.chars().all(|c| alphanumeric(c) || c == '-')
}

fn is_dns_1123_subdomain(value: &str) -> bool {
    value.split('.').all(is_dns_1123_label)
}

fn is_label_name(value: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    value.starts_with(alphanumeric)
        && value.ends_with(alphanumeric)
        && value.chars().all(|c| alphanumeric(c) || matches!(c, '-' | '_' | '.'))
}

/// Go's print of a list of texts: `[a b]`.
pub(super) fn go_list(texts: &[String]) -> String {
    format!("[{}]", texts.join(" "))
}
