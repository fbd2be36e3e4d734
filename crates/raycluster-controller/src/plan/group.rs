//! One worker group with what its plan rests on, whether its replicas have one host or several.

use std::collections::BTreeSet;

use ray_api::validate::ValidWorkerGroup;

use super::Rules;
use crate::observe::Observed;
use crate::restraint::Restraint;

/// What the plan of every group rests on.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) observed: &'a Observed,
    pub(super) rules: Rules<'a>,
    /// What bounds deletions at the autoscaler's request.
    pub(super) restraint: Option<Restraint<'a>>,
    /// Whether surplus pods go by number: with the autoscaler on they go by name, unless a switch says otherwise.
    pub(super) scales_down: bool,
}

/// A worker group and its index in the spec.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) index: usize,
    pub(super) group: ValidWorkerGroup<'a>,
}

/// The numbers 0, 1, … that are not in use, without a look at those that nobody asks for.
pub(super) fn unused(used: &BTreeSet<i32>) -> impl Iterator<Item = i32> {
    (0..=i32::MAX).filter(|index| !used.contains(index))
}
