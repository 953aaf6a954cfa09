//! The confirmation of a rotation for people, on a terminal.

use std::io::{self, Write};

use crate::{
    domain::{
        age::age,
        rotation::{Evidence, MemberState, Word},
    },
    report::{Style, page::Page},
};

/// Writes each layer, what has to be so, and the word.
///
/// # Errors
/// Those of the writer.
pub fn write(evidence: &Evidence, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (progress, confirmation) = (&evidence.progress, &evidence.confirmation);
    let mut page = Page::default();
    let word = confirmation.word.text();
    let environments = progress.environments.join(", ");
    page.line(&format!(
        "{}: {word}   (`{}` in {environments})",
        progress.rotation, progress.credential
    ));
    page.gap();
    let width = progress.members.iter().map(|it| it.member.label().chars().count()).max();
    let width = width.unwrap_or(0).min(30);
    for member in &progress.members {
        let glyph = match (member.state, style.ascii) {
            (MemberState::Moved, false) => "✓",
            (MemberState::Moved, true) => "+",
            (MemberState::Old | MemberState::Wrong, false) => "✗",
            (MemberState::Old | MemberState::Wrong, true) => "x",
            (MemberState::Unknown, _) => "?",
            (MemberState::NotNeeded, _) => "-",
        };
        let arrow = if style.ascii { "->" } else { "→" };
        let since = member.since.filter(|_| member.state == MemberState::Moved);
        let since = since.map(|at| {
            format!(
                "   since {} ({})",
                super::evidence::whole_seconds(at),
                age(evidence.generated_at, at)
            )
        });
        page.line(&format!(
            "{glyph} {:<width$}  {} {arrow} {}{}",
            member.member.label(),
            member.before.as_deref().unwrap_or("–"),
            member.now.as_deref().unwrap_or("–"),
            since.unwrap_or_default()
        ));
        if matches!(member.state, MemberState::Old | MemberState::Wrong | MemberState::Unknown) {
            page.indented(4, &member.reason);
        }
    }
    page.gap();
    for step in &confirmation.steps {
        let answer = match step.done {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        page.fact(answer, &step.text);
    }
    page.gap();
    let next = match confirmation.word {
        Word::Rotated => "rotated: every layer moved, the new key works and the old one is refused",
        Word::NotRotated => "not rotated; in the order of what to do next:",
        Word::NotProven => "not proven: nothing speaks against it, and this could not be known:",
    };
    page.paragraph(next);
    for gap in &confirmation.gaps {
        page.indented(2, &format!("- {gap}"));
    }
    out.write_all(page.as_str().as_bytes())
}
