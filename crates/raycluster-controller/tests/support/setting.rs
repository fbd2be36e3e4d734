//! A folder of fixtures: how the process is configured, and the RayClusters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ray_api::settings::Settings;
use ray_api::switches::Switches;
use ray_api::v1::RayCluster;
use raycluster_controller::build::{Context, PodDefaults};

pub struct Setting {
    pub name: String,
    pub settings: Settings,
    pub defaults: PodDefaults,
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Entries of a folder, by name.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

impl Setting {
    pub fn all() -> Vec<Self> {
        entries(&folder("fixtures"))
            .iter()
            .map(|path| Self::read(path))
            .collect()
    }

    fn read(folder: &Path) -> Self {
        let variables = fs::read_to_string(folder.join("operator.env")).unwrap_or_default();
        let variables: BTreeMap<_, _> = variables.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let configuration = fs::read_to_string(folder.join("configuration.yaml"));
        Self {
            name: stem(folder),
            settings: Settings {
                switches: Switches::read(get).unwrap(),
                gates: get("FEATURE_GATES").unwrap_or_default().parse().unwrap(),
            },
            defaults: configuration.map_or_else(
                |_| PodDefaults::default(),
                |text| serde_saphyr::from_str(&text).unwrap(),
            ),
        }
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            settings: &self.settings,
            defaults: &self.defaults,
        }
    }

    /// The RayClusters of this setting's fixtures, as the API server would store them.
    pub fn clusters(&self) -> Vec<RayCluster> {
        let manifests = entries(&folder("fixtures").join(&self.name));
        let manifests = manifests
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "yaml") && stem(path) != "configuration");
        manifests.flat_map(|path| documents(path)).collect()
    }
}

fn documents(path: &Path) -> Vec<RayCluster> {
    let text = fs::read_to_string(path).unwrap();
    let clusters = text
        .split("\n---\n")
        .filter(|document| document.contains("kind: RayCluster\n"));
    clusters
        .map(|document| {
            let mut cluster: RayCluster =
                serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            cluster.metadata.uid = Some("00000000-0000-0000-0000-000000000000".to_owned());
            cluster
        })
        .collect()
}
