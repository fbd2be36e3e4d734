//! Writes the status.

use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_runtime::entry::Entry;

use crate::RayClusterController;
use crate::error::Error;

impl RayClusterController {
    /// Sends `status` as a change of the stored one; refused as a conflict when the object has changed since.
    pub(crate) async fn put_status(&self, object: &RayCluster, status: &RayClusterStatus) -> Result<(), Error> {
        let written = self
            .applier
            .calls
            .write_status(object, object.status.as_ref(), status)
            .await?;
        self.clusters.wrote(Entry::new(written));
        Ok(())
    }
}
