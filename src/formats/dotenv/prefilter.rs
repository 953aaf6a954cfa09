//! A first look at a file, so that an engine reads only what can matter.
//!
//! In most files every line stands for itself: it is empty, a comment, or gives a name a value
//! without anything that any reader treats as more than text. Such a line changes nothing of what
//! any reader makes of another line, so the lines that assign a variable nobody wants can be left
//! out before the engine reads the file. One line of any other form, and the whole file is read.
//!
//! This is never a second reading: the engine of the dialect reads what is left, and its places are
//! put back to those of the file. A property of the tests below holds that against the engines'
//! reading of whole files, for every dialect.

use zeroize::Zeroizing;

use crate::{
    domain::place::Position,
    formats::{
        Contents, Fit, Refusal, Wanted,
        dotenv::{Dialect, traps},
    },
};

/// Whether this reader takes a line that stands for itself as such, whatever the others say.
pub(super) const fn reads_lines_alone(dialect: Dialect) -> bool {
    !matches!(
        dialect,
        // Two lines of one name make it refuse the file.
        Dialect::Kubectl
            // A comment is a line like any other to them.
            | Dialect::Node20
            | Dialect::Vite
    )
}

/// The lines of a file that an engine has to read.
pub(super) struct Relevant<'file> {
    /// Those lines; they hold keys.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// The names that they assign, sorted; no other wanted one stands anywhere in the file.
    names: Vec<&'file [u8]>,
    /// The number that each has in the file.
    lines: Vec<u32>,
    /// Names in the others that may be a slip for a wanted one, in file order.
    other_names: Vec<String>,
}

/// The lines of `bytes` that matter for the `wanted` variables; `None` where all of them may.
pub(super) fn relevant<'file>(bytes: &'file [u8], wanted: &Wanted) -> Option<Relevant<'file>> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut lines = Vec::new();
    let mut names = Vec::new();
    let mut other_names = Vec::new();
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |length| length + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        number += 1;
        let name = match Line::of(line.strip_suffix(b"\n").unwrap_or(line)) {
            Line::Assigns(name) => name,
            Line::Silent => continue,
            Line::Other => return None,
        };
        match wanted.fit(name) {
            Fit::Wanted => {
                kept.push(line);
                lines.push(number);
                names.push(name);
            }
            Fit::Slip => other_names.extend(std::str::from_utf8(name).map(str::to_owned)),
            Fit::Other => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    // At once, so that no key is left behind where the text grew.
    Some(Relevant { text: Zeroizing::new(kept.concat()), names, lines, other_names })
}

impl Relevant<'_> {
    /// The wanted names that the file assigns at all.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().filter_map(|name| std::str::from_utf8(name).ok()).collect()
    }

    /// What an engine made of these lines, with the places that it has in the file.
    pub(super) fn put_back(
        &self,
        read: Result<Contents, Refusal>,
        traps: &mut [traps::Found],
    ) -> Result<Contents, Refusal> {
        for found in traps {
            self.place(&mut found.position);
        }
        match read {
            Ok(mut contents) => {
                let places = contents
                    .occurrences
                    .iter_mut()
                    .map(|occurrence| &mut occurrence.place)
                    .chain(contents.problems.iter_mut().map(|problem| &mut problem.place));
                for position in places.filter_map(|place| place.position.as_mut()) {
                    self.place(position);
                }
                contents.other_names.clone_from(&self.other_names);
                Ok(contents)
            }
            Err(mut refusal) => {
                if let Some(position) = &mut refusal.position {
                    self.place(position);
                }
                Err(refusal)
            }
        }
    }

    fn place(&self, position: &mut Position) {
        let index = (position.line as usize).saturating_sub(1);
        if let Some(line) = self.lines.get(index) {
            position.line = *line;
        }
    }
}

/// What a line is to the lines around it.
enum Line<'line> {
    /// It is empty, or a comment.
    Silent,
    /// It gives this name a value, and does no more.
    Assigns(&'line [u8]),
    /// It may not stand for itself.
    Other,
}

impl<'line> Line<'line> {
    fn of(line: &'line [u8]) -> Self {
        let Some(first) = line.first() else { return Self::Silent };
        if *first == b'#' {
            // phpdotenv takes `="` for the start of a value on several lines, in comments too.
            let is_plain = line.iter().all(|byte| is(*byte, IN_COMMENT))
                && memchr::memmem::find(line, b"=\"").is_none();
            return if is_plain { Self::Silent } else { Self::Other };
        }
        let length = line.iter().take_while(|byte| is(**byte, IN_NAME)).count();
        let (name, rest) = line.split_at(length);
        let stands_alone = match rest.strip_prefix(b"=") {
            None | Some([]) => false,
            Some([b'"', text @ .., b'"'] | [b'\'', text @ .., b'\'']) => {
                !text.is_empty() && text.iter().all(|byte| is(*byte, IN_QUOTES))
            }
            Some(value) => value.iter().all(|byte| is(*byte, PLAIN)),
        };
        if stands_alone && first.is_ascii_alphabetic() { Self::Assigns(name) } else { Self::Other }
    }
}

const IN_NAME: u8 = 1;
const PLAIN: u8 = 2;
const IN_QUOTES: u8 = 4;
const IN_COMMENT: u8 = 8;

