//! One mistake, all of them, and how a person reads them.

use std::{fmt, ops::Range};

use super::excerpt::Excerpt;
use crate::domain::place::Position;

/// Something in a file that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column, from 1, the column in bytes.
    pub position: Position,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub what: String,
    /// What could stand there instead.
    pub allowed: Vec<String>,
    /// The allowed word that was probably meant.
    pub did_you_mean: Option<String>,
    /// The next step.
    pub help: Option<String>,
    /// Inert path of the file.
    pub(super) file: String,
    pub(super) excerpt: Option<Excerpt>,
}

impl Mistake {
    /// Adds what could stand there instead, and of that what `written` was probably meant to be.
    #[must_use]
    pub fn instead<S: Into<String>>(
        mut self,
        written: &str,
        allowed: impl IntoIterator<Item = S>,
    ) -> Self {
        self.allowed = allowed.into_iter().map(Into::into).collect();
        self.did_you_mean =
            nearest(written, self.allowed.iter().map(String::as_str)).map(str::to_owned);
        self
    }

    /// Adds the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Inert path of the file it is in.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for Mistake {
    /// As rustc shows it: what, where, the line with a caret, what is allowed, the next step.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(formatter, "error: {}", self.what)?;
        write!(formatter, "{margin}--> {}:{line}:{column}", self.file)?;
        if let Some(excerpt) = &self.excerpt {
            let indent = " ".repeat(excerpt.indent);
            let caret = "^".repeat(excerpt.width);
            write!(formatter, "\n{margin} |")?;
            write!(formatter, "\n{number} | {}", excerpt.line)?;
            write!(formatter, "\n{margin} | {indent}{caret}")?;
        }
        if !self.allowed.is_empty() {
            write!(formatter, "\n{margin} = allowed: {}", list(&self.allowed))?;
        }
        if let Some(word) = &self.did_you_mean {
            write!(formatter, "\n{margin} = help: did you mean `{word}`?")?;
        }
        if let Some(help) = &self.help {
            write!(formatter, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

/// The most allowed words that one message lists.
const MOST_LISTED: usize = 40;

fn list(words: &[String]) -> String {
    let shown: Vec<_> = words.iter().take(MOST_LISTED).map(|word| format!("`{word}`")).collect();
    let more = words.len().saturating_sub(MOST_LISTED);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Every mistake of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Adds those of another check.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In file order.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// Puts them into file order and drops what is said twice of one place.
    pub fn sort(&mut self) {
        self.0.sort_by(|left, right| {
            (&left.file, left.position, &left.what).cmp(&(&right.file, right.position, &right.what))
        });
        self.0.dedup_by(|later, earlier| {
            (&later.file, later.position, &later.what)
                == (&earlier.file, earlier.position, &earlier.what)
        });
    }
}

impl fmt::Display for Mistakes {
    /// All of them with a blank line between, without a newline at the end. Of a file with hundreds,
    /// which is no file of ours, the first two hundred.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_SHOWN: usize = 200;
        for (index, mistake) in self.0.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            mistake.fmt(formatter)?;
        }
        if self.0.len() > MOST_SHOWN {
            write!(formatter, "\n\nand {} more mistakes", self.0.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The candidate that `written` was probably meant to be: few letters differ, case and the kind of
/// dash aside.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let written = plain(written);
    let letters = written.chars().count();
    if letters > 100 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&written, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (letters.max(candidate.chars().count()) / 3).clamp(1, 4)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
