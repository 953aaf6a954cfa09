//! The grammar of fish. It reads a file whole before it runs any of it: a file with a mistake
//! does nothing.

use super::words::{Word, Words, is_blank, is_name};

/// Blocks nest no deeper than this.
const DEEPEST: usize = 60;

/// fish would not run the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) at: usize,
    /// A fixed sentence.
    pub(super) why: &'static str,
}

/// Whether a command follows the one before it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Always,
    /// `and`, `&&`.
    OnSuccess,
    /// `or`, `||`.
    OnFailure,
}

/// `and a && b || c`.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) link: Link,
    pub(super) pipelines: Vec<(Link, Pipeline)>,
}

/// `not a | b`. All of it runs in the shell itself.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
    /// `&`: its status is not waited for.
    pub(super) in_background: bool,
}

/// The patterns of a `case`, and what it runs.
pub(super) type Case = (Vec<Word>, Vec<Job>);

#[derive(Debug)]
pub(super) enum Command {
    Simple { at: usize, words: Vec<Word> },
    If { branches: Vec<(Vec<Job>, Vec<Job>)>, otherwise: Option<Vec<Job>> },
    While { condition: Vec<Job>, body: Vec<Job> },
    For { name: String, name_at: usize, words: Vec<Word>, body: Vec<Job> },
    Begin { body: Vec<Job> },
    Switch { word: Word, cases: Vec<Case> },
    Function { body: Vec<Job> },
}

/// Reads a whole file.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Job>, Refused> {
    let start = if text.starts_with("\u{feff}".as_bytes()) { "\u{feff}".len() } else { 0 };
    let mut parser = Parser { words: Words { text }, at: start, depth: 0 };
    let jobs = parser.jobs()?;
    if parser.at < text.len() {
        let why = "`end`, `else` or `case` outside of a block";
        return Err(Refused { at: parser.at, why });
    }
    Ok(jobs)
}

