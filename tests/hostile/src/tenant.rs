//! The hostile tenant: carries inputs out, some at a time, and asks afterwards what became of each object.
//!
//! Everything ends in time: a call by the client's limit, an input by its own and by the run's. What the API server does not
//! answer is counted and is no fault; what may be there then is looked for at the end.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::{Client, Result};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout_at};

use crate::act::{Actor, Tries};
use crate::arguments::{CLEANING, Times};
use crate::end;
use crate::input::{Input, Source};
use crate::judge::{self, Verdict};
use crate::ledger::Ledger;
use crate::place::{self, INPUTS, Place};

/// How long an object may be without a word, and a mended one without being looked at.
const HEEDED: Duration = Duration::from_secs(30);
/// How long one may take to go at first, so that the next input is not kept waiting.
const GONE: Duration = Duration::from_secs(5);
/// How long an input may take.
const INPUT: Duration = Duration::from_secs(180);
/// How seldom an object is mended before it is deleted.
const MENDED: u64 = 3;
/// Objects of a swarm that are written at once.
const SWARM: usize = 50;

/// The tenant.
pub struct Tenant<'a> {
    /// What it has.
    pub client: &'a Client,
    /// What it tries.
    pub source: &'a Source,
    /// Inputs at once.
    pub at_once: usize,
    /// When it stops.
    pub times: Times,
    /// The number of the last input that has begun.
    pub progress: &'a AtomicU64,
    /// What has become of them.
    pub ledger: &'a Ledger,
}

/// Inputs of one namespace.
struct Batch {
    numbers: Range<u64>,
    place: OnceCell<Place>,
    left: AtomicU64,
}

impl Batch {
    /// Its namespace, when all of its inputs have ended.
    fn ended(&self) -> Option<&Place> {
        let place = self.place.get()?;
        (self.left.load(Ordering::Relaxed) == 0).then_some(place)
    }
}

