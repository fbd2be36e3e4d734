//! YAML of the CRDs, in one fixed style: plain lines, no folding.

use anyhow::Context;
use serde_json::Value;

/// A value as YAML.
pub fn emit(value: &Value) -> anyhow::Result<String> {
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: false,
        compact_list_indent: true,
    };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, value, options).context("failed to write YAML")?;
    Ok(text)
}

/// Reads YAML or JSON.
pub fn parse(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return Ok(serde_json::from_str(text)?);
    }
    serde_saphyr::from_str(text).context("failed to read YAML")
}
