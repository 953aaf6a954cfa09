//! What the history of an inventory is made of, and the rotations that it tells of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::rotation::{End, Member, NewKey, Recorded, RecordedKey, Rotation, Tick, Word};

/// One thing that happened. An event of a newer version is kept in the chain, and says nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A rotation began, with what every layer held.
    Opened(Box<Opened>),
    /// The new key was named, or named again.
    NewKey {
        /// The rotation.
        rotation: String,
        /// How it was named.
        new: NewKey,
    },
    /// A page of the checklist was ticked, or noted on.
    Page {
        /// The rotation.
        rotation: String,
        /// The layer.
        member: Member,
        /// What was noted.
        #[serde(flatten)]
        tick: Tick,
    },
    /// It was looked whether the rotation is done.
    Confirmed {
        /// The rotation.
        rotation: String,
        /// What came of it.
        word: Word,
        /// What was missing for `rotated`.
        gaps: Vec<String>,
        /// What every layer held then.
        rows: Vec<Recorded>,
        /// SHA-256 of the evidence that was written, as `sha256:…`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
    },
    /// The rotation was given up.
    GivenUp {
        /// The rotation.
        rotation: String,
    },
    /// Something that a newer version wrote.
    #[serde(other)]
    Unknown,
}

/// How a rotation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Its id.
    pub rotation: String,
    /// The credential.
    pub credential: String,
    /// The environments.
    pub environments: Vec<String>,
    /// The keys that are to go.
    pub old: Vec<RecordedKey>,
    /// The key that is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<NewKey>,
    /// What every layer held.
    pub rows: Vec<Recorded>,
    /// Which salt or team key the fingerprints are made with (SECURITY F2).
    pub fingerprint_id: String,
    /// SHA-256 of the inventory, as `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
}

/// The rotations that these events tell of, in the order in which they began.
pub fn rotations<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Vec<Rotation> {
    let mut rotations: Vec<Rotation> = Vec::new();
    for (at, event) in events {
        match event {
            Event::Opened(opened) => rotations.push(Rotation {
                id: opened.rotation.clone(),
                credential: opened.credential.clone(),
                environments: opened.environments.clone(),
                opened_at: at,
                old: opened.old.clone(),
                new: opened.new.clone(),
                baseline: opened.rows.clone(),
                ticks: std::collections::BTreeMap::new(),
                end: None,
            }),
            Event::NewKey { rotation, new } => {
                if let Some(rotation) = find(&mut rotations, rotation) {
                    rotation.new = Some(new.clone());
                }
            }
            Event::Page { rotation, member, tick } => {
                if let Some(rotation) = find(&mut rotations, rotation) {
                    rotation.ticks.insert(member.clone(), tick.clone());
                }
            }
            Event::Confirmed { rotation, word, .. } => {
                if let Some(rotation) = find(&mut rotations, rotation)
                    && *word == Word::Rotated
                {
                    rotation.end.get_or_insert(End { at, rotated: true });
                }
            }
            Event::GivenUp { rotation } => {
                if let Some(rotation) = find(&mut rotations, rotation) {
                    rotation.end.get_or_insert(End { at, rotated: false });
                }
            }
            Event::Unknown => {}
        }
    }
    rotations
}

fn find<'a>(rotations: &'a mut [Rotation], id: &str) -> Option<&'a mut Rotation> {
    rotations.iter_mut().find(|rotation| rotation.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(id: &str) -> Event {
        Event::Opened(Box::new(Opened {
            rotation: id.to_owned(),
            credential: "openai".to_owned(),
            environments: vec!["production".to_owned()],
            old: vec![],
            new: None,
            rows: vec![],
            fingerprint_id: "ABCDEFGH".to_owned(),
            inventory: None,
        }))
    }

    fn told(events: &[Event]) -> Vec<Rotation> {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        rotations((0..).zip(events).map(|(second, event)| (at(second), event)))
    }

    #[test]
    fn events_add_up_to_rotations() {
        let member =
            Member { environment: "production".to_owned(), layer: "api".to_owned(), host: None };
        let tick = Tick { done: true, note: Some("asked the team".to_owned()) };
        let confirmed = |word| Event::Confirmed {
            rotation: "openai-1".to_owned(),
            word,
            gaps: vec![],
            rows: vec![],
            evidence: None,
        };
        let last4 = NewKey::Last4("f3A9".to_owned());
        let mut events = vec![
            opened("openai-1"),
            Event::NewKey { rotation: "openai-1".to_owned(), new: last4.clone() },
            Event::Page {
                rotation: "openai-1".to_owned(),
                member: member.clone(),
                tick: tick.clone(),
            },
            confirmed(Word::NotProven),
            Event::Unknown,
        ];
        let [rotation] = &told(&events)[..] else { panic!("one") };
        assert!(rotation.is_open());
        assert_eq!((&rotation.new, rotation.ticks.get(&member)), (&Some(last4), Some(&tick)));
        events.push(confirmed(Word::Rotated));
        events.push(opened("openai-2"));
        events.push(Event::GivenUp { rotation: "openai-2".to_owned() });
        let ends: Vec<bool> =
            told(&events).iter().filter_map(|it| Some(it.end.as_ref()?.rotated)).collect();
        assert_eq!(ends, [true, false]);
    }

    #[test]
    fn what_a_newer_version_wrote_is_passed_over() {
        let newer = r#"{"event":"signed_by_two","by":["a","b"]}"#;
        assert_eq!(serde_json::from_str::<Event>(newer).unwrap(), Event::Unknown);
        let more = r#"{"event":"given_up","rotation":"openai-1","why":"a field of tomorrow"}"#;
        let expected = Event::GivenUp { rotation: "openai-1".to_owned() };
        assert_eq!(serde_json::from_str::<Event>(more).unwrap(), expected);
    }
}
