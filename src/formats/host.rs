//! What another machine answers through `ssh`: a report of the stalekey that is installed there, or
//! what a plain shell could tell (`assets/host.sh`).
//!
//! Every line of the shell begins with a word that this run made up, so that a greeting that the
//! login prints is passed over. Nothing that stands in it is trusted to be short or printable.

use std::time::Duration;

use crate::{
    domain::{
        damage::Flag,
        fingerprint::Fingerprint,
        inert::{inert, inert_within},
        mask::bucket_of_name,
    },
    formats::{
        Refusal,
        report::{Report, parse, word},
    },
};

/// No machine has more rows for one layer.
const MOST: usize = 2_000;

/// The script that runs there, after its prologue.
pub const SCRIPT: &str = include_str!("../../assets/host.sh");

/// What came back.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// stalekey is installed there, and reported.
    Reported(Result<Box<Report>, Refusal>),
    /// A plain shell told what it could.
    Told(Told),
    /// The script was not run to its end, or not at all.
    Broken,
}

/// What a plain shell told.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Why it could tell nothing, in one word.
    pub failed: Option<String>,
    /// The file.
    pub file: Option<FileTold>,
    /// The processes that fit.
    pub processes: Vec<ProcessTold>,
    /// So many processes may not be seen well enough to tell whether they fit.
    pub hidden: u32,
    /// Seconds since 1970 by its clock, at the end.
    pub now: Option<i64>,
    /// Seconds since it was started, and ticks per second.
    pub uptime: Option<(Duration, u64)>,
}

/// What a plain shell told of a file.
#[derive(Debug, Default, PartialEq)]
pub struct FileTold {
    /// `read`, `absent`, `denied`, `other` or `large`.
    pub state: String,
    /// mtime, in seconds since 1970 by its clock.
    pub modified: Option<i64>,
    /// Assignments of the variables that every reader takes as one.
    pub lines: Vec<LineTold>,
    /// Lines that only their reader can tell what they are.
    pub others: u32,
}

/// An assignment on one line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineTold {
    /// From 1.
    pub line: u32,
    /// Which of the variables, from 0.
    pub variable: usize,
    /// `export` stands before it.
    pub exported: bool,
    /// What stands around the value.
    pub quote: Quote,
    /// Of the value with its quotes.
    pub written: Fingerprint,
    /// Of the value without them.
    pub value: ToldValue,
}

/// What stands around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// Nothing.
    None,
    /// `'`.
    Single,
    /// `"`.
    Double,
}

/// What a plain shell told of a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldValue {
    /// The first 128 bits of its fingerprint under the key of the run.
    pub fingerprint: Fingerprint,
    /// Bucket of its length.
    pub bucket: &'static str,
    /// Which of the public beginnings it has, from 0.
    pub prefix: Option<usize>,
    /// Damage.
    pub flags: Vec<Flag>,
}

/// What a plain shell told of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessTold {
    /// Its id.
    pub pid: u32,
    /// The oldest ancestor of the same name, or itself.
    pub oldest: u32,
    /// Its own start and that of the oldest, in ticks since the machine was started.
    pub started: (u64, u64),
    /// Its user, inert.
    pub user: String,
    /// Its program, inert.
    pub program: String,
    /// What can be seen of its environment.
    pub environment: EnvironmentTold,
}

/// What can be seen of the environment of a process.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvironmentTold {
    /// These of the variables, from 0, with what was told of their values.
    Open(Vec<(usize, ToldValue)>),
    /// It belongs to another user.
    Denied,
    /// It was overwritten.
    Erased,
}

/// Reads an answer; `word` begins every line of the script.
pub fn read(answer: &[u8], mark: &str) -> Answer {
    if let Some(report) = reported(answer, mark) {
        return Answer::Reported(parse(report).map(Box::new));
    }
    let mut told = Told::default();
    let mut complete = false;
    for line in answer.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some(line) = line.strip_prefix(mark).and_then(|rest| rest.strip_prefix('\t')) else {
            continue;
        };
        let words: Vec<&str> = line.split('\t').collect();
        if told.take(&words).is_none() {
            return Answer::Broken;
        }
        complete |= matches!(words.as_slice(), ["done"] | ["failed", _]);
    }
    if complete { Answer::Told(told) } else { Answer::Broken }
}

