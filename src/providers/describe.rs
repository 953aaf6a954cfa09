//! What a provider's answers mean, in words: the rows of its file for a person who reads them.

use crate::{
    domain::outcome::{Confidence, Outcome},
    providers::{
        Provider,
        file::{AnswerEntry, Condition, Scalar, Status, VariantEntry},
        usual,
    },
};

/// One row of the table of answers, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// `401`, `5xx`.
    pub status: String,
    /// What the answer has to show besides; empty when the status is enough.
    pub when: String,
    /// What it means.
    pub outcome: Outcome,
    /// The same for people.
    pub meaning: String,
    /// Where it comes from: a name of the file's sources, or a sentence.
    pub source: String,
    /// How well it is supported.
    pub confidence: Confidence,
}

impl Provider {
    /// Every answer that the file knows, in the order in which rows are tried. The one that accepts
    /// a key comes after the others of its status, since those are tried before it.
    pub fn answers(&self) -> Vec<AnswerRow> {
        let mut rows: Vec<AnswerRow> = self.rows().map(|row| self.described(row)).collect();
        let Some(success) = &self.file().success else { return rows };
        let status = success.status.to_string();
        let at = rows.iter().rposition(|row| row.status == status).map_or(0, |last| last + 1);
        let accepted = AnswerRow {
            status,
            when: success.when.in_words(),
            outcome: Outcome::Alive,
            meaning: success.meaning.clone().unwrap_or_default(),
            source: success.source.clone().unwrap_or_default(),
            confidence: self.confidence(),
        };
        rows.insert(at, accepted);
        rows
    }

    fn described(&self, row: &AnswerEntry) -> AnswerRow {
        let mut when = row.when.as_ref().map(Condition::in_words).unwrap_or_default();
        if !row.only.is_empty() {
            let only = format!("the key's form is {}", row.only.join(" or "));
            when = if when.is_empty() { only } else { format!("{only}, and {when}") };
        }
        let mentioned = if row.unmentioned.is_empty() { "…" } else { &row.unmentioned };
        let meaning = row.meaning.as_deref().unwrap_or_default();
        let source = row.source.clone().unwrap_or_default();
        AnswerRow {
            status: row.status.in_words(),
            when,
            outcome: row.outcome,
            meaning: meaning.replace("{mentioned}", mentioned),
            source: if usual::is_one(row) { "usual".to_owned() } else { source },
            confidence: self.confidence_of(row),
        }
    }
}

impl VariantEntry {
    /// `asked at /path, the key in x-api-key`.
    pub(crate) fn in_words(&self) -> String {
        let parts = [
            self.path.as_ref().map(|path| format!("asked at {path}")),
            self.header.as_ref().map(|header| format!("the key in {header}")),
            self.scheme.map(|scheme| format!("as {}", scheme.name())),
            self.username.as_ref().map(|username| format!("its user {username}")),
        ];
        let headers = self.headers.keys().map(|name| format!("with {name}"));
        parts.into_iter().flatten().chain(headers).collect::<Vec<_>>().join(", ")
    }
}

impl Status {
    fn in_words(&self) -> String {
        match self {
            Self::Exact(status) => status.to_string(),
            Self::Class(class) => class.clone(),
        }
    }
}

impl Condition {
    fn in_words(&self) -> String {
        let several = |conditions: &[Self], word: &str| {
            conditions.iter().map(Self::in_words).collect::<Vec<_>>().join(word)
        };
        if let Some(conditions) = &self.any {
            return several(conditions, " or ");
        }
        if let Some(conditions) = &self.all {
            return several(conditions, " and ");
        }
        if let Some(texts) = &self.body_contains {
            let texts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
            return format!("says {}", texts.join(" or "));
        }
        if let Some(part) = &self.content_type {
            return format!("content type {part}");
        }
        let subject = match (&self.pointer, &self.header) {
            (Some(pointer), _) if pointer.is_empty() => "JSON".to_owned(),
            (Some(pointer), _) => pointer.clone(),
            (_, Some(header)) => format!("header {header}"),
            _ => String::new(),
        };
        match (&self.equals, &self.one_of, self.exists) {
            (Some(value), ..) => format!("{subject} = {}", value.in_words()),
            (_, Some(values), _) => {
                let values: Vec<String> = values.iter().map(Scalar::in_words).collect();
                format!("{subject} = {}", values.join(" or "))
            }
            (_, _, Some(false)) => format!("no {subject}"),
            _ => format!("has {subject}"),
        }
    }
}

impl Scalar {
    fn in_words(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}
