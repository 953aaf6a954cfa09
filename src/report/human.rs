//! The table for people: what is wrong first, then every row.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::{
    domain::{
        age::age,
        container::ContainerFacts,
        diagnosis::{Finding, Severity},
        inert::capitalised,
        restart::told,
        rotation::Progress,
        running::ProcessFacts,
        snapshot::{Row, Snapshot},
        verdict::{Certainty, Verdict},
    },
    report::{Style, verdict_counts},
};

const COLUMNS: usize = 7;

/// Writes the table, the findings and a last line that sums up.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { style };
    write_rows(snapshot, &paint, out)?;
    write_findings(snapshot, &paint, out)?;
    for progress in &snapshot.rotations {
        write_rotation(progress, out)?;
    }
    for notice in &snapshot.notices {
        writeln!(out, "note: {notice}")?;
    }
    writeln!(out, "{}", summary(snapshot))
}

/// `9 rows, 2 keys, 2 requests: 3 stale, 6 current`.
pub fn summary(snapshot: &Snapshot) -> String {
    let summary = &snapshot.summary;
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let asked = if snapshot.offline {
        "offline, nothing was sent".to_owned()
    } else {
        match summary.extra_requests {
            0 => plural(summary.requests, "request"),
            extra => format!("{} (and {extra} extra)", plural(summary.requests, "request")),
        }
    };
    format!(
        "{}, {}, {asked}: {}",
        plural(summary.rows, "row"),
        plural(summary.distinct_keys, "key"),
        verdict_counts(snapshot)
    )
}

fn write_rows(snapshot: &Snapshot, paint: &Paint, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<[String; COLUMNS]> =
        snapshot.rows.iter().map(|row| cells(row, snapshot, paint)).collect();
    let mut widths = [0; COLUMNS];
    for line in &cells {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.width());
        }
    }
    let mut group = None;
    for (row, line) in snapshot.rows.iter().zip(&cells) {
        let identity = &row.identity;
        let here = (&identity.environment, &identity.credential);
        if group != Some(here) {
            if group.is_some() {
                writeln!(out)?;
            }
            let expected = row.expected.as_ref().map_or_else(
                || "no key is expected yet".to_owned(),
                |expected| format!("expected {}: {}", expected.label, expected.by.text()),
            );
            let heading = paint.bold(&format!("{} {} {}", here.0, paint.dot(), here.1));
            writeln!(out, "{heading}  {}", paint.dim(&expected))?;
            group = Some(here);
        }
        let mut text = String::from("  ");
        for (index, (cell, width)) in line.iter().zip(widths).enumerate() {
            let padded = format!("{cell}{}", " ".repeat(width - cell.width()));
            text.push_str(&if index == 0 { paint.verdict(row.verdict, &padded) } else { padded });
            text.push_str("  ");
        }
        writeln!(out, "{}", text.trim_end())?;
        let who = row.evidence.process.as_ref().map(ProcessFacts::who);
        let who = who.or_else(|| row.own_container().map(ContainerFacts::who));
        let why = (row.verdict != Verdict::Current).then(|| row.reason.clone());
        let below: Vec<String> = who.into_iter().chain(why).collect();
        if !below.is_empty() {
            writeln!(out, "      {}", paint.dim(&below.join(": ")))?;
        }
        if let Some(doubt) = row.probe.doubt() {
            let text = format!("{doubt} in what {} means here: it rests on one source", line[5]);
            writeln!(out, "      {}", paint.dim(&text))?;
        }
    }
    if !snapshot.rows.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn cells(row: &Row, snapshot: &Snapshot, paint: &Paint) -> [String; COLUMNS] {
    let glyph = if paint.style.ascii { row.verdict.ascii_glyph() } else { row.verdict.glyph() };
    let likely = if row.certainty == Certainty::Likely { " (likely)" } else { "" };
    let (mask, shown) = row.key().map_or_else(
        || (row.state.name().to_owned(), String::new()),
        |key| (key.mask.clone(), key.shown.clone()),
    );
    let answer = match (row.probe.status, row.key()) {
        (Some(status), _) => format!("{status} {}", row.probe.outcome),
        (None, Some(_)) => row.probe.outcome.name().to_owned(),
        (None, None) => String::new(),
    };
    let since = row.since().map_or_else(String::new, |since| age(snapshot.generated_at, since));
    [
        format!("{glyph} {}{likely}", row.verdict),
        row.label(),
        row.kind.name().to_owned(),
        if paint.style.ascii { mask.replace('…', "...") } else { mask },
        shown,
        answer,
        since,
    ]
}

fn write_findings(snapshot: &Snapshot, paint: &Paint, out: &mut dyn Write) -> io::Result<()> {
    for finding in &snapshot.findings {
        write_finding(finding, &snapshot.rows, paint, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// How far a rotation is, what comes next, and what revoking the old key now would break.
fn write_rotation(progress: &Progress, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "rotation {}: {} of {} layers hold the new key",
        progress.rotation,
        progress.moved(),
        progress.total()
    )?;
    if let Some(next) = progress.next() {
        writeln!(out, "  next: `{}`: {}", next.member.label(), next.reason)?;
    }
    let layers = progress.would_break();
    if !layers.is_empty() {
        writeln!(
            out,
            "  do not revoke the old key yet: {} would break: {}",
            if layers.len() == 1 {
                "1 layer".to_owned()
            } else {
                format!("{} layers", layers.len())
            },
            layers.join(", ")
        )?;
    }
    Ok(())
}

fn write_finding(
    finding: &Finding,
    rows: &[Row],
    paint: &Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let severity = finding.severity;
    let code = paint.severity(severity, &format!("{} {}", finding.code, severity.name()));
    writeln!(out, "{code}: {}", finding.message)?;
    let told = told(finding, rows)
        .filter(|_| finding.restart_helps == Some(true) || severity == Severity::Error);
    if let Some((restart, because)) = told {
        let because = because.map(|because| format!(": {because}")).unwrap_or_default();
        writeln!(out, "  {}{because}.", capitalised(restart))?;
    }
    for fix in &finding.fixes {
        writeln!(out, "  fix: {}", fix.text)?;
        if let Some(command) = &fix.command {
            writeln!(out, "    {}", paint.bold(command))?;
        }
    }
    Ok(())
}

/// Colour by role, from the sixteen of the terminal; nothing when it may not be used.
struct Paint {
    style: Style,
}

impl Paint {
    fn code(&self, code: &str, text: &str) -> String {
        if self.style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.code("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.code("2", text)
    }

    fn dot(&self) -> &'static str {
        if self.style.ascii { "/" } else { "·" }
    }

    fn verdict(&self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Current => "32",
            Verdict::Unproven => "36",
            Verdict::Unreadable => "35",
            _ => "31",
        };
        self.code(code, text)
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;35",
            Severity::Note => "1;36",
        };
        self.code(code, text)
    }
}
