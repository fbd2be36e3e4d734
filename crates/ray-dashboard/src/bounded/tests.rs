//! Many heads on tokio's paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join, join_all};

use super::*;
use crate::fake::{FakeDashboard, direct};

const HANGS: Duration = Duration::from_secs(2);

fn heads(name: &str, count: usize) -> Vec<Head> {
    (0..count).map(|number| direct(&format!("{name}{number}"))).collect()
}

fn hung(fake: &FakeDashboard, heads: &[Head]) {
    for head in heads {
        fake.hang(head, HANGS);
    }
}

/// Asks as a job does whose head does not answer: ever less often.
async fn ask_for_ever(bounded: &Bounded<FakeDashboard>, head: &Head) {
    for seconds in [1, 2, 4, 8].into_iter().chain(std::iter::repeat(15)) {
        let _ = bounded.get_job(head, "a").await;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn takes<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    (call.await, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_hung_heads_do_not_delay_a_healthy_one() {
    let (fake, slow) = (FakeDashboard::default(), heads("slow", 1000));
    hung(&fake, &slow);
    let bounded = Bounded::new(fake, Limits::default());
    let asking = join_all(slow.iter().map(|head| ask_for_ever(&bounded, head)));
    let healthy = direct("healthy");
    let mut worst = Vec::new();
    let answered = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
            let (answer, delay) = takes(bounded.get_job(&healthy, "a")).await;
            assert_eq!(answer.unwrap(), None);
            worst.push(delay);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = asking => {}
        () = answered => {}
    }
    assert!(
        worst[0] <= Duration::from_secs(1),
        "all of them are new: {:?}",
        worst[0]
    );
    assert_eq!(worst[1..], vec![Duration::ZERO; 99]);
}

#[tokio::test(start_paused = true)]
async fn heads_that_hang_later_do_not_delay_it_either_and_are_heard_when_they_come_back() {
    let (fake, slow) = (FakeDashboard::default(), heads("slow", 1000));
    let bounded = Bounded::new(fake, Limits::default());
    join_all(slow.iter().map(|head| bounded.get_job(head, "a"))).await;
    hung(&bounded.inner, &slow);
    let healthy = direct("healthy");
    let asking = join_all(slow.iter().map(|head| ask_for_ever(&bounded, head)));
    let back = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(takes(bounded.get_job(&healthy, "a")).await.1, Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(60)).await;
        bounded.inner.restart(&slow[7]);
        let (answer, delay) = takes(bounded.get_job(&slow[7], "a")).await;
        assert!(answer.is_ok() && delay <= HANGS, "{delay:?}");
        assert_eq!(takes(bounded.get_job(&slow[7], "a")).await.1, Duration::ZERO);
    };
    tokio::select! {
        _ = asking => {}
        () = back => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_head_holds_back_only_its_own() {
    let fake = FakeDashboard::default();
    let slow = direct("slow");
    fake.hang(&slow, HANGS);
    let bounded = Bounded::new(fake, Limits::default());
    let ((), took) = takes(async {
        join_all((0..4).map(|_| bounded.get_job(&slow, "a"))).await;
    })
    .await;
    assert_eq!(took, HANGS * 2, "two at a time");
    assert_eq!(bounded.heads().silent.len(), 1);
    tokio::time::sleep(FORGOTTEN).await;
    bounded.get_job(&direct("another"), "a").await.unwrap();
    assert!(
        bounded.heads().silent.is_empty(),
        "forgotten when it is not asked any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_thinks_is_not_silent() {
    let limits = Limits {
        silent: 0,
        ..Limits::default()
    };
    let fake = FakeDashboard::default();
    let slow = direct("slow");
    fake.think(&slow, Duration::from_secs(1));
    let bounded = Bounded::new(fake, Limits::default());
    assert_eq!(bounded.get_job(&slow, "a").await.unwrap(), None);
    assert!(bounded.heads().silent.is_empty());
    let crowded = Bounded::new(bounded.inner, limits);
    let error = crowded.get_job(&slow, "a").await.unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { deadline, .. } if deadline == limits.patience),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn stops_have_a_queue_of_their_own_and_their_time_counts_from_their_sending() {
    let (fake, slow) = (FakeDashboard::default(), heads("slow", 1000));
    hung(&fake, &slow);
    let bounded = Bounded::new(fake, Limits::default());
    let stopped = AtomicUsize::new(0);
    let stops = join_all(slow.iter().map(async |head| {
        bounded.stop_job(head, "a").await.unwrap_err();
        stopped.fetch_add(1, Ordering::Relaxed);
    }));
    let healthy = direct("healthy");
    let others = async {
        tokio::task::yield_now().await;
        assert_eq!(
            takes(bounded.get_job(&healthy, "a")).await.1,
            Duration::ZERO,
            "no stop is in its way"
        );
        let (answer, delay) = takes(bounded.stop_job(&healthy, "a")).await;
        assert!(!answer.unwrap());
        assert!(delay > Duration::from_secs(10), "it came after all of them: {delay:?}");
    };
    let ((_, ()), took) = takes(join(stops, others)).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    let asked = bounded.inner.asked();
    assert_eq!(
        asked.iter().filter(|question| *question == "stop a").count(),
        1001,
        "each was sent"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_its_turn_and_its_answer_and_no_longer() {
    let fake = FakeDashboard::default();
    let slow = direct("slow");
    fake.hang(&slow, Duration::from_secs(3600));
    let bounded = Bounded::new(fake, Limits::default());
    let ((), took) = takes(async {
        join_all((0..100).map(|_| bounded.stop_job(&slow, "a"))).await;
    })
    .await;
    let limits = Limits::default();
    assert!(took <= limits.stop_waits + limits.stop_takes, "{took:?}");
}
