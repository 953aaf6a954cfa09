//! What the findings about pods with an old key have in common. A workload whose pods are all old was
//! not rolled out; one that has some of them did so in part.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{is_old_process, name, quoted},
};
use crate::domain::{
    judge::ago,
    restart::{Action, Obstacle},
    running::PodFacts,
    snapshot::Row,
    verdict::Certainty,
};

/// Most pods that one message names.
const MOST_NAMED: usize = 5;

/// Pods of one workload, for one credential.
pub(super) struct OldPods<'a> {
    /// The old ones.
    rows: Vec<usize>,
    /// The oldest of them.
    row: &'a Row,
    facts: &'a PodFacts,
    /// How many run, old or not.
    running: usize,
}

impl<'a> OldPods<'a> {
    /// Every workload that has old pods.
    pub(super) fn of(scene: &Scene<'a>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (index, row) in scene.rows().filter(|(_, row)| is_old_process(row)) {
            let Some(facts) = row.evidence.pod.as_deref() else { continue };
            let is_same = |known: &&mut Self| {
                known.row.identity.layer == row.identity.layer
                    && known.row.identity.credential == row.identity.credential
                    && group(known.facts) == group(facts)
            };
            if let Some(known) = all.iter_mut().find(is_same) {
                known.rows.push(index);
                if row.evidence.started_at < known.row.evidence.started_at {
                    known.row = row;
                }
            } else {
                let of_it = scene.group(row).into_iter().filter(|other| {
                    let pod = other.evidence.pod.as_deref();
                    other.identity.layer == row.identity.layer
                        && other.evidence.started_at.is_some()
                        && pod.is_some_and(|pod| group(pod) == group(facts))
                });
                all.push(Self { rows: vec![index], row, facts, running: of_it.count() });
            }
        }
        all
    }

    /// Some of its pods are not old.
    pub(super) fn is_split(&self) -> bool {
        self.rows.len() < self.running
    }

    /// Whether new pods would have the expected key.
    fn rolled_out(&self) -> Option<bool> {
        let mut predicted = self.row.after.iter();
        predicted.find(|prediction| prediction.action == Action::RollOut)?.helps
    }

    /// The finding, in these words for who is old.
    pub(super) fn finding(self, scene: &Scene<'a>, code: &'static str, who: &str) -> Finding {
        let started = match self.row.evidence.started_at {
            Some(started) => format!("started {}", ago(scene.now, started)),
            None => "started earlier".to_owned(),
        };
        let tail = match (self.row.key(), self.row.evidence.updated_at) {
            (Some(key), _) => format!(" with the key {}", key.told()),
            (None, Some(changed)) => {
                let place = self.row.place.as_ref().map(ToString::to_string);
                let place = place.unwrap_or_else(|| "what it comes from".to_owned());
                format!(", and `{place}` changed {}", ago(scene.now, changed))
            }
            (None, None) => " with an old key".to_owned(),
        };
        let rolling = match (&self.facts.workload, self.facts.rolling_out) {
            (Some(workload), true) => format!(" `{workload}` is replacing its pods now."),
            _ => String::new(),
        };
        Finding {
            code,
            severity: Severity::Error,
            message: format!(
                "{who} {started}{tail}; a container's variables are fixed when it starts.{rolling}"
            ),
            restart_helps: self.rolled_out(),
            fixes: vec![self.fix(scene)],
            rows: self.rows,
        }
    }

    /// `` Pod `api-1` of `deploy/api` ``, or how many.
    pub(super) fn who(&self, scene: &Scene<'_>) -> String {
        let of = match &self.facts.workload {
            Some(workload) => format!(" of `{workload}`"),
            None => String::new(),
        };
        let count = self.rows.len();
        if count == 1 && !self.is_split() {
            return format!("Pod `{}`{of}", self.facts.name);
        }
        let mut names: Vec<String> = self
            .rows
            .iter()
            .filter_map(|row| scene.rows[*row].evidence.pod.as_deref())
            .map(|pod| format!("`{}`", pod.name))
            .take(MOST_NAMED)
            .collect();
        if count > MOST_NAMED {
            names.push(format!("{} more", count - MOST_NAMED));
        }
        let how_many = if self.is_split() {
            format!("{count} of {} pods{of}", self.running)
        } else {
            format!("All {count} pods{of}")
        };
        let have = match (self.row.certainty, count) {
            (Certainty::Likely, 1) => "likely has",
            (Certainty::Likely, _) => "likely have",
            (Certainty::Certain, 1) => "has",
            (Certainty::Certain, _) => "have",
        };
        let first = if count == 1 { "it" } else { "the oldest" };
        format!("{how_many} {have} an old key ({}): {first}", names.join(", "))
    }

    fn fix(&self, scene: &Scene<'a>) -> Fix {
        if self.rolled_out() == Some(false)
            && let Some(Obstacle::Layer(source)) = scene.obstacle(self.row)
        {
            let source = name(source);
            return Fix::text(format!(
                "update {source} first: new pods would take the same key again"
            ));
        }
        if let Some(command) = &self.row.restart {
            return Fix::command("roll it out", command);
        }
        let PodFacts { name, workload, namespace, context, rolling_out, .. } = self.facts;
        let kubectl = format!("kubectl --context {} -n {}", quoted(context), quoted(namespace));
        let Some(workload) = workload else {
            return Fix::text(format!("delete pod `{name}`, and create it again"));
        };
        let word = quoted(workload);
        match workload.split_once('/').map_or("", |(kind, _)| kind) {
            "deploy" | "sts" | "ds" if *rolling_out => Fix::command(
                "let the roll-out end, then check again",
                format!("{kubectl} rollout status {word}"),
            ),
            "deploy" | "sts" | "ds" => {
                Fix::command("roll it out", format!("{kubectl} rollout restart {word}"))
            }
            "rs" | "rc" => Fix::command(
                "delete the pod: another takes its place",
                format!("{kubectl} delete pod {}", quoted(name)),
            ),
            _ => Fix::text(format!("start `{workload}` again")),
        }
    }
}

fn group(pod: &PodFacts) -> (&str, &str, &str) {
    let workload = pod.workload.as_deref().unwrap_or(&pod.name);
    (&pod.context, &pod.namespace, workload)
}