struct Parser<'text> {
    words: Words<'text>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// Jobs up to a word that ends or divides a block, or to the end of the file.
    fn jobs(&mut self) -> Result<Vec<Job>, Refused> {
        if self.depth >= DEEPEST {
            return Err(self.refused("nested deeper than is followed"));
        }
        self.depth += 1;
        let mut jobs = Vec::new();
        loop {
            self.skip_separators();
            let ends = ["end", "else", "case"].iter().any(|word| self.is_keyword(word));
            if self.peek().is_none() || ends {
                self.depth -= 1;
                return Ok(jobs);
            }
            jobs.push(self.job()?);
        }
    }

    fn job(&mut self) -> Result<Job, Refused> {
        let link = if self.takes("and") {
            Link::OnSuccess
        } else if self.takes("or") {
            Link::OnFailure
        } else {
            Link::Always
        };
        let mut pipelines = vec![(Link::Always, self.pipeline()?)];
        loop {
            self.skip_blanks();
            let next = match self.rest() {
                [b'&', b'&', ..] => Link::OnSuccess,
                [b'|', b'|', ..] => Link::OnFailure,
                _ => break,
            };
            self.at += 2;
            self.skip_lines();
            pipelines.push((next, self.pipeline()?));
        }
        Ok(Job { link, pipelines })
    }

    fn pipeline(&mut self) -> Result<Pipeline, Refused> {
        let mut negated = false;
        loop {
            if self.takes("not") || self.takes("!") {
                negated = !negated;
            } else if !self.takes("time") {
                break;
            }
        }
        let mut commands = vec![self.command()?];
        let mut in_background = false;
        loop {
            self.skip_blanks();
            match self.rest() {
                [b'|', b'|', ..] | [b'&', b'&', ..] => break,
                [b'&', b'|', ..] => self.at += 2,
                [b'|', ..] => self.at += 1,
                [b'&', ..] => {
                    in_background = true;
                    self.at += 1;
                    break;
                }
                _ => break,
            }
            self.skip_lines();
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands, in_background })
    }

    fn command(&mut self) -> Result<Command, Refused> {
        self.skip_blanks();
        let start = self.at;
        let command = if self.takes_with_argument("if") {
            self.condition(start)?
        } else if self.takes_with_argument("while") {
            let condition = self.tested()?;
            let body = self.jobs()?;
            Command::While { condition, body }
        } else if self.takes("begin") {
            Command::Begin { body: self.jobs()? }
        } else if self.takes_with_argument("for") {
            self.loop_over_words()?
        } else if self.takes_with_argument("switch") {
            let words = self.arguments(false)?;
            let word = words.into_iter().next().unwrap_or_default();
            Command::Switch { word, cases: self.cases(start)? }
        } else if self.takes_with_argument("function") {
            self.arguments(false)?;
            Command::Function { body: self.jobs()? }
        } else {
            let words = self.arguments(true)?;
            if words.is_empty() {
                return Err(self.refused("a command is missing"));
            }
            return Ok(Command::Simple { at: start, words });
        };
        if !self.takes("end") {
            return Err(Refused { at: start, why: "a block without its `end`" });
        }
        self.arguments(false)?;
        Ok(command)
    }

    fn condition(&mut self, start: usize) -> Result<Command, Refused> {
        let mut branches = vec![(self.tested()?, self.jobs()?)];
        let mut otherwise = None;
        while self.takes("else") {
            if otherwise.is_some() {
                return Err(Refused { at: start, why: "a block without its `end`" });
            }
            if self.takes("if") {
                branches.push((self.tested()?, self.jobs()?));
            } else {
                otherwise = Some(self.jobs()?);
            }
        }
        Ok(Command::If { branches, otherwise })
    }

    /// The condition of `if` and `while`: a job, and those behind it that begin with `and` or `or`.
    fn tested(&mut self) -> Result<Vec<Job>, Refused> {
        self.skip_blanks();
        if matches!(self.peek(), None | Some(b'\n' | b';')) {
            return Err(self.refused("a command is missing"));
        }
        let mut jobs = vec![self.job()?];
        loop {
            let before = self.at;
            self.skip_separators();
            if !self.is_keyword("and") && !self.is_keyword("or") {
                self.at = before;
                return Ok(jobs);
            }
            jobs.push(self.job()?);
        }
    }

    fn loop_over_words(&mut self) -> Result<Command, Refused> {
        self.skip_blanks();
        let (name, end) = self.words.word(self.at)?;
        self.at = end;
        let name_at = name.at;
        let name = String::from_utf8_lossy(&name.literal().unwrap_or_default()).into_owned();
        if !self.takes("in") {
            return Err(self.refused("`in` is missing"));
        }
        let words = self.arguments(false)?;
        Ok(Command::For { name, name_at, words, body: self.jobs()? })
    }

    fn cases(&mut self, start: usize) -> Result<Vec<Case>, Refused> {
        let mut cases = Vec::new();
        self.skip_separators();
        while self.takes("case") {
            cases.push((self.arguments(false)?, self.jobs()?));
        }
        if self.is_keyword("end") {
            Ok(cases)
        } else {
            Err(Refused { at: start, why: "a block without its `end`" })
        }
    }

    /// The words of a command and its redirections, up to what ends it.
    fn arguments(&mut self, of_command: bool) -> Result<Vec<Word>, Refused> {
        let mut words: Vec<Word> = Vec::new();
        let mut assigned = None;
        loop {
            self.skip_blanks();
            match self.rest() {
                [b'&', b'>', ..] => self.redirection()?,
                [] | [b'\n' | b';' | b'|' | b'&', ..] => break,
                rest if redirects(rest) => self.redirection()?,
                rest => {
                    // `NAME=value` before a command is for that command alone.
                    let length = rest.iter().take_while(|byte| is_name(**byte)).count();
                    if of_command
                        && words.is_empty()
                        && length > 0
                        && rest.get(length) == Some(&b'=')
                    {
                        assigned = Some(self.at);
                        self.at = self.words.word(self.at)?.1;
                        continue;
                    }
                    let start = self.at;
                    let (word, end) = self.words.word(start)?;
                    if end == start {
                        return Err(self.refused("a word is missing"));
                    }
                    self.at = end;
                    words.push(word);
                }
            }
        }
        match assigned {
            Some(at) if words.is_empty() => {
                Err(Refused { at, why: "`NAME=value` is no command; it is `set NAME value`" })
            }
            _ => Ok(words),
        }
    }

    fn redirection(&mut self) -> Result<(), Refused> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'&')) && self.at < start + 3 {
            self.at += 1;
        }
        if self.rest().starts_with(b"<<") {
            return Err(self.refused("fish has no here-documents"));
        }
        while matches!(self.peek(), Some(b'<' | b'>' | b'?' | b'&' | b'|')) {
            let is_pipe = self.peek() == Some(b'|');
            self.at += 1;
            if is_pipe {
                // `2>|` is a pipe.
                self.at -= 1;
                return Ok(());
            }
        }
        self.skip_blanks();
        let target = self.at;
        let (_, end) = self.words.word(target)?;
        if end == target {
            return Err(self.refused("a redirection without a file"));
        }
        self.at = end;
        Ok(())
    }

    /// Takes a word that stands here, unquoted and whole.
    fn takes(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let is = self.is_keyword(word);
        if is {
            self.at += word.len();
        }
        is
    }

    /// The same, of a word that is a command of its own when nothing follows it.
    fn takes_with_argument(&mut self, word: &str) -> bool {
        let before = self.at;
        let taken = self.takes(word);
        self.skip_blanks();
        if taken && matches!(self.peek(), None | Some(b'\n' | b';' | b'|' | b'&')) {
            self.at = before;
            return false;
        }
        taken
    }

    fn is_keyword(&self, word: &str) -> bool {
        self.rest().strip_prefix(word.as_bytes()).is_some_and(|after| {
            after.first().is_none_or(|next| {
                is_blank(*next) || matches!(next, b'\n' | b';' | b'&' | b'|' | b'<' | b'>')
            })
        })
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.rest() {
                [byte, ..] if is_blank(*byte) => self.at += 1,
                [b'\\', b'\n', ..] => {
                    self.at += 2;
                    self.skip_comment_lines();
                }
                [b'#', rest @ ..] if self.starts_word() => {
                    self.at += 1 + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// Comments may stand between the lines of a continued command.
    fn skip_comment_lines(&mut self) {
        loop {
            let rest = self.rest();
            let indent = rest.iter().take_while(|byte| is_blank(**byte)).count();
            if rest.get(indent) != Some(&b'#') {
                return;
            }
            self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        }
    }

    fn starts_word(&self) -> bool {
        self.at == 0
            || self.words.text.get(self.at - 1).is_some_and(|byte| {
                is_blank(*byte) || matches!(byte, b'\n' | b';' | b'&' | b'|' | b'>' | b'<')
            })
            || self.at == "\u{feff}".len()
    }

    fn skip_lines(&mut self) {
        self.skip_blanks();
        while self.peek() == Some(b'\n') {
            self.at += 1;
            self.skip_blanks();
        }
    }

    fn skip_separators(&mut self) {
        self.skip_blanks();
        while matches!(self.peek(), Some(b'\n' | b';')) {
            self.at += 1;
            self.skip_blanks();
        }
    }

    fn rest(&self) -> &[u8] {
        self.words.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.words.text.get(self.at).copied()
    }

    const fn refused(&self, why: &'static str) -> Refused {
        Refused { at: self.at, why }
    }
}

/// A redirection stands here, maybe behind the number of what it redirects.
fn redirects(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    matches!(text.get(digits), Some(b'<' | b'>'))
}
