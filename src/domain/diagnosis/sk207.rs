//! A Secret or ConfigMap changed, and no pod was started again since.

use super::{Finding, Scene, old_pods::OldPods};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    OldPods::of(scene)
        .into_iter()
        .filter(|pods| !pods.is_split())
        .map(|pods| {
            let who = pods.who(scene);
            pods.finding(scene, "SK207", &who)
        })
        .collect()
}
