//! Some pods of a workload have the old key, others do not.

use super::{Finding, Scene, old_pods::OldPods};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    OldPods::of(scene)
        .into_iter()
        .filter(OldPods::is_split)
        .map(|pods| {
            let who = pods.who(scene);
            pods.finding(scene, "SK209", &who)
        })
        .collect()
}
