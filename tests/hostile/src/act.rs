//! Carries actions out. What the API server refuses is counted and is no fault.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Result;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::action::Action;
use crate::astray;
use crate::place;

/// Edits of one object, and from one to the next: 50 a second, or as many as the API server takes.
const EDITS: u32 = 100;
const EVERY: Duration = Duration::from_millis(20);
/// How long all of them may take.
const EDITING: Duration = Duration::from_secs(4);

/// Writes that were tried, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// All of them.
    pub tried: u32,
    /// Those that the API server refused.
    pub refused: u32,
    /// Those that it did not answer in time, and those that cannot be sent (a name that makes no path).
    pub unanswered: u32,
}

impl Tries {
    /// Notes a write; what it has given, if it was taken.
    pub fn note<T>(&mut self, result: kube::Result<T>) -> Option<T> {
        self.tried += 1;
        match result {
            Ok(done) => return Some(done),
            Err(kube::Error::Api(status)) if status.code < 500 => self.refused += 1,
            Err(_) => self.unanswered += 1,
        }
        None
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }
}

/// Who acts on an object.
pub struct Actor<'a> {
    /// The tenant.
    pub client: &'a Client,
    /// Where the object is.
    pub namespace: &'a str,
    /// As it was created.
    pub object: &'a Value,
}

