//! Simple commands and reserved words: what they do to variables.

use crate::{
    domain::reading::OpaqueReason,
    formats::shell::{
        LEAVES, MADE, Shell,
        scanner::{Block, Scanner, Status, Stop},
        state::{Certainty, Known},
        words::{Piece, Word, name_length},
    },
};

/// `NAME=value`, as written.
struct Assignment {
    name: String,
    appends: bool,
    value: Word,
}

/// A word behind a command.
enum Argument {
    Assignment(Assignment),
    Word(Word),
}

impl Argument {
    /// As a word; of an assignment, its value.
    fn word(&self) -> &Word {
        let (Self::Word(word) | Self::Assignment(Assignment { value: word, .. })) = self;
        word
    }
}

/// What the options of `declare` and its kin say.
#[derive(Default)]
struct Declaration {
    exports: bool,
    keeps_back: bool,
    is_global: bool,
    is_computed: bool,
    is_array: bool,
    ignores: bool,
}

impl Scanner<'_, '_, '_> {
    /// A reserved word, or a simple command up to the operator that ends it.
    pub(super) fn command(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let rest = &self.words.text[start..];
        let length = rest
            .iter()
            .position(|byte| {
                matches!(
                    byte,
                    b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>'
                )
            })
            .unwrap_or(rest.len());
        let word = &rest[..length];
        if self.reserved(word)? {
            return Ok(());
        }
        self.simple()
    }

    fn reserved(&mut self, word: &[u8]) -> Result<bool, Stop> {
        let start = self.at;
        let after = start + word.len();
        match word {
            b"if" => self.open(Block::Condition, Certainty::Runs)?,
            b"while" | b"until" => self.open(Block::LoopHead, Certainty::Maybe)?,
            b"then" | b"elif" | b"else" | b"do" => self.turn(word)?,
            b"{" => self.open(Block::Braces, Certainty::Runs)?,
            b"fi" => self.close(&[Block::Branch])?,
            b"done" if self.next_turn() => return Ok(true),
            b"done" => self.close(&[Block::LoopBody])?,
            b"esac" => self.close(&[Block::Choice])?,
            b"}" => self.close(&[Block::Braces])?,
            b"!" => self.negates = !self.negates,
            b"time" => {}
            b"for" => return self.loop_head(after, true).map(|()| true),
            b"select" => return self.loop_head(after, false).map(|()| true),
            b"case" => return self.case_head(after).map(|()| true),
            b"function" if self.shell != Shell::Posix => {
                self.at = after;
                self.skip_blanks();
                self.at = self.words.word(self.at)?.1;
                self.skip_blanks();
                if self.words.text[self.at..].starts_with(b"()") {
                    self.at += 2;
                }
                self.begins_function = true;
                return Ok(true);
            }
            b"[[" if self.shell != Shell::Posix => return self.test(after).map(|()| true),
            _ => return Ok(false),
        }
        self.at = after;
        Ok(true)
    }

    /// `for NAME in …` or `for ((…))`, up to its `do`.
    fn loop_head(&mut self, after: usize, takes_all: bool) -> Result<(), Stop> {
        self.at = after;
        self.skip_blanks();
        let entry = self.certainty();
        self.open(Block::LoopHead, Certainty::Maybe)?;
        if self.words.text[self.at..].starts_with(b"((") && self.arithmetic() {
            return Ok(());
        }
        let name_at = self.at;
        let length = name_length(&self.words.text[name_at..]);
        if length == 0 {
            return Err(Stop::Syntax(name_at));
        }
        let name = self.text(name_at, name_at + length);
        self.at += length;
        self.skip_blanks();
        let mut values = (takes_all && self.words.is_word(self.at, b"in")).then(Vec::new);
        if values.is_some() {
            self.at += b"in".len();
        }
        loop {
            self.skip_blanks();
            match self.words.text.get(self.at) {
                None | Some(b'\n' | b';' | b'&' | b'|' | b')') => break,
                Some(b'<' | b'>') => self.redirection()?,
                Some(b'(') => {
                    values = None;
                    self.at = self.words.command_end(self.at + 1)?;
                }
                Some(_) => {
                    let start = self.at;
                    let (word, end) = self.words.word(start)?;
                    self.at = end;
                    if let Some(known) = &mut values {
                        match self.listed(start, &word, entry)? {
                            Some(list) => known.extend(list),
                            None => values = None,
                        }
                    }
                }
            }
        }
        self.begin_turns(&name, name_at, values);
        self.ended(Status::Unknown);
        Ok(())
    }

    /// `case WORD in`.
    fn case_head(&mut self, after: usize) -> Result<(), Stop> {
        self.at = after;
        self.skip_blanks();
        self.at = self.words.word(self.at)?.1;
        while matches!(self.words.text.get(self.at), Some(b' ' | b'\t' | b'\n')) {
            self.at += 1;
        }
        if !self.words.is_word(self.at, b"in") {
            return Err(Stop::Syntax(self.at));
        }
        self.at += b"in".len();
        self.open(Block::Patterns, Certainty::Maybe)?;
        Ok(())
    }

    /// `[[ … ]]`, whose operators are no operators of the shell.
    fn test(&mut self, after: usize) -> Result<(), Stop> {
        self.at = after;
        let mut operands = Some(Vec::new());
        loop {
            self.skip_blanks();
            match self.words.text.get(self.at) {
                None => return Err(Stop::Syntax(after)),
                Some(_) if self.words.is_word(self.at, b"]]") => break,
                Some(b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => {
                    operands = None;
                    self.at += 1;
                }
                Some(_) => {
                    let (word, end) = self.words.word(self.at)?;
                    self.at = end;
                    if let Some(operands) = &mut operands {
                        operands.push(word);
                    }
                }
            }
        }
        self.at += b"]]".len();
        let status = match operands {
            Some(operands) => self.tested(&operands)?,
            None => Status::Unknown,
        };
        self.ended(status);
        Ok(())
    }

    fn simple(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let mut assignments = Vec::new();
        let mut command: Option<Word> = None;
        let mut arguments = Vec::new();
        loop {
            self.skip_blanks();
            let at = self.at;
            match &self.words.text[at..] {
                [b'&', b'>', ..] | [b'<' | b'>', ..] => self.redirection()?,
                [] | [b'\n' | b';' | b'|' | b')' | b'&', ..] => break,
                _ if at > start && self.closes_braces() => break,
                [b'(', ..] => {
                    let is_name =
                        command.is_some() && arguments.is_empty() && assignments.is_empty();
                    self.at += 1;
                    self.skip_blanks();
                    if !is_name || self.words.text.get(self.at) != Some(&b')') {
                        return Err(Stop::Syntax(at));
                    }
                    self.at += 1;
                    self.begins_function = true;
                    return Ok(());
                }
                rest if redirects(rest) => {
                    self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                }
                _ => match (self.argument()?, &command) {
                    (None, _) => {}
                    (Some(Argument::Assignment(assignment)), None) => assignments.push(assignment),
                    (Some(Argument::Word(word)), None) => command = Some(word),
                    (Some(argument), Some(_)) => arguments.push(argument),
                },
            }
            if self.at == at {
                return Err(Stop::Syntax(at));
            }
        }
        let alone = match &self.words.text[self.at..] {
            [b'|' | b'&', next, ..] => *next == self.words.text[self.at],
            [b'|' | b'&'] => false,
            _ => true,
        };
        let certainty =
            if alone { self.certainty() } else { self.certainty().max(Certainty::Lost) };
        let status = match command {
            None => self.assign_all(assignments, certainty)?,
            Some(command) if self.vanishes(&command, certainty)? && arguments.is_empty() => {
                self.assign_all(assignments, certainty)?
            }
            Some(command) => {
                let name = command.literal().unwrap_or_default();
                self.prefix(&assignments, &name, &arguments, certainty)?;
                self.run_command(&name, start, arguments, certainty)?
            }
        };
        self.ended(status);
        Ok(())
    }

    /// An unquoted expansion that gives nothing leaves no command behind.
    fn vanishes(&mut self, command: &Word, certainty: Certainty) -> Result<bool, Stop> {
        let given = self.expand(command, certainty)?;
        let empty = matches!(given, Known::Bytes(bytes) if bytes.is_empty());
        Ok(empty && !command.quoted)
    }

    /// Assignments before a command are for that command alone, unless it exports their names.
    fn prefix(
        &mut self,
        assignments: &[Assignment],
        command: &[u8],
        arguments: &[Argument],
        certainty: Certainty,
    ) -> Result<(), Stop> {
        let declares = matches!(command, b"export" | b"declare" | b"typeset" | b"readonly");
        for assignment in assignments {
            if declares && names(arguments).any(|(name, _)| name == assignment.name) {
                self.assign(assignment, certainty, false)?;
            } else {
                self.expand(&assignment.value, certainty)?;
            }
        }
        Ok(())
    }

    /// The next word, as an assignment where it is one; `None` for an array.
    fn argument(&mut self) -> Result<Option<Argument>, Stop> {
        let rest = &self.words.text[self.at..];
        let length = name_length(rest);
        let (appends, sign) = match &rest[length..] {
            [b'=', ..] if length > 0 => (false, 1),
            [b'+', b'=', ..] if length > 0 && self.shell != Shell::Posix => (true, 2),
            _ => {
                let (word, end) = self.words.word(self.at)?;
                self.at = end;
                return Ok(Some(Argument::Word(word)));
            }
        };
        let name = self.text(self.at, self.at + length);
        let start = self.at + length + sign;
        if self.words.text.get(start) == Some(&b'(') {
            if self.shell == Shell::Bash {
                let certainty = self.certainty();
                self.state.make_array(&name, start, certainty);
            }
            self.at = self.words.command_end(start + 1)?;
            return Ok(None);
        }
        let (value, end) = self.words.value(start)?;
        self.at = end;
        Ok(Some(Argument::Assignment(Assignment { name, appends, value })))
    }

    fn assign_all(
        &mut self,
        assignments: Vec<Assignment>,
        certainty: Certainty,
    ) -> Result<Status, Stop> {
        let mut status = Status::Success;
        for assignment in assignments {
            if self.assign(&assignment, certainty, false)? == Status::Unknown {
                status = Status::Unknown;
            }
        }
        Ok(status)
    }

    fn assign(
        &mut self,
        assignment: &Assignment,
        certainty: Certainty,
        exports: bool,
    ) -> Result<Status, Stop> {
        let mut value = self.expand(&assignment.value, certainty)?;
        if assignment.appends {
            let before = self.state.look_up(&assignment.name);
            value = match (before.unwrap_or(Known::Bytes(Vec::new())), value) {
                (Known::Bytes(mut before), Known::Bytes(added)) => {
                    before.extend(added);
                    Known::Bytes(before)
                }
                (Known::Opaque(reason), _) | (_, Known::Opaque(reason)) => Known::Opaque(reason),
            };
        }
        let known = matches!(value, Known::Bytes(_));
        self.state.assign(&assignment.name, assignment.value.at, value, certainty, exports);
        Ok(if known { Status::Success } else { Status::Unknown })
    }

    /// The commands that change variables, or whether the next ones run.
    fn run_command(
        &mut self,
        name: &[u8],
        at: usize,
        mut arguments: Vec<Argument>,
        certainty: Certainty,
    ) -> Result<Status, Stop> {
        match name {
            b":" | b"true" => {
                self.expand_all(&arguments, certainty)?;
                return Ok(Status::Success);
            }
            b"false" => return Ok(Status::Failure),
            b"builtin" | b"command" if !arguments.is_empty() => {
                let Argument::Word(word) = arguments.remove(0) else { return Ok(Status::Unknown) };
                let name = word.literal().unwrap_or_default();
                return self.run_command(&name, at, arguments, certainty);
            }
            b"export" | b"declare" | b"typeset" | b"local" | b"readonly" | b"integer" => {
                return self.declare(name, &arguments, certainty);
            }
            b"unset" => {
                let functions = arguments.iter().any(|argument| is_option(argument, b'f'));
                for (name, at) in names(&arguments).filter(|_| !functions) {
                    self.state.remove(&name, at, certainty, false);
                }
                return Ok(Status::Success);
            }
            b"set" | b"setopt" | b"unsetopt" => {
                if certainty <= Certainty::Maybe {
                    self.set(name, &arguments, certainty);
                }
                return Ok(Status::Success);
            }
            b"read" | b"mapfile" | b"readarray" | b"getopts" | b"let" => {
                for (name, at) in names(&arguments) {
                    let value = Known::Opaque(OpaqueReason::Dynamic);
                    self.state.assign(&name, at, value, certainty, false);
                }
            }
            b"printf" if arguments.first().is_some_and(|argument| is_option(argument, b'v')) => {
                for (name, at) in names(&arguments[1..]).take(1) {
                    let value = Known::Opaque(OpaqueReason::Dynamic);
                    self.state.assign(&name, at, value, certainty, false);
                }
            }
            b"eval" => self.eval(at, &arguments, certainty),
            b"." | b"source" if certainty <= Certainty::Maybe => {
                let words = arguments.iter().map(Argument::word).collect::<Vec<_>>();
                return self.source(at, &words, certainty);
            }
            b"[" | b"test" => {
                self.expand_all(&arguments, certainty)?;
                let mut words: Vec<Word> =
                    arguments.iter().map(|argument| argument.word().clone()).collect();
                if name == b"[" {
                    words.pop();
                }
                return self.tested(&words);
            }
            b"break" | b"continue" if certainty <= Certainty::Maybe => {
                self.leave_loop(name == b"break" && certainty == Certainty::Runs);
            }
            b"return" | b"exit" => self.leave(name, at, certainty)?,
            _ => self.expand_all(&arguments, certainty)?,
        }
        Ok(Status::Unknown)
    }

    /// `return` and `exit`. Under a condition they are a guard, and what stands below still counts.
    fn leave(&mut self, name: &[u8], at: usize, certainty: Certainty) -> Result<(), Stop> {
        if self.frames.iter().any(|frame| frame.is_function) {
            return Ok(());
        }
        match certainty {
            Certainty::Runs | Certainty::Maybe
                if name == b"return" && self.certainty_here() == Certainty::Runs =>
            {
                return Err(Stop::Returns);
            }
            Certainty::Runs => return Err(Stop::Exits(at)),
            Certainty::Maybe => self.state.problem(at, LEAVES),
            Certainty::Lost | Certainty::Never => {}
        }
        Ok(())
    }

    fn declare(
        &mut self,
        command: &[u8],
        arguments: &[Argument],
        certainty: Certainty,
    ) -> Result<Status, Stop> {
        let in_function = self.frames.iter().any(|frame| frame.is_function);
        let mut how = Declaration { exports: command == b"export", ..Declaration::default() };
        let mut status = Status::Success;
        for argument in arguments {
            if let Argument::Word(word) = argument
                && let Some(option) = word.literal()
                && let [sign @ (b'-' | b'+'), letters @ ..] = option.as_slice()
            {
                how.read(command, *sign == b'-', letters);
                continue;
            }
            let is_local =
                in_function && !how.is_global && command != b"export" && command != b"readonly";
            let is_error = command == b"local" && !in_function && self.shell != Shell::Zsh;
            if how.ignores || how.is_array || is_local || is_error {
                continue;
            }
            match Self::declared(argument) {
                Some(assignment) => {
                    if how.is_computed {
                        let value = Known::Opaque(OpaqueReason::Dynamic);
                        let at = assignment.value.at;
                        self.state.assign(&assignment.name, at, value, certainty, how.exports);
                    } else if self.assign(&assignment, certainty, how.exports)? == Status::Unknown {
                        status = Status::Unknown;
                    }
                    if how.keeps_back {
                        self.state.remove(&assignment.name, assignment.value.at, certainty, true);
                    }
                }
                None => {
                    for (name, at) in names(std::slice::from_ref(argument)) {
                        if how.keeps_back {
                            self.state.remove(&name, at, certainty, true);
                        } else if how.exports {
                            if self.shell == Shell::Zsh && self.state.awaits_value(&name) {
                                // In zsh a second time sets it, to nothing.
                                let nothing = Known::Bytes(Vec::new());
                                self.state.assign(&name, at, nothing, certainty, true);
                            }
                            self.state.export(&name, at, certainty);
                        }
                    }
                }
            }
        }
        Ok(status)
    }

    /// An argument of a declaration that assigns; the name may stand inside quotes.
    fn declared(argument: &Argument) -> Option<Assignment> {
        let word = match argument {
            Argument::Assignment(Assignment { name, appends, value }) => {
                let (name, appends, value) = (name.clone(), *appends, value.clone());
                return Some(Assignment { name, appends, value });
            }
            Argument::Word(word) => word,
        };
        let Some(Piece::Literal(first)) = word.pieces.first() else { return None };
        let length = name_length(first);
        if length == 0 || first.get(length) != Some(&b'=') {
            return None;
        }
        let name = String::from_utf8_lossy(&first[..length]).into_owned();
        let mut value = Word { at: word.at + length + 1, ..word.clone() };
        value.pieces[0] = Piece::Literal(first[length + 1..].to_vec());
        Some(Assignment { name, appends: false, value })
    }

    /// `set -a`, `set -o allexport` and zsh's `setopt allexport`.
    fn set(&mut self, command: &[u8], arguments: &[Argument], certainty: Certainty) {
        let mut named = None;
        for argument in arguments {
            let Argument::Word(word) = argument else { return };
            let option = word.literal().unwrap_or_default();
            if let Some(on) = named.take() {
                if option == b"allexport" {
                    self.state.export_all(on, certainty);
                }
                continue;
            }
            match (command, option.as_slice()) {
                (b"set", [b'-' | b'+', b'-', ..] | []) => return,
                (b"set", [sign @ (b'-' | b'+'), letters @ ..]) => {
                    if letters.contains(&b'a') {
                        self.state.export_all(*sign == b'-', certainty);
                    }
                    if letters.ends_with(b"o") {
                        named = Some(*sign == b'-');
                    }
                }
                (b"set", _) => return,
                (_, option) => {
                    let plain: Vec<u8> = option
                        .iter()
                        .filter(|byte| **byte != b'_')
                        .map(u8::to_ascii_lowercase)
                        .collect();
                    if plain == b"allexport" {
                        self.state.export_all(command == b"setopt", certainty);
                    }
                }
            }
        }
    }

    /// What `eval` runs is not known, but a name that it plainly assigns is.
    fn eval(&mut self, at: usize, arguments: &[Argument], certainty: Certainty) {
        self.state.problem(at, MADE);
        let mut exports = false;
        for argument in arguments {
            let (name, at) = match argument {
                Argument::Assignment(assignment) => (assignment.name.clone(), assignment.value.at),
                Argument::Word(word) => {
                    let Some(Piece::Literal(text)) = word.pieces.first() else { continue };
                    let exported = text.strip_prefix(b"export ");
                    exports |= exported.is_some() || text == b"export";
                    let text = exported.unwrap_or(text);
                    let length = name_length(text);
                    if length == 0 || text.get(length) != Some(&b'=') {
                        continue;
                    }
                    (String::from_utf8_lossy(&text[..length]).into_owned(), word.at)
                }
            };
            let value = Known::Opaque(OpaqueReason::Dynamic);
            self.state.assign(&name, at, value, certainty, exports);
        }
    }

    fn expand_all(&mut self, arguments: &[Argument], certainty: Certainty) -> Result<(), Stop> {
        for argument in arguments {
            self.expand(argument.word(), certainty)?;
        }
        Ok(())
    }

    fn text(&self, start: usize, end: usize) -> String {
        String::from_utf8_lossy(&self.words.text[start..end]).into_owned()
    }
}

