use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

use super::*;

/// What Go's `resource.Quantity` answers; made by `hack/spec-hash/quantities`.
const VECTORS: &str = include_str!("vectors.json");

#[derive(Debug, Deserialize)]
struct Row {
    a: String,
    op: String,
    #[serde(default)]
    b: String,
    text: Option<String>,
    value: Option<i64>,
    milli: Option<i64>,
    /// As text: `serde_json` reads floats only nearly.
    #[serde(default)]
    float: String,
    compare: Option<i8>,
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn check(row: &Row) -> Result<(), String> {
    let Ok(a) = row.a.parse::<Quantity>() else {
        return row
            .text
            .is_none()
            .then_some(())
            .ok_or_else(|| format!("refused: {row:?}"));
    };
    let answer = match row.op.as_str() {
        "parse" => a,
        "+" => a + &quantity(&row.b),
        "-" => a - &quantity(&row.b),
        "*" => a * row.b.parse().unwrap(),
        "cmp" => {
            let order = a.cmp(&quantity(&row.b)) as i8;
            return (row.compare == Some(order))
                .then_some(())
                .ok_or_else(|| format!("{order}: {row:?}"));
        }
        other => return Err(format!("no operation {other}")),
    };
    let text = answer.to_string();
    let float = answer.as_approximate_f64();
    let equal = row.text.as_ref() == Some(&text)
        && row.value.is_none_or(|value| value == answer.value())
        && row.milli.is_none_or(|milli| milli == answer.milli_value())
        && row.float.parse() == Ok(float);
    equal.then_some(()).ok_or_else(|| format!("{text} {float}: {row:?}"))
}

#[test]
fn answers_as_go_does() {
    // Rows of one's own making, for a longer run than the committed one.
    let more = std::env::var("QUANTITY_VECTORS").map(|path| std::fs::read_to_string(path).unwrap());
    let rows: Vec<Row> = serde_json::from_str(more.as_deref().unwrap_or(VECTORS)).unwrap();
    let wrong: Vec<_> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[rstest]
#[case::unknown_suffix("1K", QuantityError::Suffix("1K".into()))]
#[case::no_number("a", QuantityError::Number("a".into()))]
#[case::nothing("", QuantityError::Number(String::new()))]
#[case::too_large("1e40", QuantityError::TooLarge("1e40".into()))]
#[case::far_too_large("1e9223372036854775807", QuantityError::TooLarge("1e9223372036854775807".into()))]
fn refuses(#[case] text: &str, #[case] error: QuantityError) {
    assert_eq!(text.parse::<Quantity>().unwrap_err(), error);
}

#[test]
fn saturates() {
    let most = quantity("9223372036854775808");
    assert_eq!(most.value(), i64::MAX);
    assert_eq!(most.milli_value(), i64::MAX);
    assert_eq!((quantity("-9E") * 3).milli_value(), i64::MIN);
    let huge = quantity("1e29");
    assert_eq!(huge.clone() * i64::MAX + &huge, huge * i64::MAX);
}

#[test]
fn converts() {
    let text = Text("1.5Gi".into());
    assert_eq!(Text::from(&Quantity::try_from(&text).unwrap()), Text("1536Mi".into()));
    assert_eq!(Quantity::from_integer(4000).to_string(), "4k");
    assert!(Quantity::default().is_zero());
}

fn any_text() -> impl Strategy<Value = String> {
    "[-+]?[0-9]{0,25}([.][0-9]{0,25})?(|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]{1,2})"
}

proptest! {
    #[test]
    fn never_panics(text in ".{0,20}", other in any_text(), factor: i64) {
        let quantities = [text.parse::<Quantity>(), other.parse()];
        for quantity in quantities.iter().flatten() {
            let mut product = quantity.clone() * factor;
            product += quantity;
            product -= &Quantity::from_integer(factor);
            let _ = (product.to_string(), product.value(), product.milli_value(), product.as_approximate_f64());
        }
    }

    #[test]
    fn addition_commutes(a in any_text(), b in any_text()) {
        if let (Ok(a), Ok(b)) = (a.parse::<Quantity>(), b.parse::<Quantity>()) {
            prop_assert_eq!(a.clone() + &b, b + &a);
        }
    }

    #[test]
    fn text_reads_back(text in any_text()) {
        if let Ok(quantity) = text.parse::<Quantity>() {
            // Multiples of 1000E print without a suffix, as in Go.
            prop_assume!(quantity.nanos.abs() < NANOS * 10_i128.pow(21));
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity.clone()));
            let canonical = (quantity.clone() + &Quantity::default()).to_string();
            prop_assert_eq!(canonical.parse(), Ok(quantity));
        }
    }
}
