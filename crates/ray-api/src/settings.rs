//! What an administrator sets for a whole process, and rules depend on.

use crate::gates::FeatureGates;
use crate::switches::Switches;

/// The settings of a process. One value of it goes through a whole reconcile.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Environment variables.
    pub switches: Switches,
    /// Feature gates.
    pub gates: FeatureGates,
}
