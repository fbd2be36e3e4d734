//! The dashboards of all heads, as one controller reaches them.
//!
//! An address leads through the Service to a head that runs; nothing else answers. Deadlines are those of the real
//! client. A controller that has died gets no answer any more, and what it asked for does not happen.

use std::sync::Arc;
use std::time::Duration;

use ray_dashboard::http::Deadlines;
use ray_dashboard::{Answer, Dashboard, Error, Head, JobInfo, Route, Token};
use ray_runtime::random::Random;

use super::network::{Unreachable, reach, through};
use super::session::{Ray, SessionId};
use crate::api::{Key, Server};
use crate::faults::life::Life;
use crate::faults::plan::Behaviour;
use crate::world::settings::Span;

/// The dashboards.
pub struct SimDashboard {
    /// For the network.
    pub server: Arc<Server>,
    /// Ray.
    pub ray: Arc<Ray>,
    /// The life of the controller that asks.
    pub life: Arc<Life>,
    /// How long a call takes.
    pub call: Span,
    /// Where delays come from.
    pub random: Random,
}

impl SimDashboard {
    /// Makes a call: within the deadline, and with what dashboards do out of the ordinary.
    async fn call(&self, head: &Head) -> Result<(SessionId, Option<Behaviour>), Error> {
        let deadline = match head.route {
            Route::Direct { .. } => Deadlines::default().direct,
            Route::Proxy { .. } => Deadlines::default().proxy,
        };
        let reached = self.reach(&head.route);
        let behaviour = reached.as_ref().ok().and_then(|session| self.ray.behaviour(session));
        let takes = match &behaviour {
            Some(Behaviour::Slow(time)) => *time,
            Some(Behaviour::Hung) => Duration::MAX,
            _ => self.call.draw(&self.random),
        };
        tokio::time::sleep(takes.min(deadline)).await;
        self.life.or_pend().await;
        let route = head.route.clone();
        if takes >= deadline {
            return Err(Error::TimedOut { route, deadline });
        }
        let alive = |session: &SessionId| self.ray.session(&session.pod_uid).as_ref() == Some(session);
        let session = match reached {
            Ok(session) if alive(&session) => Ok(session),
            Ok(_) => Err("connection closed before message completed".into()),
            Err(unreachable) => Err(unreachable.into()),
        };
        let session = session.map_err(|source| Error::Unreachable {
            route: route.clone(),
            source,
        })?;
        match behaviour {
            Some(Behaviour::Refuses(status)) => Err(Error::Refused {
                route,
                status,
                body: "no".to_owned(),
            }),
            Some(Behaviour::Garbage) => Err(Error::Unreadable {
                route,
                reason: "the job has no status".to_owned(),
            }),
            _ if !self.ray.admits(&session, head.token.as_ref().map(Token::expose)) => Err(Error::Refused {
                route,
                status: 401,
                body: "Unauthorized: Invalid or missing authentication token".to_owned(),
            }),
            other => Ok((session, other)),
        }
    }

    fn reach(&self, route: &Route) -> Result<SessionId, Unreachable> {
        match route {
            Route::Direct { authority } => reach(&self.server, &self.ray, authority.as_str()),
            Route::Proxy { namespace, service } => {
                let service = Key::new("Service", namespace.as_str(), service.as_str());
                through(&self.server, &self.ray, &service, None)
            }
        }
    }
}

impl Dashboard for SimDashboard {
    fn get_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, Option<JobInfo>> {
        Box::pin(async move {
            let (session, behaviour) = self.call(head).await?;
            Ok(match behaviour {
                Some(Behaviour::Forgets) => None,
                Some(Behaviour::Claims(status)) => Some(JobInfo::new(status)),
                _ => self.ray.record(&session, submission_id),
            })
        })
    }

    fn stop_job<'a>(&'a self, head: &'a Head, submission_id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let (session, _) = self.call(head).await?;
            Ok(self.ray.stop(&session, submission_id))
        })
    }
}