/// What each byte may be part of, in a line that stands for itself to every reader.
const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            class |= IN_NAME;
        }
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'.' | b'/' | b':' | b'@' | b'%' | b'+' | b',' | b'=' | b'-')
        {
            class |= PLAIN;
        }
        if matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'`') {
            class |= IN_COMMENT;
            if !matches!(byte, b'"' | b'\'' | b'$' | b'#') {
                class |= IN_QUOTES;
            }
        }
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
}

const fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::{
        Environment,
        dotenv::{parse_several, read_wanted},
    };

    fn wanted() -> Wanted {
        Wanted::new(["KEY".to_owned(), "OPENAI_API_KEY".to_owned()].into())
    }

    /// What is wanted of a file by reading all of it.
    fn whole(
        dialect: Dialect,
        bytes: &[u8],
        environment: &Environment,
    ) -> (Result<Contents, Refusal>, Vec<traps::Found>) {
        let wanted = wanted();
        let read = parse_several(dialect, &[bytes], environment);
        let names: Vec<&str> = wanted.iter().collect();
        let traps = traps::of_files(dialect, &[bytes], &read, environment, &names);
        let only = |read: Vec<Result<Contents, Refusal>>| read.into_iter().next();
        let read = only(read).expect("one file").map(|contents| contents.only(&wanted));
        (read, traps.into_iter().flatten().collect())
    }

    /// Names that some reader, shell or make knows, names that are wanted, and slips for them.
    fn name() -> impl Strategy<Value = String> {
        const NAMES: &[&str] = &[
            "KEY",
            "KEY",
            "OPENAI_API_KEY",
            "OPENAI_API_KEYS",
            "openai_api_key",
            "KEYS",
            "PORT",
            "export",
            "define",
            "endef",
            "include",
            "unset",
            "set",
            "PATH",
            "HOME",
            "IFS",
            "SHELL",
            "MAKEFLAGS",
            "NODE_ENV",
            "DOTENV_PUBLIC_KEY",
            "DOTENV_PRIVATE_KEY",
            "SYMFONY_DOTENV_VARS",
            "_",
            "a1",
        ];
        prop_oneof![
            8 => prop::sample::select(NAMES).prop_map(str::to_owned),
            1 => "[A-Za-z_][A-Za-z0-9_]{0,15}",
        ]
    }

    fn line() -> impl Strategy<Value = String> {
        let plain =
            "[A-Za-z0-9_./:@%+,=-]{1,9}|KEY=1|encrypted:[A-Za-z0-9+/=]{0,8}|export|op://a/b";
        let quoted = "[ -~&&[^\"'$#\\\\`]]{1,12}|KEY=1| KEY = 2 |@[{]HOME[}]|[{][{] KEY [}][}]";
        prop_oneof![
            6 => (name(), plain).prop_map(|(name, value)| format!("{name}={value}")),
            2 => (name(), quoted).prop_map(|(name, value)| format!("{name}=\"{value}\"")),
            2 => (name(), quoted).prop_map(|(name, value)| format!("{name}='{value}'")),
            1 => "#[ -~&&[^`\\\\]]{0,12}|# ?KEY=1|#",
            1 => Just(String::new()),
        ]
    }

    /// Lines that do not stand for themselves; the whole file is read then.
    fn odd_line() -> impl Strategy<Value = String> {
        (name(), "[ -~\t\r\u{e4}]{0,8}").prop_map(|(name, value)| format!("{name}={value}"))
    }

    fn file() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec(prop_oneof![60 => line(), 1 => odd_line()], 0..12);
        (lines, any::<bool>()).prop_map(|(lines, ends)| {
            let end = if ends && !lines.is_empty() { "\n" } else { "" };
            lines.join("\n") + end
        })
    }

    proptest! {
        #[test]
        fn leaving_lines_out_changes_no_answer(file in file()) {
            let secret = crate::domain::secret::SecretValue::new;
            let environment: Environment =
                [("PORT".to_owned(), secret("9")), ("KEY".to_owned(), secret("8"))].into();
            let quick = read_wanted(Dialect::ALL, &[file.as_bytes()], &environment, &wanted());
            for (dialect, quick) in Dialect::ALL.iter().zip(&quick[0].by_reader) {
                let (read, traps) = whole(*dialect, file.as_bytes(), &environment);
                prop_assert_eq!(quick, &read, "{:?}", dialect);
                let alone = read_wanted(&[*dialect], &[file.as_bytes()], &environment, &wanted());
                prop_assert_eq!(&alone[0].traps, &traps, "{:?}", dialect);
            }
        }
    }

    #[test]
    fn only_lines_of_wanted_variables_are_left() {
        let file = b"# a comment\nPORT=8080\n\nNAME=\"hello, world\"\nKEY=abc\nKEYS=1\n";
        let relevant = relevant(file, &wanted()).expect("every line stands for itself");
        assert_eq!((&**relevant.text, &*relevant.lines), (&b"KEY=abc\n"[..], &[5][..]));
        assert_eq!(relevant.other_names, ["KEYS"]);
    }

    #[test]
    fn a_line_that_may_reach_further_makes_all_of_them_matter() {
        let comment = "# A=\"";
        for line in
            ["A=\"x", "A=", "A=$B", "A=x\\", "export A=1", "A = 1", "\u{feff}A=1", "A=1\r", comment]
        {
            let file = format!("KEY=abc\n{line}\n");
            assert!(relevant(file.as_bytes(), &wanted()).is_none(), "{line:?}");
        }
    }
}