/// What stands between the line that announces a report and the one that says that it is whole.
fn reported<'a>(answer: &'a [u8], mark: &str) -> Option<&'a [u8]> {
    let (begin, end) = (format!("{mark}\treport\n"), format!("{mark}\treported\n"));
    let begin_at = memchr::memmem::find(answer, begin.as_bytes())? + begin.len();
    let rest = answer.get(begin_at..)?;
    rest.get(..memchr::memmem::find(rest, end.as_bytes())?)
}

impl Told {
    /// `None` for a line that no script of this version prints.
    fn take(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["report" | "unreported" | "done" | "none"] => {}
            ["failed", why] => self.failed = Some(inert_within(why, 40)),
            ["file", state] => {
                self.file =
                    Some(FileTold { state: inert_within(state, 40), ..FileTold::default() });
            }
            ["file", state, modified, kind] => {
                self.file = Some(FileTold {
                    state: inert_within(state, 40),
                    modified: modified.parse().ok(),
                    others: u32::from(*kind != "text"),
                    lines: Vec::new(),
                });
            }
            ["others", count] => self.file.as_mut()?.others += count.parse::<u32>().ok()?,
            ["line", line, variable, exported, quote, written, value @ ..] => {
                let file = self.file.as_mut().filter(|file| file.lines.len() < MOST)?;
                file.lines.push(LineTold {
                    line: line.parse().ok()?,
                    variable: variable.parse::<usize>().ok()?.checked_sub(1)?,
                    exported: *exported == "1",
                    quote: match *quote {
                        "none" => Quote::None,
                        "single" => Quote::Single,
                        "double" => Quote::Double,
                        _ => return None,
                    },
                    written: hash(written)?,
                    value: value_of(value)?,
                });
            }
            ["process", pid, oldest, own, since, user, program, environment] => {
                (self.processes.len() < MOST).then_some(())?;
                self.processes.push(ProcessTold {
                    pid: pid.parse().ok()?,
                    oldest: oldest.parse().ok()?,
                    started: (own.parse().ok()?, since.parse().ok()?),
                    user: inert(user),
                    program: inert(program),
                    environment: match *environment {
                        "open" => EnvironmentTold::Open(Vec::new()),
                        "denied" => EnvironmentTold::Denied,
                        "erased" => EnvironmentTold::Erased,
                        _ => return None,
                    },
                });
            }
            ["value", pid, variable, value @ ..] => {
                let pid: u32 = pid.parse().ok()?;
                let process = self.processes.iter_mut().rfind(|process| process.pid == pid)?;
                let EnvironmentTold::Open(values) = &mut process.environment else { return None };
                values.push((variable.parse::<usize>().ok()?.checked_sub(1)?, value_of(value)?));
            }
            ["gone", pid] => {
                let pid: u32 = pid.parse().ok()?;
                self.processes.retain(|process| process.pid != pid);
            }
            ["none", hidden] => self.hidden = hidden.parse().ok()?,
            ["clock", now, uptime, ticks] => {
                self.now = now.parse().ok();
                let uptime = uptime.parse::<f64>().ok();
                let uptime = uptime.and_then(|it| Duration::try_from_secs_f64(it).ok());
                self.uptime = uptime.zip(ticks.parse().ok().filter(|ticks| *ticks > 0));
            }
            _ => return None,
        }
        Some(())
    }
}

/// A hash, whose hex digits are letters from `g` to `v`.
fn hash(text: &str) -> Option<Fingerprint> {
    let digit = |letter: u8| char::from_digit(u32::from(letter.checked_sub(b'g')?), 16);
    Fingerprint::of_hex(&text.bytes().map(digit).collect::<Option<String>>()?)
}

