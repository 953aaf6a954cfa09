//! The grammar of the shell, as far as it decides which commands take effect.
//!
//! Commands are applied as they are read. The journal of [`State`] takes back what stands on a
//! line, or in a block, that the shell would refuse as a whole.

use crate::domain::place::Position;
use crate::formats::{
    Contents, Environment,
    shell::{
        Shell,
        sources::{Sources, Turns},
        state::{Certainty, State},
        words::{Grammar, Unclosed, Words},
    },
};

/// Blocks nest no deeper than this; a deeper one ends the reading.
const DEEPEST: usize = 100;

/// How a file is read.
#[derive(Debug, Clone, Copy)]
pub(in crate::formats) struct Scan {
    /// By which shell.
    pub(in crate::formats) shell: Shell,
    /// Under `set -a`.
    pub(in crate::formats) exports_all: bool,
}

/// How the reading of a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum End {
    /// At its end, or where the shell gives the file up and goes on without it.
    Reached,
    /// With the shell itself: `exit`, or `${NAME:?}` without a value.
    ShellExits(Position),
}

/// Why the rest of a file is not read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// Not the shell's grammar.
    Syntax(usize),
    /// `return` at the top.
    Returns,
    /// The shell ends.
    Exits(usize),
    /// `${` that is no expansion.
    BadSubstitution(usize),
    /// No file fits a pattern, for zsh.
    NoFile(usize),
    /// The shell ended inside a file that this one reads.
    Ended(Position),
}

impl From<Unclosed> for Stop {
    fn from(unclosed: Unclosed) -> Self {
        Self::Syntax(unclosed.at)
    }
}

/// How the last command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    Unknown,
}

/// A block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Between `if` or `elif` and `then`.
    Condition,
    /// Between `then` or `else` and `fi`.
    Branch,
    /// Before `do`.
    LoopHead,
    /// After `do`.
    LoopBody,
    /// `case`, where a pattern is expected.
    Patterns,
    /// `case`, behind a pattern.
    Choice,
    /// `{ … }`.
    Braces,
    /// `( … )`.
    Subshell,
}

/// An open block and whether its commands take effect.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) block: Block,
    /// Of the block as a whole.
    entry: Certainty,
    /// Of the branch that is open.
    pub(super) branch: Certainty,
    /// Of the branches behind it.
    otherwise: Certainty,
    /// The body of a function.
    pub(super) is_function: bool,
    /// A loop over words that are all known.
    pub(super) turns: Option<Turns>,
}

/// Reads a file.
#[derive(Debug)]
pub(super) struct Scanner<'text, 'run, 'caller> {
    pub(super) words: Words<'text>,
    pub(super) at: usize,
    pub(super) state: &'run mut State<'caller>,
    pub(super) sources: &'run mut Sources<'caller>,
    pub(super) shell: Shell,
    /// Whether the file as a whole takes effect.
    base: Certainty,
    /// Where the journal stood after the last complete command of this file.
    committed: usize,
    pub(super) frames: Vec<Frame>,
    pub(super) status: Status,
    /// Of the next command, by the `&&`, `||` and `|` before it.
    gate: Certainty,
    /// A command stands before this place, and only an operator can end it.
    after_command: bool,
    /// `!` stands before the command.
    pub(super) negates: bool,
    /// Where the journal stood when the list of commands began that an `&` would send away.
    list_start: usize,
    /// `&&`, `||` or `|` stands before this place: lines may break here.
    awaits_command: bool,
    /// The next block is the body of a function.
    pub(super) begins_function: bool,
    pub(super) here_documents: Vec<(Vec<u8>, bool)>,
}

/// Reads `bytes` as a shell does, and says how that ends.
pub(in crate::formats) fn scan(
    bytes: &[u8],
    environment: &Environment,
    how: Scan,
) -> (Contents, End) {
    let mut state = State::new(bytes, environment, how.exports_all);
    let mut sources = Sources::default();
    let end = Scanner::new(bytes, how.shell, &mut state, &mut sources, Certainty::Runs).run();
    (state.finish(), end)
}