impl Declaration {
    fn read(&mut self, command: &[u8], on: bool, letters: &[u8]) {
        for letter in letters {
            match letter {
                b'n' if command == b"export" => (self.exports, self.keeps_back) = (!on, on),
                b'x' if on => self.exports = true,
                b'x' => (self.exports, self.keeps_back) = (false, true),
                b'g' => self.is_global = on,
                b'i' | b'l' | b'u' | b'E' | b'F' | b'L' | b'R' | b'Z' => self.is_computed = on,
                b'a' | b'A' => self.is_array = on,
                b'f' | b'p' | b'T' => self.ignores = true,
                _ => {}
            }
        }
    }
}

/// The names among the arguments, options left out.
fn names(arguments: &[Argument]) -> impl Iterator<Item = (String, usize)> + '_ {
    arguments.iter().filter_map(|argument| {
        let Argument::Word(word) = argument else { return None };
        let literal = word.literal()?;
        let is_name = !literal.is_empty() && name_length(&literal) == literal.len();
        is_name.then(|| (String::from_utf8_lossy(&literal).into_owned(), word.at))
    })
}

/// A word of options with this letter in it.
fn is_option(argument: &Argument, letter: u8) -> bool {
    let Argument::Word(word) = argument else { return false };
    word.literal().is_some_and(|text| text.first() == Some(&b'-') && text.contains(&letter))
}

/// Digits right before a redirection are no word.
fn redirects(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && matches!(text.get(digits), Some(b'<' | b'>'))
}