/// Fingerprint, and what `facts` of the script prints as one or three words.
fn value_of(words: &[&str]) -> Option<ToldValue> {
    let (fingerprint, facts) = words.split_first()?;
    let facts: Vec<&str> = facts.iter().flat_map(|words| words.split(' ')).collect();
    let [bucket, prefix, flags] = facts.as_slice() else { return None };
    Some(ToldValue {
        fingerprint: hash(fingerprint)?,
        bucket: bucket_of_name(bucket)?,
        prefix: prefix.parse::<usize>().ok()?.checked_sub(1),
        flags: flags.split(',').filter_map(word).collect(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HASH: &str = "gghhiijjkkllmmnnooppqqrrssttuuvvgghhiijjkkllmmnnooppqqrrssttuuvv";

    fn answer(lines: &[&str]) -> Answer {
        let mut text = "Welcome to web-1!\nN\n\u{7}process\n".to_owned();
        for line in lines {
            text.push_str(&line.replace(' ', "\t").replace("HASH", HASH));
            text.push('\n');
        }
        read(text.as_bytes(), "N")
    }

    fn told(lines: &[&str]) -> Told {
        match answer(lines) {
            Answer::Told(told) => told,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_told_line_by_line() {
        let told = told(&[
            "N unreported",
            "N file read 1700000000 text",
            "N line 3 1 1 double HASH HASH 64+ 2 -",
            "last login: today",
            "N line 7 2 0 none HASH HASH 8-15 0 -,cr,quoted",
            "N others 1",
            "N clock 1700000100 12.5 100",
            "N done",
        ]);
        let file = told.file.unwrap();
        assert_eq!((file.others, file.modified, file.lines.len()), (1, Some(1_700_000_000), 2));
        let first = &file.lines[0];
        assert_eq!((first.line, first.variable, first.exported), (3, 0, true));
        assert_eq!((first.quote, first.value.prefix), (Quote::Double, Some(1)));
        let second = &file.lines[1];
        assert_eq!((second.value.bucket, second.value.prefix), ("8-15", None));
        assert_eq!(second.value.flags, [Flag::Cr, Flag::Quoted]);
        assert_eq!(
            (told.now, told.uptime),
            (Some(1_700_000_100), Some((Duration::from_millis(12_500), 100)))
        );
    }

    #[test]
    fn processes_are_told_with_their_values_and_those_that_ended_are_not() {
        let told = told(&[
            "N process 7 5 300 200 www gunicorn open",
            "N value 7 1 HASH 64+ 1 -",
            "N process 8 8 300 300 root x denied",
            "N process 9 9 300 300 root x erased",
            "N process 10 10 300 300 root x open",
            "N gone 10",
            "N none 2",
            "N done",
        ]);
        assert_eq!((told.processes.len(), told.hidden), (3, 2));
        assert_eq!((told.processes[0].oldest, told.processes[0].started), (5, (300, 200)));
        assert!(
            matches!(&told.processes[0].environment, EnvironmentTold::Open(values) if values.len() == 1)
        );
        assert_eq!(told.processes[1].environment, EnvironmentTold::Denied);
        assert_eq!(told.processes[2].environment, EnvironmentTold::Erased);
    }

    #[test]
    fn a_report_is_taken_where_it_is_whole() {
        let refused = answer(&["N report", "{}", "N reported"]);
        assert!(matches!(refused, Answer::Reported(Err(_))));
        let fallen_back = told(&["N report", "{}", "N unreported", "N failed sha"]);
        assert_eq!(fallen_back.failed.as_deref(), Some("sha"));
    }

    #[rstest]
    #[case::nothing(&[])]
    #[case::cut_off(&["N file absent"])]
    #[case::unknown(&["N other", "N done"])]
    #[case::no_number(&["N value x 1 HASH 0 0 -", "N done"])]
    #[case::no_hash(&["N file read 1 text", "N line 1 1 0 none 00 HASH 0 0 -", "N done"])]
    #[case::of_no_file(&["N line 1 1 0 none HASH HASH 0 0 -", "N done"])]
    #[case::of_no_process(&["N value 1 1 HASH 0 0 -", "N done"])]
    #[case::another_mark(&["M done"])]
    fn what_is_not_whole_is_no_answer(#[case] lines: &[&str]) {
        assert_eq!(answer(lines), Answer::Broken);
    }
}