impl Tenant<'_> {
    /// Tries the inputs with these numbers; everything is gone then, or noted. How long the inputs took.
    pub async fn run(&self, numbers: Range<u64>) -> Duration {
        let began = Instant::now();
        let batches: Vec<_> = batches(&numbers).collect();
        futures::stream::iter(numbers)
            .for_each_concurrent(self.at_once, async |number| self.one(number, &batches).await)
            .await;
        let took = began.elapsed();
        let places: Vec<_> = batches.iter().filter_map(|batch| batch.place.get()).collect();
        let end = self.times.end.min(Instant::now() + CLEANING[1]);
        end::all(self.client, &places, self.ledger, end).await;
        took
    }

    async fn one(&self, number: u64, batches: &[Batch]) {
        let Some(batch) = batches.iter().find(|batch| batch.numbers.contains(&number)) else {
            return;
        };
        let now = Instant::now();
        if now < self.times.stop {
            self.progress.fetch_max(number, Ordering::Relaxed);
            self.ledger.open().begun += 1;
            let end = self.times.cut.min(now + INPUT);
            let why = match timeout_at(end, self.input(number, batch)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("time was up".to_owned()),
            };
            let mut outcome = self.ledger.open();
            match why {
                None => outcome.done += 1,
                Some(why) => outcome.given_up.push((number, why)),
            }
        }
        if batch.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // What is not gone then is asked again after the next one, and at the end.
            let ended: Vec<_> = batches.iter().filter_map(Batch::ended).collect();
            let _ = timeout_at(self.times.cut, end::round(self.client, &ended)).await;
        }
    }

    async fn input(&self, number: u64, batch: &Batch) -> Result<()> {
        let place = batch.place.get_or_try_init(|| Place::make(self.client, number)).await?;
        let input = self.source.input(number);
        let mut tries = Tries::default();
        let carried = self.carry_out(place, &input, &mut tries).await;
        self.ledger.open().actions.add(tries);
        carried
    }

    async fn carry_out(&self, place: &Place, input: &Input, tries: &mut Tries) -> Result<()> {
        for foreign in &input.foreign {
            tries.note(place::create(self.client, &place.namespace, foreign).await);
        }
        let mut objects: Vec<_> = (0..input.copies).map(|copy| copy_of(&input.object, copy)).collect();
        if self.store(place, &objects).await == 0 {
            return Ok(());
        }
        let actor = self.actor(place, &input.object);
        for (pause, action) in &input.actions {
            sleep(Duration::from_millis(*pause)).await;
            if actor.act(action, tries).await.is_err() {
                tries.unanswered += 1;
            }
        }
        self.judge(&actor, input, tries).await?;
        objects.extend(input.foreign.iter().filter(|object| is_rays(object)).cloned());
        self.remove(place, &objects, tries).await;
        Ok(())
    }

    /// How many of them the API server took.
    async fn store(&self, place: &Place, objects: &[Value]) -> usize {
        let creates = objects.iter().map(async |object| {
            let created = place::create(self.client, &place.namespace, object).await;
            let mut outcome = self.ledger.open();
            let stored = outcome.creates.note(created).is_some();
            outcome.stored += u32::from(stored);
            usize::from(stored)
        });
        let creates = futures::stream::iter(creates).buffer_unordered(SWARM);
        creates.fold(0, async |sum, stored| sum + stored).await
    }

    /// Whether it is explained and, mended, looked at again.
    async fn judge(&self, actor: &Actor<'_>, input: &Input, tries: &mut Tries) -> Result<()> {
        let (api, name, number) = (actor.api(), actor.name(), input.number);
        let explained = async || judge::is_explained(self.client, &api, name).await;
        if judge::until(Instant::now() + HEEDED, explained).await == Verdict::No {
            let fault = (number, seen(&api, name).await?);
            self.ledger
                .fault("nothing explains", |outcome| &mut outcome.unexplained, fault);
        }
        if !number.is_multiple_of(MENDED) || !input.is_run_when_mended() {
            return Ok(());
        }
        let Some(mended) = actor.mend(&input.healthy, tries).await? else {
            return Ok(());
        };
        let generation = mended.metadata.generation.unwrap_or_default();
        let heeded = async || judge::is_heeded(&api, name, generation).await;
        match judge::until(Instant::now() + HEEDED, heeded).await {
            Verdict::Yes => self.ledger.open().heeded += 1,
            Verdict::No => {
                let fault = (number, seen(&api, name).await?);
                self.ledger
                    .fault("mended, not looked at", |outcome| &mut outcome.wedged, fault);
            }
            Verdict::Unknown => {}
        }
        Ok(())
    }

    async fn remove(&self, place: &Place, objects: &[Value], tries: &mut Tries) {
        let removals = objects.iter().map(async |object| {
            let mut tries = Tries::default();
            let actor = self.actor(place, object);
            actor.delete("Background", &mut tries).await;
            let api = actor.api();
            let gone = async || Ok(api.get_metadata_opt(actor.name()).await?.is_none());
            judge::until(Instant::now() + GONE, gone).await;
            tries
        });
        let mut removals = futures::stream::iter(removals).buffer_unordered(SWARM);
        while let Some(removed) = removals.next().await {
            tries.add(removed);
        }
    }

    fn actor<'a>(&'a self, place: &'a Place, object: &'a Value) -> Actor<'a> {
        Actor {
            client: self.client,
            namespace: &place.namespace,
            object,
        }
    }
}

fn batches(numbers: &Range<u64>) -> impl Iterator<Item = Batch> {
    let first = numbers.start / INPUTS;
    (first..numbers.end.div_ceil(INPUTS)).map(|batch| {
        let (start, end) = (batch * INPUTS, (batch + 1) * INPUTS);
        let numbers = start.max(numbers.start)..end.min(numbers.end);
        Batch {
            left: AtomicU64::new(numbers.end - numbers.start),
            numbers,
            place: OnceCell::new(),
        }
    })
}

fn is_rays(object: &Value) -> bool {
    let version = object["apiVersion"].as_str();
    version.is_some_and(|version| version.starts_with("ray.io/"))
}

fn copy_of(object: &Value, copy: usize) -> Value {
    let mut object = object.clone();
    if copy > 0 {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        object["metadata"]["name"] = format!("{name}-{copy}").into();
    }
    object
}

async fn seen(api: &Api<DynamicObject>, name: &str) -> Result<String> {
    let object = api.get_opt(name).await?;
    Ok(object.map_or_else(|| format!("{name} is gone"), |object| judge::described(&json!(object))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_input_is_in_one_batch() {
        let left = |numbers| -> Vec<_> {
            let batches = batches(&numbers);
            batches.map(|batch| batch.left.into_inner()).collect()
        };
        assert_eq!(left(0..250), [100, 100, 50]);
        assert_eq!(left(199..201), [1, 1]);
        assert_eq!(left(130..131), [1]);
    }
}
