//! Events: what `kubectl describe` tells.
//!
//! Publishing is off the path of passes: [`Recorder::publish`] never waits and never fails. Events that repeat within a
//! series are counted in one object instead of written again, and under pressure events are the first thing dropped.
//! An object's events are published one after the other; those of different objects a few at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as EventObject;
use k8s_openapi::api::events::v1::EventSeries;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams};
use kube::{Client, Resource};
use prometheus::{IntCounterVec, Opts, Registry};
use ray_api::text;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::answer::answer;
use crate::clock::Clock;
use crate::object_key::ObjectKey;
use crate::objects::Objects;
use crate::random::Random;
use crate::tasks::{Part, Tasks};

/// Events published at the same time.
const LANES: usize = 4;
/// Events of a lane that wait to be published.
const WAITING: usize = 2048;
/// Series that a lane remembers.
const SERIES: usize = 1024;
/// A series ends when nothing was added for this long.
const SERIES_TIME: Duration = Duration::from_secs(360);
/// A repetition is written at most this often.
const SERIES_UPDATE: Duration = Duration::from_secs(60);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// As wanted.
    Normal,
    /// Somebody should look at it.
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub struct Event {
    pub regarding: ObjectReference,
    /// How bad it is.
    pub type_: EventType,
    /// In one word, for machines.
    pub reason: &'static str,
    /// What was being done, in one word.
    pub action: &'static str,
    /// For people: what, and what to do about it.
    pub note: String,
}

/// The reference of an object for an event.
pub fn regarding<K: Resource<DynamicType = ()>>(object: &K) -> ObjectReference {
    ObjectReference {
        field_path: None,
        ..object.object_ref(&())
    }
}

/// Takes events; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    lanes: Arc<[mpsc::Sender<Event>]>,
    counted: IntCounterVec,
}

/// The task behind a recorder.
pub struct Publisher {
    lanes: Vec<Lane>,
}

/// What publishes the events of some objects.
struct Lane {
    receiver: mpsc::Receiver<Event>,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    controller: String,
    instance: String,
    tasks: Tasks,
    counted: IntCounterVec,
    series: BTreeMap<SeriesKey, Series>,
}

/// What a publisher is made of.
pub struct PublisherOptions {
    /// Where to.
    pub client: Client,
    /// For the times in the events.
    pub clock: Arc<dyn Clock>,
    /// For the names of the events.
    pub random: Arc<Random>,
    /// Name of the controller.
    pub controller: String,
    /// Name of its pod.
    pub instance: String,
    /// Guards the publishing.
    pub tasks: Tasks,
}

