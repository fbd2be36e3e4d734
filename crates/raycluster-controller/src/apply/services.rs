//! Creates the Services of a cluster.
//!
//! That of the head and the headless one of the workers come before the pods, which find each other by them. No pod needs the
//! serve Service: what keeps it from being made is told, and stops nothing else.

use k8s_openapi::api::core::v1::Service;
use ray_api::{labels, names};
use ray_runtime::cache::Cache;
use ray_runtime::calls::Made;
use ray_runtime::service::{SlimService, WatchedService};

use super::{Applied, Applier, Target};
use crate::build;
use crate::error::Error;
use crate::plan::ServiceKind;

impl Applier {
    /// Creates Services, and notes which of them did not exist before.
    pub(crate) async fn create_services(
        &self,
        target: &Target<'_>,
        kinds: &[ServiceKind],
        applied: &mut Applied,
    ) -> Result<(), Error> {
        let Target { cluster, context, .. } = target;
        let mut new = Vec::new();
        for kind in kinds {
            match kind {
                ServiceKind::Head => {
                    let service = build::head_service(context, cluster);
                    let created = self.create_service(target, service, &self.children.services, labels::CLUSTER);
                    let created = created.await?;
                    applied.new_head_service = created.is_some();
                    new.extend(created);
                }
                ServiceKind::HeadlessWorkers => {
                    let Some(service) = build::headless_worker_service(cluster) else {
                        continue;
                    };
                    let (cache, label) = (&self.children.headless_services, labels::HEADLESS_WORKER_SERVICE);
                    new.extend(self.create_service(target, service, cache, label).await?);
                }
                ServiceKind::Serve => self.create_serve_service(target, applied).await,
            }
            applied.services.append(&mut new);
        }
        Ok(())
    }

    async fn create_serve_service(&self, target: &Target<'_>, applied: &mut Applied) {
        match build::serve_service(target.cluster) {
            Ok(service) => {
                let (cache, label) = (&self.children.serve_services, labels::ORIGINATED_FROM_CR_NAME);
                match self.create_service(target, service, cache, label).await {
                    Ok(created) => applied.services.extend(created),
                    Err(error) => applied.serve = Some(error),
                }
            }
            // Until the spec changes, and then there is a pass.
            Err(error) => {
                let name = names::serve_service(target.cluster.name);
                let error = Error::NoServePort(error.to_string());
                target.story.failed_to_create_service(&name, &error);
            }
        }
    }

    /// Creates a Service that is found by its label `key`; its name unless it existed before.
    async fn create_service(
        &self,
        target: &Target<'_>,
        service: Service,
        cache: &Cache<WatchedService>,
        key: &str,
    ) -> Result<Option<String>, Error> {
        let name = service.metadata.name.clone().unwrap_or_default();
        let told = |error: Error| {
            target.story.failed_to_create_service(&name, &error);
            error
        };
        let made: Made<SlimService> = self
            .calls
            .create_or_read(service)
            .await
            .map_err(Error::from)
            .map_err(told)?;
        let (service, new) = match made {
            Made::New(service) => (WatchedService::labelled(service, key), true),
            Made::Before(service) => (WatchedService::labelled(service, key), false),
        };
        if !service.controlled_by(target.cluster.uid) {
            return Err(told(Error::ForeignService { name: name.clone() }));
        }
        cache.wrote(service);
        Ok(new.then_some(name))
    }
}
