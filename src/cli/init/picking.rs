//! The list of what was found, and what a person picks of it: plain lines, on every terminal.

use std::io::{self, BufRead, Write};

use crate::{
    domain::inert::{inert, inert_within},
    survey::Survey,
};

/// The widest a line is; what is longer ends in `…`.
const WIDTH: usize = 79;
/// How often a slip is answered.
const MOST_SLIPS: usize = 5;

/// What was picked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Picked {
    /// These, numbered from 0, sorted.
    These(Vec<usize>),
    /// Nothing.
    Nothing,
}

/// Writes everything that was found.
pub(super) fn list(survey: &Survey, utf8: bool, out: &mut impl Write) -> io::Result<()> {
    let count = survey.proposals.len();
    if count > 0 {
        writeln!(out, "Found {count} {}:\n", if count == 1 { "layer" } else { "layers" })?;
    }
    let indent = count.to_string().len() + 2;
    for (number, proposal) in survey.proposals.iter().enumerate() {
        let layer = &proposal.layer;
        let head = format!(
            "{:>width$}  {}  ({}, {})",
            number + 1,
            inert(&layer.name),
            layer.kind.kind(),
            inert(&layer.environment),
            width = indent - 2,
        );
        writeln!(out, "{}", cut(&head, utf8))?;
        let mut told = vec![proposal.credentials().join(", "), proposal.because.clone()];
        told.extend(layer.source.as_ref().map(|source| format!("source: {source}")));
        for line in told {
            writeln!(out, "{:indent$}{}", "", cut_to(&inert(&line), WIDTH - indent, utf8))?;
        }
    }
    if count > 0 {
        writeln!(out)?;
    }
    Ok(())
}

fn cut(text: &str, utf8: bool) -> String {
    cut_to(text, WIDTH, utf8)
}

fn cut_to(text: &str, width: usize, utf8: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    if utf8 {
        inert_within(text, width)
    } else {
        let kept: String = text.chars().take(width - 3).collect();
        format!("{kept}...")
    }
}

/// Asks which of `count` are wanted.
pub(super) fn pick(
    count: usize,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Picked> {
    for _ in 0..MOST_SLIPS {
        write!(out, "Which ones? Numbers such as `1-4 7`, `all` or `none` [all]: ")?;
        out.flush()?;
        let mut answer = String::new();
        // The end of the input is no answer.
        if input.read_line(&mut answer)? == 0 {
            writeln!(out)?;
            return Ok(Picked::Nothing);
        }
        match read(answer.trim(), count) {
            Ok(picked) => return Ok(picked),
            Err(why) => writeln!(out, "{why}")?,
        }
    }
    Ok(Picked::Nothing)
}

/// What an answer means.
fn read(answer: &str, count: usize) -> Result<Picked, String> {
    match answer.to_ascii_lowercase().as_str() {
        "" | "all" | "a" => return Ok(Picked::These((0..count).collect())),
        "none" | "n" | "q" => return Ok(Picked::Nothing),
        _ => {}
    }
    let mut picked = Vec::new();
    for part in answer.split([' ', ',']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().ok().filter(|it| (1..=count).contains(it));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => picked.extend(first - 1..last),
            _ => return Err(format!("`{}` is none of 1 to {count}", inert_within(part, 20))),
        }
    }
    picked.sort_unstable();
    picked.dedup();
    Ok(if picked.is_empty() { Picked::Nothing } else { Picked::These(picked) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[0, 1, 2, 3, 4])]
    #[case("all", &[0, 1, 2, 3, 4])]
    #[case("none", &[])]
    #[case("1-3 5", &[0, 1, 2, 4])]
    #[case("5,2, 2", &[1, 4])]
    fn answers(#[case] answer: &str, #[case] expected: &[usize]) {
        let expected = match expected {
            [] => Picked::Nothing,
            numbers => Picked::These(numbers.to_vec()),
        };
        assert_eq!(read(answer, 5), Ok(expected));
    }

    #[rstest]
    #[case("0")]
    #[case("6")]
    #[case("3-1")]
    #[case("1-")]
    #[case("yes")]
    #[case("99999999999999999999")]
    fn slips_are_told(#[case] answer: &str) {
        assert!(read(answer, 5).unwrap_err().contains("1 to 5"));
    }

    #[test]
    fn a_slip_is_asked_again_and_the_end_of_the_input_picks_nothing() {
        let mut out = Vec::new();
        let picked = pick(5, &mut b"x\n2\n".as_slice(), &mut out).unwrap();
        assert_eq!(picked, Picked::These(vec![1]));
        assert_eq!(String::from_utf8(out).unwrap().matches("Which ones?").count(), 2);
        assert_eq!(pick(5, &mut b"".as_slice(), &mut Vec::new()).unwrap(), Picked::Nothing);
        let slips = b"x\n".repeat(20);
        assert_eq!(pick(5, &mut slips.as_slice(), &mut Vec::new()).unwrap(), Picked::Nothing);
    }

    #[test]
    fn long_lines_end_visibly() {
        assert_eq!(cut_to("abcdefgh", 5, true), "abcd…");
        assert_eq!(cut_to("abcdefgh", 5, false), "ab...");
        assert_eq!(cut_to("abcde", 5, false), "abcde");
    }
}