impl<'text, 'run, 'caller> Scanner<'text, 'run, 'caller> {
    /// At the start of a file, which takes effect as `base` says.
    pub(super) fn new(
        text: &'text [u8],
        shell: Shell,
        state: &'run mut State<'caller>,
        sources: &'run mut Sources<'caller>,
        base: Certainty,
    ) -> Self {
        let grammar =
            Grammar { dollar_quotes: shell != Shell::Posix, word_parentheses: shell == Shell::Zsh };
        let start = state.mark();
        Scanner {
            words: Words { text, grammar },
            at: 0,
            state,
            sources,
            shell,
            base,
            committed: start,
            frames: Vec::new(),
            status: Status::Success,
            gate: Certainty::Runs,
            after_command: false,
            negates: false,
            list_start: start,
            awaits_command: false,
            begins_function: false,
            here_documents: Vec::new(),
        }
    }
}

impl Scanner<'_, '_, '_> {
    /// Reads the file to its end, or as far as the shell does.
    pub(super) fn run(&mut self) -> End {
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) if self.frames.is_empty() && !self.awaits_command => {
                    return End::Reached;
                }
                Ok(false) => {
                    self.state.roll_back_to(self.committed);
                    let at = self.words.text.len();
                    self.state.problem(at, "the file ends inside a command; the shell refuses it");
                    return End::Reached;
                }
                Err(Stop::Syntax(at)) => {
                    self.state.roll_back_to(self.committed);
                    self.state.problem(at, "a syntax error; the shell reads no further");
                    return End::Reached;
                }
                Err(Stop::BadSubstitution(at)) => {
                    self.state.problem(at, "a bad substitution; the shell reads no further");
                    return End::Reached;
                }
                Err(Stop::NoFile(at)) => {
                    self.state.problem(at, "no file fits the pattern; zsh reads no further");
                    return End::Reached;
                }
                Err(Stop::Returns) => return End::Reached,
                Err(Stop::Exits(at)) => {
                    self.state.problem(at, "the shell ends here");
                    return End::ShellExits(self.state.position(at));
                }
                Err(Stop::Ended(position)) => return End::ShellExits(position),
            }
        }
    }

    /// Reads one command or operator; false at the end of the file.
    fn step(&mut self) -> Result<bool, Stop> {
        self.skip_blanks();
        let rest = &self.words.text[self.at..];
        let in_patterns = self.frames.last().is_some_and(|frame| frame.block == Block::Patterns);
        match rest {
            [] => return Ok(false),
            [b'\n', ..] => self.line_break(),
            _ if in_patterns => self.pattern()?,
            [b';', b';' | b'&', ..] => self.next_choice()?,
            [b'&', b'&', ..] => self.and_or(Status::Success)?,
            [b'|', b'|', ..] => self.and_or(Status::Failure)?,
            [b'&', b'>', ..] | [b'<' | b'>', ..] => self.redirection()?,
            [b'&', ..] => {
                self.separator(1)?;
                self.state.roll_back_to(self.list_start);
                self.list_start = self.state.mark();
            }
            [b';', ..] => {
                self.separator(1)?;
                self.list_start = self.state.mark();
            }
            [b'|', ..] => {
                let both = rest.get(1) == Some(&b'&');
                self.separator(if both { 2 } else { 1 })?;
                self.awaits_command = true;
                // The last command of a pipe of zsh runs in the shell itself.
                let in_shell = self.shell == Shell::Zsh;
                self.gate = if in_shell { Certainty::Maybe } else { Certainty::Lost };
            }
            [b')', ..] => {
                self.at += 1;
                self.close(&[Block::Subshell])?;
            }
            _ if self.after_command && !self.closes_braces() => return Err(Stop::Syntax(self.at)),
            [b'(', b'(', ..] if self.arithmetic() => {}
            [b'(', ..] => {
                self.at += 1;
                self.open(Block::Subshell, Certainty::Lost)?;
            }
            _ => self.command()?,
        }
        Ok(true)
    }

    /// In zsh, `}` needs no operator before it.
    pub(super) fn closes_braces(&self) -> bool {
        self.shell == Shell::Zsh
            && self.words.is_word(self.at, b"}")
            && self.frames.last().is_some_and(|frame| frame.block == Block::Braces)
    }

    /// Blanks, continued lines and comments.
    pub(super) fn skip_blanks(&mut self) {
        let mut starts_word = self.at == 0
            || matches!(
                self.words.text[self.at - 1],
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')'
            );
        loop {
            match &self.words.text[self.at..] {
                [b' ' | b'\t', ..] => self.at += 1,
                [b'\\', b'\n', ..] => {
                    self.at += 2;
                    continue;
                }
                [b'#', rest @ ..] if starts_word => {
                    self.at += 1 + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    return;
                }
                _ => return,
            }
            starts_word = true;
        }
    }

    fn line_break(&mut self) {
        self.at += 1;
        for (delimiter, strips_tabs) in std::mem::take(&mut self.here_documents) {
            self.skip_here_document(&delimiter, strips_tabs);
        }
        if !self.awaits_command {
            self.after_command = false;
            self.gate = Certainty::Runs;
            if self.frames.is_empty() {
                self.committed = self.state.commit(self.sources.is_outermost());
            }
            self.list_start = self.state.mark();
        }
    }

    fn skip_here_document(&mut self, delimiter: &[u8], strips_tabs: bool) {
        while self.at < self.words.text.len() {
            let rest = &self.words.text[self.at..];
            let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
            self.at += (line.len() + 1).min(rest.len());
            let tabs = line.iter().take_while(|byte| strips_tabs && **byte == b'\t').count();
            if &line[tabs..] == delimiter {
                return;
            }
        }
    }

    /// `;`, `&` and `|` stand behind commands only.
    fn separator(&mut self, length: usize) -> Result<(), Stop> {
        if !self.after_command {
            return Err(Stop::Syntax(self.at));
        }
        self.at += length;
        self.after_command = false;
        self.gate = Certainty::Runs;
        Ok(())
    }

    /// `&&` goes on after success, `||` after failure.
    fn and_or(&mut self, goes_on: Status) -> Result<(), Stop> {
        self.separator(2)?;
        self.awaits_command = true;
        self.gate = match self.status {
            Status::Unknown => Certainty::Maybe,
            status if status == goes_on => Certainty::Runs,
            _ => Certainty::Never,
        };
        Ok(())
    }

    /// Whether a command at this place takes effect.
    pub(super) fn certainty(&self) -> Certainty {
        self.base.max(self.certainty_here())
    }

    /// The same, given that the file is read at all.
    pub(super) fn certainty_here(&self) -> Certainty {
        let frames = self.frames.iter().flat_map(|frame| [frame.entry, frame.branch]);
        frames.fold(self.gate, Certainty::max)
    }

    /// A command ended with this status.
    pub(super) fn ended(&mut self, status: Status) {
        let status = match (std::mem::take(&mut self.negates), status) {
            (true, Status::Success) => Status::Failure,
            (true, Status::Failure) => Status::Success,
            (_, status) => status,
        };
        match self.gate {
            Certainty::Runs => self.status = status,
            Certainty::Maybe | Certainty::Lost => self.status = Status::Unknown,
            Certainty::Never => {}
        }
        self.awaits_command = false;
        self.after_command = true;
    }

    pub(super) fn open(&mut self, block: Block, branch: Certainty) -> Result<(), Stop> {
        if self.frames.len() >= DEEPEST {
            return Err(Stop::Syntax(self.at));
        }
        self.awaits_command = false;
        let is_function = std::mem::take(&mut self.begins_function);
        let branch = if is_function { branch.max(Certainty::Maybe) } else { branch };
        let entry = std::mem::replace(&mut self.gate, Certainty::Runs);
        self.frames.push(Frame {
            block,
            entry,
            branch,
            otherwise: Certainty::Maybe,
            is_function,
            turns: None,
        });
        self.after_command = false;
        self.list_start = self.state.mark();
        Ok(())
    }

    /// The commands of a loop begin once more.
    pub(super) const fn starts_over(&mut self) {
        self.after_command = false;
        self.negates = false;
        self.awaits_command = false;
        self.gate = Certainty::Runs;
    }

    /// Ends the innermost block, which must be one of these.
    pub(super) fn close(&mut self, blocks: &[Block]) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop_if(|frame| blocks.contains(&frame.block)) else {
            return Err(Stop::Syntax(self.at));
        };
        self.gate = frame.entry;
        let status = match frame.block {
            _ if frame.is_function => Status::Success,
            Block::Braces => self.status,
            _ => Status::Unknown,
        };
        self.ended(status);
        Ok(())
    }

    /// `then`, `elif`, `else` and `do` change the innermost block.
    pub(super) fn turn(&mut self, word: &[u8]) -> Result<(), Stop> {
        let misplaced = Stop::Syntax(self.at);
        let status = self.status;
        let body = self.at + word.len();
        let frame = self.frames.last_mut().ok_or(misplaced)?;
        let (block, branch) = match (word, frame.block) {
            (b"then", Block::Condition) => {
                let (taken, otherwise) = match (status, frame.branch) {
                    (_, Certainty::Never) => (Certainty::Never, Certainty::Never),
                    (Status::Success, Certainty::Runs) => (Certainty::Runs, Certainty::Never),
                    (Status::Failure, outer) => (Certainty::Never, outer),
                    _ => (Certainty::Maybe, Certainty::Maybe),
                };
                frame.otherwise = otherwise;
                (Block::Branch, taken)
            }
            (b"elif", Block::Branch) => (Block::Condition, frame.otherwise),
            (b"else", Block::Branch) => (Block::Branch, frame.otherwise),
            (b"do", Block::LoopHead) => match &mut frame.turns {
                Some(turns) => {
                    turns.body = body;
                    (Block::LoopBody, frame.branch)
                }
                None => (Block::LoopBody, Certainty::Maybe),
            },
            _ => return Err(misplaced),
        };
        (frame.block, frame.branch) = (block, branch);
        self.after_command = false;
        self.gate = Certainty::Runs;
        Ok(())
    }

    /// `a | b)` of a `case`, or its end.
    fn pattern(&mut self) -> Result<(), Stop> {
        if self.words.is_word(self.at, b"esac") {
            self.at += b"esac".len();
            return self.close(&[Block::Patterns]);
        }
        if self.words.text[self.at] == b'(' {
            self.at += 1;
        }
        loop {
            self.skip_blanks();
            match self.words.text.get(self.at) {
                Some(b')') => break,
                Some(b'|') => self.at += 1,
                Some(b'\n' | b';' | b'&' | b'<' | b'>' | b'(') | None => {
                    return Err(Stop::Syntax(self.at));
                }
                Some(_) => {
                    self.at = self.words.word(self.at)?.1;
                    if self.words.text.get(self.at) == Some(&b'(') {
                        self.at = self.words.command_end(self.at + 1)?;
                    }
                }
            }
        }
        self.at += 1;
        if let Some(frame) = self.frames.last_mut() {
            frame.block = Block::Choice;
        }
        self.after_command = false;
        self.gate = Certainty::Runs;
        Ok(())
    }

    /// `;;`, `;&` and `;;&`.
    fn next_choice(&mut self) -> Result<(), Stop> {
        match self.frames.last_mut() {
            Some(frame) if frame.block == Block::Choice => frame.block = Block::Patterns,
            _ => return Err(Stop::Syntax(self.at)),
        }
        let continues = self.words.text[self.at..].starts_with(b";;&");
        self.at += if continues { 3 } else { 2 };
        self.after_command = false;
        self.gate = Certainty::Runs;
        Ok(())
    }

    /// `(( … ))`, when it is one.
    pub(super) fn arithmetic(&mut self) -> bool {
        let Ok(inner) = self.words.command_end(self.at + 2) else { return false };
        if self.words.text.get(inner) != Some(&b')') {
            return false;
        }
        self.at = inner + 1;
        self.ended(Status::Unknown);
        true
    }

    /// A redirection and the word behind it; the body of a here-document is skipped later.
    pub(super) fn redirection(&mut self) -> Result<(), Stop> {
        let rest = &self.words.text[self.at..];
        let (length, here) = match rest {
            [b'<', b'<', b'<', ..] | [b'&', b'>', b'>', ..] => (3, None),
            [b'<', b'<', b'-', ..] => (3, Some(true)),
            [b'<', b'<', ..] => (2, Some(false)),
            [b'<' | b'>', b'(', ..] => {
                self.at = self.words.command_end(self.at + 2)?;
                return Ok(());
            }
            [b'>', b'>' | b'|' | b'&', ..] | [b'<', b'&' | b'>', ..] | [b'&', b'>', ..] => {
                (2, None)
            }
            _ => (1, None),
        };
        self.at += length;
        while matches!(self.words.text.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let start = self.at;
        if matches!(&self.words.text[start..], [b'<' | b'>', b'(', ..]) {
            self.at = self.words.command_end(start + 2)?;
            return Ok(());
        }
        let (word, end) = self.words.word(start)?;
        if end == start {
            return Err(Stop::Syntax(start));
        }
        self.at = end;
        if let Some(strips_tabs) = here {
            let raw = self.words.text[start..end].to_vec();
            self.here_documents.push((word.literal().unwrap_or(raw), strips_tabs));
        } else {
            self.expand(&word, self.certainty())?;
        }
        Ok(())
    }
}
