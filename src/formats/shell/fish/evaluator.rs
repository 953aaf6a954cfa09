//! Runs the commands of fish as far as they can be told from the file.

use super::{
    expansion::Wildcards,
    parser::{Command, Job, Link, Pipeline, parse},
    variables::{Flags, Scope, Variables},
    words::Word,
};
use crate::{
    domain::{inert::inert, reading::OpaqueReason},
    formats::{
        files::{Missed, join},
        pattern::matches,
        shell::{
            LEAVES, MADE,
            scanner::Status,
            sources::{NOT_FOUND, NOT_KNOWN, RELATIVE, Sources, unread},
            state::{Certainty, Known, Source},
        },
    },
};

/// Why the commands behind one do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Loop { ends_it: bool },
    File,
    Shell,
}

type Ran = Result<(), Leaves>;

/// A shell that reads a file.
#[derive(Debug)]
pub(super) struct Evaluator<'run, 'caller> {
    pub(super) variables: &'run mut Variables<'caller>,
    pub(super) sources: &'run mut Sources<'caller>,
    pub(super) status: Status,
    /// For each open loop: `break` or `continue` may have left it.
    doubts: Vec<bool>,
    functions: usize,
}

impl<'run, 'caller> Evaluator<'run, 'caller> {
    pub(super) fn new(
        variables: &'run mut Variables<'caller>,
        sources: &'run mut Sources<'caller>,
    ) -> Self {
        Self { variables, sources, status: Status::Success, doubts: Vec::new(), functions: 0 }
    }

    /// Runs a file; `Some` says where fish refuses it.
    pub(super) fn file(
        &mut self,
        text: &[u8],
        certainty: Certainty,
    ) -> (Option<super::parser::Refused>, Ran) {
        let jobs = match parse(text) {
            Ok(jobs) => jobs,
            Err(refused) => return (Some(refused), Ok(())),
        };
        let doubts = std::mem::take(&mut self.doubts);
        self.variables.open(false);
        let ran = self.jobs(&jobs, certainty);
        self.variables.close();
        self.doubts = doubts;
        match ran {
            Err(Leaves::Shell) => (None, ran),
            _ => (None, Ok(())),
        }
    }

    fn jobs(&mut self, jobs: &[Job], certainty: Certainty) -> Ran {
        for job in jobs {
            let Some(certainty) = self.gate(job.link, certainty) else { continue };
            let mut reached = true;
            for (link, pipeline) in &job.pipelines {
                let certainty = if reached { self.gate(*link, certainty) } else { None };
                reached = true;
                if let Some(certainty) = certainty {
                    let before = self.status;
                    self.pipeline(pipeline, certainty)?;
                    if certainty != Certainty::Runs && before != self.status {
                        self.status = Status::Unknown;
                    }
                }
            }
        }
        Ok(())
    }