impl Actor<'_> {
    /// The API of the object.
    pub fn api(&self) -> Api<DynamicObject> {
        place::api_of(self.client, self.object, self.namespace)
    }

    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Does it.
    pub async fn act(&self, action: &Action, tries: &mut Tries) -> Result<()> {
        match action {
            Action::Edit(to) => self.replace(to, tries).await,
            Action::EditCluster(to) => {
                let chosen = Actor { object: to, ..*self };
                chosen.replace(to, tries).await
            }
            Action::ManyEdits => {
                self.many_edits(tries).await;
                Ok(())
            }
            Action::Suspend => {
                let suspended = self
                    .api()
                    .get_opt(self.name())
                    .await?
                    .map(|object| object.data["spec"]["suspend"] == true);
                let patch = json!({ "spec": { "suspend": suspended != Some(true) } });
                tries.note(self.merge(&patch).await);
                Ok(())
            }
            Action::Status(status) => {
                forge(&self.api(), self.name(), status, tries).await;
                Ok(())
            }
            Action::ClusterStatus(status) => {
                let clusters = place::api(self.client, "ray.io/v1", "RayCluster", self.namespace);
                forge(&clusters, &self.cluster().await?, status, tries).await;
                Ok(())
            }
            Action::Pods(patch) => self.patch_children("Pod", patch, tries).await,
            Action::Redirect(patch) => self.patch_children("Service", patch, tries).await,
            Action::DeleteChildren(version, kind) => {
                let api = place::api(self.client, version, kind, self.namespace);
                let deleted = api
                    .delete_collection(&DeleteParams::default(), &self.children().await?)
                    .await;
                tries.note(deleted);
                Ok(())
            }
            Action::Recreate => {
                self.delete("Background", tries).await;
                tries.note(place::create(self.client, self.namespace, self.object).await);
                Ok(())
            }
            Action::Lead(how, target) => astray::lead(self, *how, target, tries).await,
            Action::Delete(how) => {
                self.delete(how, tries).await;
                Ok(())
            }
        }
    }

    /// Deletes the object.
    pub async fn delete(&self, how: &str, tries: &mut Tries) {
        let propagation = match how {
            "Orphan" => PropagationPolicy::Orphan,
            "Foreground" => PropagationPolicy::Foreground,
            _ => PropagationPolicy::Background,
        };
        let parameters = DeleteParams {
            propagation_policy: Some(propagation),
            ..DeleteParams::default()
        };
        tries.note(self.api().delete(self.name(), &parameters).await);
    }

    /// Its spec becomes that of `to`, which adds its labels and annotations.
    pub async fn replace(&self, to: &Value, tries: &mut Tries) -> Result<()> {
        let Some(mut object) = self.api().get_opt(self.name()).await? else {
            return Ok(());
        };
        object.data["spec"] = to["spec"].clone();
        object.annotations_mut().extend(texts(to, "annotations"));
        object.labels_mut().extend(texts(to, "labels"));
        tries.note(self.put(&object).await);
        Ok(())
    }

    /// Its spec, labels and annotations become those of `to` and no others; the object then, if that was taken.
    pub async fn mend(&self, to: &Value, tries: &mut Tries) -> Result<Option<DynamicObject>> {
        // Others write, too.
        const MOST: u32 = 5;
        for _ in 0..MOST {
            let Some(mut object) = self.api().get_opt(self.name()).await? else {
                break;
            };
            object.data["spec"] = to["spec"].clone();
            object.metadata.annotations = Some(texts(to, "annotations"));
            object.metadata.labels = Some(texts(to, "labels"));
            if let Some(mended) = tries.note(self.put(&object).await) {
                return Ok(Some(mended));
            }
        }
        Ok(None)
    }

    async fn put(&self, object: &DynamicObject) -> Result<DynamicObject> {
        self.api().replace(self.name(), &PostParams::default(), object).await
    }

    /// One after the other: edits of one object at once only hinder each other, within the API server.
    async fn many_edits(&self, tries: &mut Tries) {
        let began = Instant::now();
        for number in 0..EDITS {
            sleep_until(began + EVERY * number).await;
            if began.elapsed() > EDITING {
                break;
            }
            let annotations = json!({ "metadata": { "annotations": { "hostile/edit": number.to_string() } } });
            tries.note(self.merge(&annotations).await);
        }
    }

    /// Merges `patch` into it.
    pub async fn merge(&self, patch: &Value) -> Result<DynamicObject> {
        let parameters = PatchParams::default();
        self.api().patch(self.name(), &parameters, &Patch::Merge(patch)).await
    }

    async fn patch_children(&self, kind: &str, patch: &Value, tries: &mut Tries) -> Result<()> {
        const MOST: u32 = 10;
        let api = place::api(self.client, "v1", kind, self.namespace);
        let parameters = PatchParams::default();
        let children = self.children().await?.limit(MOST);
        for child in api.list(&children).await?.items {
            let name = child.name_any();
            let patch = Patch::Merge(patch);
            let done = if patch_is_of_status(&patch) {
                api.patch_status(&name, &parameters, &patch).await
            } else {
                api.patch(&name, &parameters, &patch).await
            };
            tries.note(done);
        }
        Ok(())
    }

    /// What lists the children of its RayCluster.
    pub async fn children(&self) -> Result<ListParams> {
        Ok(ListParams::default().labels(&format!("ray.io/cluster={}", self.cluster().await?)))
    }

    /// The name of its RayCluster: its own, that which it has chosen, or that which was made for it.
    async fn cluster(&self) -> Result<String> {
        let name = self.name().to_owned();
        if self.object["kind"] == "RayCluster" {
            return Ok(name);
        }
        let text = |value: &Value| value.as_str().filter(|text| is_name(text)).map(str::to_owned);
        if let Some(chosen) = text(&self.object["spec"]["clusterSelector"]["ray.io/cluster"]) {
            return Ok(chosen);
        }
        let object = self.api().get_opt(&name).await?;
        let made = object.and_then(|object| text(&object.data["status"]["rayClusterName"]));
        Ok(made.unwrap_or(name))
    }
}

async fn forge(api: &Api<DynamicObject>, name: &str, status: &Value, tries: &mut Tries) {
    let patch = json!({ "status": status });
    tries.note(
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await,
    );
}

fn texts(object: &Value, place: &str) -> BTreeMap<String, String> {
    let entries = object["metadata"][place].as_object().into_iter().flatten();
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    entries.filter_map(text).collect()
}

/// Whether it is one, and not what the tenant has written in the place of one.
fn is_name(text: &str) -> bool {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() < 64 && text.chars().all(part) && !text.starts_with('-') && !text.ends_with('-')
}

fn patch_is_of_status(patch: &Patch<&Value>) -> bool {
    matches!(patch, Patch::Merge(patch) if patch.get("status").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_stands_in_their_place() {
        assert!(is_name("h1-x9zvk"));
        for text in ["", "?watch=true&x=", "a/b", "-a", "a,b"] {
            assert!(!is_name(text), "{text}");
        }
    }
}
