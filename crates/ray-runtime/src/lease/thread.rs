//! A thread for the lease, with a client and a connection of its own: whatever keeps the work busy, or its requests
//! waiting, the lease is renewed.
//!
//! `/healthz` is answered by the thread that works, so that a process whose work is stuck is still started again.

use std::future::Future;
use std::thread;

use anyhow::Context;
use kube::Client;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::elector::{Elector, RELEASE};

/// The thread that keeps the lease.
pub struct LeaseThread {
    stop: CancellationToken,
    /// Until it has ended.
    ended: Option<oneshot::Receiver<anyhow::Result<()>>>,
}

impl LeaseThread {
    /// Starts it. The client is made in it: a client's tasks belong to the runtime that it is made in.
    pub fn start<F>(elector: Elector, connect: impl FnOnce() -> F + Send + 'static) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<Client>>,
    {
        let stop = CancellationToken::new();
        let (end, ended) = oneshot::channel();
        let stopped = stop.clone();
        let live = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                elector.run(connect().await?, stopped).await;
                Ok(())
            })
        };
        thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || end.send(live()))
            .context("failed to start the lease's thread")?;
        Ok(Self {
            stop,
            ended: Some(ended),
        })
    }

    /// Waits for its end, which is a failure of the process unless it was told to stop.
    pub async fn ended(&mut self) -> anyhow::Error {
        let ended = match &mut self.ended {
            Some(ended) => ended.await,
            None => Ok(Ok(())),
        };
        self.ended = None;
        match ended {
            Ok(Ok(())) => anyhow::anyhow!("the lease's thread has ended"),
            Ok(Err(error)) => error.context("the lease's thread has failed"),
            Err(_) => anyhow::anyhow!("the lease's thread has panicked"),
        }
    }

    /// The work is over: gives the lease back.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(2 * RELEASE, self.ended()).await;
    }
}
