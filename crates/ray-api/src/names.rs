//! Names of child objects, and the rules by which long ones are cut.
//!
//! Which end is kept differs by kind of object, and existing clusters depend on it: see each type.

use std::fmt;

/// Longest name of a RayCluster: a label value less `-serve-svc`.
pub const MAX_CLUSTER_NAME: usize = 53;
/// Longest name of a RayJob or RayService: a RayCluster's less `-` and five random characters.
pub const MAX_OWNER_NAME: usize = 47;
/// Longest name of a RayCronJob: a RayJob's less `-` and ten digits.
pub const MAX_CRON_JOB_NAME: usize = 36;
/// Characters of random suffixes: Kubernetes' own, without vowels and without what is easily confused.
pub const SUFFIX_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of random suffixes.
pub const SUFFIX_LENGTH: usize = 5;

/// Name of most child objects: at most 50 characters, of a longer one the **last** 50. A leading digit, then a leading
/// punctuation character, becomes `r`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildName(String);

/// Value of a label, and name of Jobs: at most 63 characters, of a longer one the **last** 63. A leading punctuation
/// character becomes `r`; a leading digit stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(String);

/// Name of a pod: the **first** 50 characters of its prefix, then the node type, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName(String);

macro_rules! text {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text!(ChildName);
text!(LabelValue);
text!(PodName);

impl ChildName {
    const MAX: usize = 50;

    /// Cuts and mends `text`.
    pub fn new(text: &str) -> Self {
        let mut name = last(text, Self::MAX).to_owned();
        replace_first(&mut name, |c| c.is_ascii_digit());
        replace_first(&mut name, |c| c.is_ascii_punctuation());
        Self(name)
    }

    /// Name of an OpenShift Route, whose host name holds the namespace too: the **first** `51 - len(namespace)`
    /// characters, then as [`ChildName::new`].
    pub fn route(text: &str, namespace: &str) -> Self {
        Self::new(first(text, 51_usize.saturating_sub(namespace.len())))
    }
}

impl LabelValue {
    const MAX: usize = 63;

    /// Cuts and mends `text`.
    pub fn new(text: &str) -> Self {
        let mut value = last(text, Self::MAX).to_owned();
        replace_first(&mut value, |c| c.is_ascii_punctuation());
        Self(value)
    }
}

impl PodName {
    const MAX_PREFIX: usize = 50;

    /// Name of the head pod without a suffix.
    pub fn head(cluster: &str) -> Self {
        Self(format!("{}-head", first(cluster, Self::MAX_PREFIX)).to_lowercase())
    }

    /// Name of worker pods without a suffix. Cut after joining, so a long cluster name may push the group out.
    pub fn worker(cluster: &str, group: &str) -> Self {
        let prefix = format!("{cluster}-{group}");
        Self(format!("{}-worker", first(&prefix, Self::MAX_PREFIX)).to_lowercase())
    }

    /// With a suffix, as the API server's `generateName` would give.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{}-{suffix}", self.0))
    }
}

/// Head Service of a RayCluster, RayJob or RayService.
pub fn head_service(owner: &str) -> String {
    format!("{owner}-head-svc")
}

/// Serve Service.
pub fn serve_service(owner: &str) -> String {
    format!("{owner}-serve-svc")
}

/// Headless Service of multi-host worker groups.
pub fn headless_worker_service(cluster: &str) -> String {
    format!("{cluster}-headless")
}

/// Value of `ray.io/identifier`.
pub fn identifier(owner: &str, node_type: &str) -> LabelValue {
    LabelValue::new(&format!("{owner}-{node_type}"))
}

/// PersistentVolumeClaim of the embedded GCS storage.
pub fn gcs_storage_claim(cluster: &str) -> String {
    format!("{cluster}-gcs-pvc")
}

/// Job that empties Redis.
pub fn redis_cleanup_job(cluster: &str) -> LabelValue {
    LabelValue::new(&format!("{cluster}-redis-cleanup"))
}

/// Fully qualified domain name of a Service, without a trailing dot.
pub fn service_domain_name(service: &str, namespace: &str, cluster_domain: &str) -> String {
    format!("{service}.{namespace}.svc.{cluster_domain}")
}

fn first(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}

fn last(text: &str, length: usize) -> &str {
    let skipped = text.chars().count().saturating_sub(length);
    text.char_indices()
        .nth(skipped)
        .map_or(text, |(start, _)| &text[start..])
}

fn replace_first(text: &mut String, wrong: impl Fn(char) -> bool) {
    if let Some(c) = text.chars().next()
        && wrong(c)
    {
        text.replace_range(..c.len_utf8(), "r");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_names_keep_their_end() {
        for (text, want) in [
            (
                "72fbcc7e-a661-4b18e-ca41-e903-fc3ae634b18e-lazer090scholar-director-s",
                "rca41-e903-fc3ae634b18e-lazer090scholar-director-s",
            ),
            (
                "--------566666--------444433-----------222222----------4444",
                "r6666--------444433-----------222222----------4444",
            ),
            ("short", "short"),
            ("1short", "rshort"),
        ] {
            assert_eq!(ChildName::new(text).as_str(), want);
        }
        assert_eq!(ChildName::new(&"a".repeat(200)).as_str(), "a".repeat(50));
    }

    #[test]
    fn route_names_keep_their_start() {
        for (text, want) in [
            ("cv-traffic-training-202402090958", "cv-traffic-training-2024020909"),
            ("2-step-cv-training-network-revisited", "r-step-cv-training-network-rev"),
        ] {
            assert_eq!(ChildName::route(text, "development-namespace").as_str(), want);
        }
    }

    #[test]
    fn pod_names_keep_their_start() {
        let long = "ray-cluster-0000000000000000000000011111111122222233333333333333";
        assert_eq!(
            PodName::worker("ray-cluster", "group-name-01").as_str(),
            "ray-cluster-group-name-01-worker"
        );
        assert_eq!(
            PodName::worker(long, "group-name").with_suffix("x").as_str(),
            "ray-cluster-00000000000000000000000111111111222222-worker-x"
        );
        assert_eq!(
            PodName::head(long).as_str(),
            "ray-cluster-00000000000000000000000111111111222222-head"
        );
        assert_eq!(PodName::worker("c", "GPU").as_str(), "c-gpu-worker");
    }

    #[test]
    fn label_values_keep_their_end_and_a_leading_digit() {
        let value = LabelValue::new(&format!("{}-head", "1".repeat(63)));
        assert_eq!(value.as_str(), format!("{}-head", "1".repeat(58)));
        assert_eq!(LabelValue::new("-a").as_str(), "ra");
    }
}