    /// How a command behind this link runs; `None` when it does not.
    fn gate(&self, link: Link, certainty: Certainty) -> Option<Certainty> {
        match (link, self.status) {
            (Link::Always, _)
            | (Link::OnSuccess, Status::Success)
            | (Link::OnFailure, Status::Failure) => Some(certainty),
            (_, Status::Unknown) => Some(certainty.max(Certainty::Maybe)),
            _ => None,
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, certainty: Certainty) -> Ran {
        let is_fed = pipeline.commands.len() > 1;
        for (index, command) in pipeline.commands.iter().enumerate() {
            self.command(command, certainty, is_fed && index > 0)?;
        }
        if pipeline.in_background {
            self.status = Status::Success;
        }
        if pipeline.negated {
            self.status = match self.status {
                Status::Success => Status::Failure,
                Status::Failure => Status::Success,
                Status::Unknown => Status::Unknown,
            };
        }
        Ok(())
    }

    fn command(&mut self, command: &Command, certainty: Certainty, is_fed: bool) -> Ran {
        match command {
            Command::Simple { at, words } => self.simple(*at, words, certainty, is_fed),
            Command::If { branches, otherwise } => {
                self.condition(branches, otherwise.as_deref(), certainty)
            }
            Command::While { condition, body } => {
                let doubtful = certainty.max(Certainty::Maybe);
                self.jobs(condition, doubtful)?;
                if self.status != Status::Failure {
                    self.turn(body, doubtful)?;
                }
                self.status = Status::Unknown;
                Ok(())
            }
            Command::For { name, name_at, words, body } => {
                self.repeated(name, *name_at, words, body, certainty)
            }
            Command::Begin { body } => self.block(body, certainty),
            Command::Switch { word, cases } => self.choice(word, cases, certainty),
            Command::Function { body } => {
                let status = self.status;
                self.functions += 1;
                self.variables.open(true);
                let doubts = std::mem::take(&mut self.doubts);
                // What it leaves is only itself.
                let _ = self.jobs(body, certainty.max(Certainty::Maybe));
                self.doubts = doubts;
                self.variables.close();
                self.functions -= 1;
                self.status = status;
                Ok(())
            }
        }
    }

    fn block(&mut self, body: &[Job], certainty: Certainty) -> Ran {
        self.variables.open(false);
        let ran = self.jobs(body, certainty);
        self.variables.close();
        ran
    }

    fn condition(
        &mut self,
        branches: &[(Vec<Job>, Vec<Job>)],
        otherwise: Option<&[Job]>,
        certainty: Certainty,
    ) -> Ran {
        let mut certainty = certainty;
        let mut decided = true;
        for (condition, body) in branches {
            self.jobs(condition, certainty)?;
            match self.status {
                Status::Failure => {}
                Status::Success => {
                    self.block(body, certainty)?;
                    if !decided {
                        self.status = Status::Unknown;
                    }
                    return Ok(());
                }
                Status::Unknown => {
                    decided = false;
                    certainty = certainty.max(Certainty::Maybe);
                    self.block(body, certainty)?;
                }
            }
        }
        match otherwise {
            Some(body) => self.block(body, certainty)?,
            None if decided => self.status = Status::Success,
            None => {}
        }
        if !decided {
            self.status = Status::Unknown;
        }
        Ok(())
    }

    fn repeated(
        &mut self,
        name: &str,
        name_at: usize,
        words: &[Word],
        body: &[Job],
        certainty: Certainty,
    ) -> Ran {
        let values = self.expand_all(words);
        // The variable of the loop is a local one, or the global one of that name.
        let scope = match self.variables.scope_of(name) {
            Some(scope @ (Scope::Local(_) | Scope::Global)) if self.functions == 0 => scope,
            _ => self.variables.local(),
        };
        self.doubts.push(false);
        for value in values {
            let may_turn = self.sources.may_turn();
            let mut doubtful = if may_turn { certainty } else { certainty.max(Certainty::Maybe) };
            if matches!(value, Known::Opaque(_)) {
                doubtful = doubtful.max(Certainty::Maybe);
            }
            self.variables.assign(scope, name, name_at, vec![value], Flags::default(), doubtful);
            self.variables.open(false);
            let ran = self.jobs(body, doubtful);
            self.variables.close();
            match ran {
                Err(Leaves::Loop { ends_it: false }) | Ok(()) => {}
                Err(Leaves::Loop { ends_it: true }) => break,
                Err(leaves) => {
                    self.doubts.pop();
                    return Err(leaves);
                }
            }
            if !may_turn {
                break;
            }
        }
        self.doubts.pop();
        self.status = Status::Unknown;
        Ok(())
    }

    /// One turn of a loop that may have any number of them.
    fn turn(&mut self, body: &[Job], certainty: Certainty) -> Ran {
        self.doubts.push(false);
        let ran = self.block(body, certainty);
        self.doubts.pop();
        match ran {
            Err(Leaves::Loop { .. }) | Ok(()) => Ok(()),
            leaves => leaves,
        }
    }

    fn choice(
        &mut self,
        word: &Word,
        cases: &[(Vec<Word>, Vec<Job>)],
        certainty: Certainty,
    ) -> Ran {
        let value = self.expand(word, Wildcards::Files);
        let subject = match value.as_slice() {
            [Known::Bytes(bytes)] => std::str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        };
        let mut certainty = certainty;
        for (patterns, body) in cases {
            let patterns: Vec<Known> = patterns
                .iter()
                .flat_map(|pattern| self.expand(pattern, Wildcards::Pattern))
                .collect();
            let fits = subject.as_ref().and_then(|subject| fits(subject, &patterns));
            match fits {
                Some(false) => {}
                Some(true) => {
                    self.block(body, certainty)?;
                    if certainty != Certainty::Runs {
                        self.status = Status::Unknown;
                    }
                    return Ok(());
                }
                None => {
                    certainty = certainty.max(Certainty::Maybe);
                    self.block(body, certainty)?;
                    self.status = Status::Unknown;
                }
            }
        }
        Ok(())
    }

    fn simple(&mut self, at: usize, words: &[Word], certainty: Certainty, is_fed: bool) -> Ran {
        let certainty =
            if self.doubts.contains(&true) { certainty.max(Certainty::Maybe) } else { certainty };
        let Some((command, arguments)) = words.split_first() else { return Ok(()) };
        let name = match self.expand(command, Wildcards::Files).into_iter().next() {
            Some(Known::Bytes(name)) => name,
            _ => Vec::new(),
        };
        match name.as_slice() {
            b"builtin" | b"command" | b"exec" if !arguments.is_empty() => {
                return self.simple(at, arguments, certainty, is_fed);
            }
            b"true" | b":" => self.status = Status::Success,
            b"false" => self.status = Status::Failure,
            b"set" => self.set(at, arguments, certainty),
            b"export" => self.export(arguments, certainty),
            b"read" => self.read(arguments, certainty),
            b"source" | b"." => return self.source(at, arguments, certainty, is_fed),
            b"test" | b"[" => self.test(&name, arguments),
            b"eval" if !arguments.is_empty() && arguments.iter().all(is_plain) => {
                return self.simple(at, arguments, certainty, is_fed);
            }
            b"eval" | b"bass" | b"fenv" | b"replay" => {
                self.variables.problem(at, MADE);
                self.status = Status::Unknown;
            }
            b"return" if self.functions == 0 && certainty == Certainty::Runs => {
                return Err(Leaves::File);
            }
            b"exit" if self.functions == 0 && certainty == Certainty::Runs => {
                return Err(Leaves::Shell);
            }
            b"return" | b"exit" if self.functions == 0 => self.variables.problem(at, LEAVES),
            b"break" | b"continue" if !self.doubts.is_empty() => {
                let ends_it = name == b"break";
                if certainty == Certainty::Runs {
                    return Err(Leaves::Loop { ends_it });
                }
                if let Some(doubt) = self.doubts.last_mut() {
                    *doubt = true;
                }
            }
            _ => self.status = Status::Unknown,
        }
        Ok(())
    }

    /// fish's own function `export`, which takes what other shells write.
    fn export(&mut self, arguments: &[Word], certainty: Certainty) {
        let flags = Flags { exported: Some(true), is_path: None };
        for word in arguments {
            for value in self.expand(word, Wildcards::Files) {
                let Known::Bytes(bytes) = value else {
                    // `export NAME=(command)`: the name at least is known.
                    if let Some(name) = name_before_sign(word) {
                        let at = word.at + name.len() + 1;
                        self.variables.assign(
                            Scope::Global,
                            &name,
                            at,
                            vec![value],
                            flags,
                            certainty,
                        );
                    }
                    continue;
                };
                let (name, values, at) = if let Some(sign) = memchr::memchr(b'=', &bytes) {
                    let value = vec![Known::Bytes(bytes[sign + 1..].to_vec())];
                    (&bytes[..sign], value, word.at + sign + 1)
                } else {
                    let name = String::from_utf8_lossy(&bytes);
                    let values = self.variables.look_up(&name).map_or(Vec::new(), |it| it.0);
                    (bytes.as_slice(), values, word.at)
                };
                if is_valid(name) {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.variables.assign(Scope::Global, &name, at, values, flags, certainty);
                }
            }
        }
        self.status = Status::Success;
    }

    /// `read` takes what a file does not tell.
    fn read(&mut self, arguments: &[Word], certainty: Certainty) {
        let mut flags = Flags::default();
        let mut scope = None;
        for word in arguments {
            let Some(text) = word.literal() else { continue };
            match text.as_slice() {
                b"--export" => flags.exported = Some(true),
                b"--global" => scope = Some(Scope::Global),
                b"--universal" => scope = Some(Scope::Universal),
                b"--local" => scope = Some(self.variables.local()),
                [b'-', b'-', ..] => {}
                [b'-', letters @ ..] => {
                    for letter in letters {
                        match letter {
                            b'x' => flags.exported = Some(true),
                            b'g' => scope = Some(Scope::Global),
                            b'U' => scope = Some(Scope::Universal),
                            b'l' => scope = Some(self.variables.local()),
                            _ => {}
                        }
                    }
                }
                name if is_valid(name) => {
                    let name = String::from_utf8_lossy(name).into_owned();
                    let scope = scope.unwrap_or_else(|| self.variables.usual(&name));
                    let value = vec![Known::Opaque(OpaqueReason::Dynamic)];
                    self.variables.assign(scope, &name, word.at, value, flags, certainty);
                }
                _ => {}
            }
        }
        self.status = Status::Unknown;
    }

    /// `test -f FILE` and `[ -f FILE ]`.
    fn test(&mut self, name: &[u8], arguments: &[Word]) {
        let mut operands = self.expand_all(arguments);
        if name == b"[" {
            operands.pop();
        }
        let known: Option<Vec<&[u8]>> = operands
            .iter()
            .map(|operand| match operand {
                Known::Bytes(bytes) => Some(bytes.as_slice()),
                Known::Opaque(_) => None,
            })
            .collect();
        let (negated, operands) = match known.as_deref() {
            Some([b"!", rest @ ..]) => (true, rest),
            Some(rest) => (false, rest),
            None => (false, [].as_slice()),
        };
        let holds = match operands {
            [operator, path] => {
                std::str::from_utf8(path).ok().and_then(|path| self.sources.test(operator, path))
            }
            _ => None,
        };
        self.status = match holds {
            Some(holds) if holds != negated => Status::Success,
            Some(_) => Status::Failure,
            None => Status::Unknown,
        };
    }

    fn source(&mut self, at: usize, arguments: &[Word], certainty: Certainty, is_fed: bool) -> Ran {
        self.status = Status::Unknown;
        if arguments.is_empty() {
            if is_fed {
                self.variables.problem(at, MADE);
            }
            return Ok(());
        }
        let path = match self.expand_all(arguments).into_iter().next() {
            Some(Known::Bytes(path)) if self.sources.follows() => String::from_utf8(path).ok(),
            // A list without elements.
            None => return Ok(()),
            _ => None,
        };
        match path {
            Some(path) if path.starts_with('/') => self.follow(at, &path, certainty),
            Some(path) if !path.is_empty() && path != "-" => {
                let beside = join(self.sources.folder(), &path);
                self.variables.problem(at, RELATIVE);
                self.sources.elsewhere = true;
                self.follow(at, &beside, certainty.max(Certainty::Maybe))?;
                self.status = Status::Unknown;
                Ok(())
            }
            _ => {
                self.sources.elsewhere = true;
                self.variables.problem(at, NOT_KNOWN);
                Ok(())
            }
        }
    }

    fn follow(&mut self, at: usize, path: &str, certainty: Certainty) -> Ran {
        if let Err(why) = self.sources.may_follow(path) {
            self.variables.problem(at, why);
            return Ok(());
        }
        let bytes = match self.sources.read(path) {
            Ok(bytes) => bytes,
            Err(Missed::Null) => return Ok(()),
            Err(Missed::Absent) => {
                if certainty == Certainty::Runs {
                    self.variables.problem(at, NOT_FOUND);
                }
                self.status = Status::Failure;
                return Ok(());
            }
            Err(Missed::Unreadable(why)) => {
                self.sources.elsewhere = true;
                self.variables.problem_of(inert(path), unread(why.kind));
                return Ok(());
            }
        };
        self.sources.enter(path);
        let before = self.variables.turn_to(Source::new(&bytes, Some(inert(path))));
        let (refused, ran) = self.file(&bytes, certainty);
        if let Some(refused) = refused {
            self.variables.problem(refused.at, super::REFUSED);
        }
        self.variables.turn_to(before);
        self.sources.leave();
        self.status = Status::Unknown;
        ran
    }
}

/// Letters, digits and `_`.
pub(super) fn is_valid(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| super::words::is_name(*byte))
}

/// It stays the same when it is read a second time.
fn is_plain(word: &Word) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:=+@,".contains(byte);
    word.literal().is_some_and(|text| !text.is_empty() && text.iter().all(plain))
}

/// `NAME` of a word `NAME=…`.
fn name_before_sign(word: &Word) -> Option<String> {
    let super::words::Piece::Literal(first) = word.pieces.first()? else { return None };
    let name = &first[..memchr::memchr(b'=', first)?];
    is_valid(name).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Whether one of these patterns fits; `None` where that is not known.
fn fits(subject: &str, patterns: &[Known]) -> Option<bool> {
    let mut known = true;
    for pattern in patterns {
        match pattern {
            // Only `*` and `?` are signs; a leading dot is nothing special.
            Known::Bytes(bytes) => {
                let pattern = String::from_utf8_lossy(bytes).replace('[', "\\[");
                if matches(&format!("x{pattern}"), &format!("x{subject}")) {
                    return Some(true);
                }
            }
            Known::Opaque(_) => known = false,
        }
    }
    known.then_some(false)
}
