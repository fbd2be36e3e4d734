//! Which Ray versions take job metadata: 2.6.0 and later, read as a semantic version.
//!
//! Traps: unlike [`crate::ray_version`], a suffix counts. `2.7.0-rc1` is a pre-release and does not qualify, and
//! `2.52.0rc1` is no semantic version at all. An empty version, or a cluster that is only selected, is not checked.

use crate::v1::RayJobSpec;

/// Why metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataVersionError {
    /// `rayVersion` is no semantic version.
    #[error("failed to parse Ray version: {0}: Invalid Semantic Version")]
    Unreadable(String),
    /// `rayVersion` is too old.
    #[error("the Ray version must be at least 2.6.0 to use the metadata field")]
    TooOld,
}

/// Checks the version against the metadata, if there is any.
pub fn check(spec: &RayJobSpec) -> Result<(), MetadataVersionError> {
    let used = spec.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty());
    let cluster = spec.ray_cluster_spec.as_ref();
    let version = cluster
        .and_then(|cluster| cluster.ray_version.as_deref())
        .unwrap_or_default();
    if !used || version.is_empty() {
        return Ok(());
    }
    match parse(version) {
        None => Err(MetadataVersionError::Unreadable(version.to_owned())),
        Some((numbers, prerelease)) if prerelease || numbers < [2, 6, 0] => Err(MetadataVersionError::TooOld),
        Some(_) => Ok(()),
    }
}

/// Up to three numbers, and whether a pre-release follows them.
fn parse(version: &str) -> Option<([u64; 3], bool)> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (version, build) = split(version, '+');
    let (version, prerelease) = split(version, '-');
    let words = |text: Option<&str>| text.is_none_or(|text| text.split('.').all(identifier));
    let mut numbers = [0; 3];
    let parts: Vec<_> = version.split('.').collect();
    if parts.len() > numbers.len() || !words(build) || !words(prerelease) {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = digits.then(|| part.parse().ok()).flatten()?;
    }
    Some((numbers, prerelease.is_some()))
}

fn split(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator)
        .map_or((text, None), |(text, rest)| (text, Some(rest)))
}

fn identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", Ok(()))]
    #[case("2.6.0", Ok(()))]
    #[case("v2.55", Ok(()))]
    #[case("3", Ok(()))]
    #[case("2.52.0+build.7", Ok(()))]
    #[case("2.5.9", Err(MetadataVersionError::TooOld))]
    #[case("2.7.0-rc1", Err(MetadataVersionError::TooOld))]
    #[case("2.52.0rc1", Err(MetadataVersionError::Unreadable("2.52.0rc1".into())))]
    #[case("nightly", Err(MetadataVersionError::Unreadable("nightly".into())))]
    #[case("2.6.0.1", Err(MetadataVersionError::Unreadable("2.6.0.1".into())))]
    #[case("2.6.", Err(MetadataVersionError::Unreadable("2.6.".into())))]
    fn metadata_needs_ray_2_6(#[case] version: &str, #[case] want: Result<(), MetadataVersionError>) {
        let mut spec = RayJobSpec::default();
        spec.ray_cluster_spec.get_or_insert_default().ray_version = Some(version.into());
        assert_eq!(check(&spec), Ok(()), "without metadata every version will do");
        spec.metadata = Some([("k".into(), "v".into())].into());
        assert_eq!(check(&spec), want);
        spec.ray_cluster_spec = None;
        assert_eq!(check(&spec), Ok(()));
    }
}
