//! CEL rules, as far as the definitions use them.
//!
//! Understood are `self == oldSelf`, `self in ['a', 'b']`, `has(self.field)`, `!`, `&&`, `||` and parentheses. Any other
//! rule fails to compile, so that none is ignored.

use std::iter::Peekable;
use std::vec::IntoIter;

use anyhow::{Context, bail};
use serde_json::Value;

/// A rule and what is said when it is broken.
#[derive(Clone, Debug)]
pub struct Rule {
    expression: Expression,
    /// What is said.
    pub message: String,
}

#[derive(Clone, Debug)]
enum Expression {
    Unchanged,
    In(Vec<String>),
    Has(String),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

impl Rule {
    /// Compiles an entry of `x-kubernetes-validations`.
    pub fn new(entry: &Value) -> anyhow::Result<Self> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let source = text("rule").context("a rule without a rule")?;
        let mut tokens = tokens(source).into_iter().peekable();
        let expression = any(&mut tokens).with_context(|| format!("rule {source:?}"))?;
        if let Some(rest) = tokens.next() {
            bail!("rule {source:?}: unexpected {rest:?}");
        }
        let message = text("message").map_or_else(|| format!("failed rule: {source}"), str::to_owned);
        Ok(Self { expression, message })
    }

    /// Whether it is about a change.
    pub fn is_transition(&self) -> bool {
        self.expression.is_transition()
    }

    /// Whether `value` keeps the rule. A rule about a change holds when there is no old value.
    pub fn holds(&self, value: &Value, old: Option<&Value>) -> bool {
        (self.is_transition() && old.is_none()) || self.expression.is_true(value, old)
    }
}

impl Expression {
    fn is_transition(&self) -> bool {
        match self {
            Self::Unchanged => true,
            Self::In(_) | Self::Has(_) => false,
            Self::Not(inner) => inner.is_transition(),
            Self::And(left, right) | Self::Or(left, right) => left.is_transition() || right.is_transition(),
        }
    }

    fn is_true(&self, value: &Value, old: Option<&Value>) -> bool {
        match self {
            Self::Unchanged => old == Some(value),
            Self::In(allowed) => value
                .as_str()
                .is_some_and(|value| allowed.iter().any(|allowed| allowed == value)),
            Self::Has(field) => value.get(field).is_some(),
            Self::Not(inner) => !inner.is_true(value, old),
            Self::And(left, right) => left.is_true(value, old) && right.is_true(value, old),
            Self::Or(left, right) => left.is_true(value, old) || right.is_true(value, old),
        }
    }
}

type Tokens = Peekable<IntoIter<String>>;

/// Names with dots, quoted strings, `&&`, `||`, `==`, and single characters.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            '&' | '|' | '=' => rest.find(|c| c != first).unwrap_or(rest.len()),
            c if c.is_alphanumeric() => rest
                .find(|c: char| !c.is_alphanumeric() && c != '.')
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

fn any(tokens: &mut Tokens) -> anyhow::Result<Expression> {
    let mut left = all(tokens)?;
    while tokens.next_if(|token| token == "||").is_some() {
        left = Expression::Or(Box::new(left), Box::new(all(tokens)?));
    }
    Ok(left)
}

fn all(tokens: &mut Tokens) -> anyhow::Result<Expression> {
    let mut left = single(tokens)?;
    while tokens.next_if(|token| token == "&&").is_some() {
        left = Expression::And(Box::new(left), Box::new(single(tokens)?));
    }
    Ok(left)
}

fn single(tokens: &mut Tokens) -> anyhow::Result<Expression> {
    let token = tokens.next().context("ends too early")?;
    match token.as_str() {
        "!" => Ok(Expression::Not(Box::new(single(tokens)?))),
        "(" => {
            let inner = any(tokens)?;
            expect(tokens, ")")?;
            Ok(inner)
        }
        "has" => {
            expect(tokens, "(")?;
            let path = tokens.next().context("ends too early")?;
            expect(tokens, ")")?;
            let field = path.strip_prefix("self.").filter(|field| !field.contains('.'));
            Ok(Expression::Has(
                field.with_context(|| format!("has({path})"))?.to_owned(),
            ))
        }
        "self" => comparison(tokens),
        other => bail!("{other:?} is not understood"),
    }
}

fn comparison(tokens: &mut Tokens) -> anyhow::Result<Expression> {
    match tokens.next().as_deref() {
        Some("==") => {
            expect(tokens, "oldSelf")?;
            Ok(Expression::Unchanged)
        }
        Some("in") => {
            expect(tokens, "[")?;
            let mut allowed = Vec::new();
            while let Some(token) = tokens.next_if(|token| token != "]") {
                if token != "," {
                    allowed.push(token.trim_matches('\'').to_owned());
                }
            }
            expect(tokens, "]")?;
            Ok(Expression::In(allowed))
        }
        other => bail!("{other:?} is not understood after self"),
    }
}

fn expect(tokens: &mut Tokens, expected: &str) -> anyhow::Result<()> {
    match tokens.next() {
        Some(token) if token == expected => Ok(()),
        other => bail!("{other:?} instead of {expected:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(source: &str) -> Rule {
        Rule::new(&json!({ "rule": source, "message": "broken" })).unwrap()
    }

    #[test]
    fn fields_can_be_demanded_and_excluded() {
        let both_or_rules = rule("((has(self.onSuccess) && has(self.onFailure)) || has(self.deletionRules))");
        for (value, holds) in [
            (json!({}), false),
            (json!({ "onSuccess": {} }), false),
            (json!({ "onSuccess": {}, "onFailure": {} }), true),
            (json!({ "deletionRules": [] }), true),
        ] {
            assert_eq!(both_or_rules.holds(&value, None), holds, "{value}");
        }
        let not_both = rule("!(has(self.jobStatus) && has(self.jobDeploymentStatus))");
        assert!(not_both.holds(&json!({ "jobStatus": "FAILED" }), None));
        assert!(!not_both.holds(&json!({ "jobStatus": "FAILED", "jobDeploymentStatus": "Failed" }), None));
    }

    #[test]
    fn a_rule_about_a_change_needs_an_old_value() {
        let unchanged = rule("self == oldSelf");
        assert!(unchanged.holds(&json!("a"), None));
        assert!(unchanged.holds(&json!("a"), Some(&json!("a"))));
        assert!(!unchanged.holds(&json!("a"), Some(&json!("b"))));
    }

    #[test]
    fn values_can_be_listed() {
        let known = rule("self in ['ray.io/kuberay-operator', 'kueue.x-k8s.io/multikueue']");
        assert!(known.holds(&json!("kueue.x-k8s.io/multikueue"), None));
        assert!(!known.holds(&json!("me"), None));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for source in [
            "self.size() > 3",
            "has(self.a.b)",
            "self == oldSelf ||",
            "has(self.a) has(self.b)",
        ] {
            assert!(Rule::new(&json!({ "rule": source })).is_err(), "{source}");
        }
    }
}