type SeriesKey = (String, String, EventType, &'static str, String);

struct Series {
    object: Option<(String, String)>,
    count: i32,
    last: Instant,
    last_written: Instant,
}

/// A recorder and the task that publishes what it takes.
pub fn recorder(options: PublisherOptions, registry: &Registry) -> prometheus::Result<(Recorder, Publisher)> {
    let counted = IntCounterVec::new(
        Opts::new(
            "ray_controller_events_total",
            "Events by what became of them: published, counted, dropped, failed.",
        ),
        &["result"],
    )?;
    registry.register(Box::new(counted.clone()))?;
    let PublisherOptions {
        client,
        clock,
        random,
        controller,
        instance,
        tasks,
    } = options;
    let lane = |_| {
        let (sender, receiver) = mpsc::channel(WAITING);
        let lane = Lane {
            receiver,
            client: client.clone(),
            clock: clock.clone(),
            random: random.clone(),
            controller: controller.clone(),
            instance: instance.clone(),
            tasks: tasks.clone(),
            counted: counted.clone(),
            series: BTreeMap::new(),
        };
        (sender, lane)
    };
    let (senders, lanes): (Vec<_>, _) = (0..LANES).map(lane).unzip();
    let recorder = Recorder {
        lanes: senders.into(),
        counted,
    };
    Ok((recorder, Publisher { lanes }))
}

impl Recorder {
    /// Publishes `event`, unless too many wait already.
    pub fn publish(&self, mut event: Event) {
        // Before it waits: thousands of long notes are memory, too.
        text::cut(&mut event.note, text::LONGEST);
        tracing::debug!(reason = event.reason, note = event.note, "event");
        let place = event.regarding.uid.as_deref().unwrap_or_default().bytes();
        let place = place.fold(0, |sum: usize, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let lane = self.lanes.get(place % LANES);
        if lane.is_none_or(|lane| lane.try_send(event).is_err()) {
            self.counted.with_label_values(&["dropped"]).inc();
        }
    }

    /// Warns of an object that does not decode. Its status cannot be written, so this is all that its user gets.
    pub fn unreadable<K: Resource<DynamicType = ()>>(&self, object: &K, reason: &'static str, why: &str) {
        let regarding = regarding(object);
        let (namespace, name) = (&regarding.namespace, &regarding.name);
        let path = [namespace, name].map(|part| part.clone().unwrap_or_default()).join("/");
        let note = format!(
            "{path} cannot be read: {why}. It was stored through an API version or a definition that does not look at this \
             field; correct it"
        );
        tracing::warn!(namespace, name, reason = why, "the object cannot be read");
        self.publish(Event {
            regarding,
            type_: EventType::Warning,
            reason,
            action: "Validate",
            note,
        });
    }
}

impl Publisher {
    /// Publishes until every recorder is gone.
    pub async fn run(self) {
        join_all(self.lanes.into_iter().map(Lane::run)).await;
    }
}

impl Lane {
    /// An event whose publishing panics is dropped.
    async fn run(mut self) {
        let tasks = self.tasks.clone();
        while let Some(event) = self.receiver.recv().await {
            let ObjectReference { namespace, name, .. } = &event.regarding;
            let key = ObjectKey::new(
                namespace.as_deref().unwrap_or_default(),
                name.as_deref().unwrap_or_default(),
            );
            if tasks.guard(Part::Event, &key, self.take(event)).await.is_none() {
                self.counted.with_label_values(&["dropped"]).inc();
            }
        }
    }

    async fn take(&mut self, event: Event) {
        let regarding = &event.regarding;
        let key = (
            regarding.uid.clone().unwrap_or_default(),
            regarding.name.clone().unwrap_or_default(),
            event.type_,
            event.reason,
            event.note.clone(),
        );
        let now = Instant::now();
        if self.series.len() >= SERIES {
            self.series
                .retain(|_, series| now.duration_since(series.last) < SERIES_TIME);
        }
        if self.series.len() >= SERIES {
            self.series.clear();
        }
        match self.series.get_mut(&key) {
            Some(series) if now.duration_since(series.last) < SERIES_TIME => {
                series.count = series.count.saturating_add(1);
                series.last = now;
                let due = now.duration_since(series.last_written) >= SERIES_UPDATE;
                if let (true, Some((namespace, name))) = (due, series.object.clone()) {
                    series.last_written = now;
                    let count = series.count;
                    self.count_up(&namespace, &name, count).await;
                }
                self.counted.with_label_values(&["counted"]).inc();
            }
            _ => {
                let object = self.create(&event).await;
                let series = Series {
                    object,
                    count: 1,
                    last: now,
                    last_written: now,
                };
                self.series.insert(key, series);
            }
        }
    }

    async fn create(&self, event: &Event) -> Option<(String, String)> {
        let namespace = event
            .regarding
            .namespace
            .clone()
            .unwrap_or_else(|| "default".to_owned());
        let object_name = event.regarding.name.as_deref().unwrap_or("unknown");
        let name = format!("{object_name}.{:016x}", self.random.next());
        let object = EventObject {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            action: Some(event.action.to_owned()),
            event_time: Some(MicroTime(self.clock.now())),
            note: Some(event.note.clone()),
            reason: Some(event.reason.to_owned()),
            regarding: Some(event.regarding.clone()),
            reporting_controller: Some(self.controller.clone()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(event.type_.as_str().to_owned()),
            ..EventObject::default()
        };
        let api: Objects<EventObject> = Objects::new(&self.client, &namespace);
        match api.create(&object).await {
            Ok(_) => {
                self.counted.with_label_values(&["published"]).inc();
                Some((namespace, name))
            }
            Err(error) => {
                self.counted.with_label_values(&["failed"]).inc();
                let error = answer(&error);
                tracing::debug!(error, reason = event.reason, "failed to publish an event");
                None
            }
        }
    }

    async fn count_up(&self, namespace: &str, name: &str, count: i32) {
        let series = EventSeries {
            count,
            last_observed_time: MicroTime(self.clock.now()),
        };
        let api: Objects<EventObject> = Objects::new(&self.client, namespace);
        let patch = Patch::Merge(json!({ "series": series }));
        if let Err(error) = api.patch(name, &PatchParams::default(), &patch).await {
            let error = answer(&error);
            tracing::debug!(error, "failed to count a repeated event");
        }
    }
}
