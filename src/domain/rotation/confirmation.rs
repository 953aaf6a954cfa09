//! Whether a rotation is done: `rotated`, `not rotated` or `not proven`, and what is missing.

use serde::{Deserialize, Serialize};

use crate::domain::{
    outcome::Outcome,
    rotation::{KeyStanding, MemberState, Progress},
};

/// What is true of a rotation. There is no fourth word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Every layer holds the new key, the provider accepts it and refuses the old one.
    Rotated,
    /// Something of that is known not to be so.
    NotRotated,
    /// Nothing speaks against it, and something could not be known.
    NotProven,
}

impl Word {
    /// As it is said.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::NotRotated => "not rotated",
            Self::NotProven => "not proven",
        }
    }

    /// As it is written for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::NotRotated => "not_rotated",
            Self::NotProven => "not_proven",
        }
    }
}

/// One thing that has to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What has to be so.
    pub name: &'static str,
    /// Whether it is; `None` where that cannot be known.
    pub done: Option<bool>,
    /// How it stands, in one sentence.
    pub text: String,
}

/// Whether a rotation is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The word.
    pub word: Word,
    /// What has to be so, in the order in which it comes about.
    pub steps: Vec<Step>,
    /// What keeps it from being `rotated`: first what is wrong, then what could not be known.
    pub gaps: Vec<String>,
}

/// Judges how far a rotation has come.
pub fn confirm(progress: &Progress) -> Confirmation {
    let steps = vec![moved(progress), readable(progress), accepted(progress), refused(progress)];
    let mut gaps = Vec::new();
    for wanted in [Some(false), None] {
        let members = progress.members.iter().filter(|member| match member.state {
            MemberState::Old | MemberState::Wrong => wanted == Some(false),
            MemberState::Unknown => wanted.is_none(),
            MemberState::Moved | MemberState::NotNeeded => false,
        });
        gaps.extend(members.map(|it| format!("`{}`: {}", it.member.label(), it.reason)));
        let keys = steps[2..].iter().filter(|step| step.done == wanted);
        gaps.extend(keys.map(|step| step.text.clone()));
    }
    let word = if steps.iter().any(|step| step.done == Some(false)) {
        Word::NotRotated
    } else if steps.iter().all(|step| step.done == Some(true)) && gaps.is_empty() {
        Word::Rotated
    } else {
        Word::NotProven
    };
    Confirmation { word, steps, gaps }
}

fn moved(progress: &Progress) -> Step {
    let (moved, total) = (progress.moved(), progress.total());
    let behind = progress
        .members
        .iter()
        .any(|member| matches!(member.state, MemberState::Old | MemberState::Wrong));
    let done = match (behind, moved == total && total > 0) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    };
    Step {
        name: "every layer holds the new key",
        done,
        text: format!("{moved} of {total} layers hold the new key"),
    }
}

fn readable(progress: &Progress) -> Step {
    let unknown =
        progress.members.iter().filter(|member| member.state == MemberState::Unknown).count();
    Step {
        name: "nothing is left unknown",
        done: (unknown == 0).then_some(true),
        text: match unknown {
            0 => "every layer could be read".to_owned(),
            1 => "1 layer could not be judged".to_owned(),
            many => format!("{many} layers could not be judged"),
        },
    }
}

fn accepted(progress: &Progress) -> Step {
    let (done, text) = match &progress.new {
        None if progress.new_named.is_none() => (None, "the new key has not been named".to_owned()),
        None => (None, "nothing here holds the new key, so it was not asked about".to_owned()),
        Some(new) => match new.outcome {
            Some(outcome) if outcome.accepted() => (
                Some(true),
                format!("the provider accepts the new key {}{}", new.key.mask, answer(new)),
            ),
            Some(outcome) if outcome.refused() => (
                Some(false),
                format!("the provider refuses the new key {}{}", new.key.mask, answer(new)),
            ),
            _ => (
                None,
                format!(
                    "whether the provider accepts the new key {} is not known{}",
                    new.key.mask,
                    why(new)
                ),
            ),
        },
    };
    Step { name: "the provider accepts the new key", done, text }
}

fn refused(progress: &Progress) -> Step {
    const NAME: &str = "the provider refuses the old key";
    let step = |done, text: String| Step { name: NAME, done, text };
    let not_new = |old: &&KeyStanding| {
        progress.new.as_ref().is_none_or(|new| new.key.fingerprint != old.key.fingerprint)
    };
    let old: Vec<&KeyStanding> = progress.old.iter().filter(not_new).collect();
    if old.is_empty() && !progress.nameless {
        return step(
            None,
            "no old key was recorded, so none can be shown to be refused".to_owned(),
        );
    }
    let alive = old.iter().find(|old| old.outcome.is_some_and(Outcome::accepted));
    if let Some(old) = alive {
        return step(
            Some(false),
            format!(
                "the old key {} is not yet revoked: the provider still accepts it{}",
                old.key.mask,
                answer(old)
            ),
        );
    }
    if progress.nameless {
        return step(
            None,
            "an old key was not recorded: one without a known format is known again only with a \
             team key (`STALEKEY_FP_KEY`); set one, and begin the rotation anew"
                .to_owned(),
        );
    }
    let gone =
        |old: &KeyStanding| matches!(old.outcome, Some(Outcome::Dead | Outcome::AccountDisabled));
    match old.iter().find(|old| !gone(old)) {
        Some(old) if old.outcome.is_none() => step(
            None,
            format!(
                "no layer of this rotation holds the old key {}, so it was not asked about: \
                 `stalekey confirm --old-key -` takes it from standard input",
                old.key.mask
            ),
        ),
        Some(old) => step(
            None,
            format!(
                "whether the provider refuses the old key {} is not known{}",
                old.key.mask,
                why(old)
            ),
        ),
        None => {
            let masks: Vec<&str> = old.iter().map(|old| old.key.mask.as_str()).collect();
            step(
                Some(true),
                format!(
                    "the provider refuses the old key {}{}",
                    masks.join(" and "),
                    old.first().map_or_else(String::new, |old| answer(old))
                ),
            )
        }
    }
}

fn answer(key: &KeyStanding) -> String {
    key.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default()
}

fn why(key: &KeyStanding) -> String {
    match (&key.reason, key.outcome) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(outcome)) => format!(": it answered `{}`", outcome.name()),
        (None, None) => String::new(),
    }
}
