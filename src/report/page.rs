//! Text of named facts, for a terminal of eighty columns.

use unicode_width::UnicodeWidthStr as _;

/// As wide as the narrowest terminal that people read in.
pub const COLUMNS: usize = 80;
const NAME: usize = 14;

/// Lines that are put together one after the other.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// An empty line, unless there is one.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Text of its own, wrapped.
    pub fn paragraph(&mut self, text: &str) {
        self.indented(0, text);
    }

    /// Text that starts this far in, also where it goes on.
    pub fn indented(&mut self, indent: usize, text: &str) {
        for line in wrap(text, COLUMNS - indent) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// A named fact; what does not fit goes on below itself. Nothing for an empty text.
    pub fn fact(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        for (number, line) in wrap(text, COLUMNS - NAME).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            self.line(&format!("{name:<NAME$}{line}"));
        }
    }

    /// Several facts of one name, each on lines of its own.
    pub fn facts<T: AsRef<str>>(&mut self, name: &str, texts: impl IntoIterator<Item = T>) {
        for (number, text) in texts.into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let mut lines = wrap(text.as_ref(), COLUMNS - NAME - 2).into_iter();
            self.line(&format!("{name:<NAME$}{}", lines.next().unwrap_or_default()));
            for line in lines {
                self.line(&format!("{:NAME$}  {line}", ""));
            }
        }
    }

    /// One line as it is.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Lines of at most `columns`, broken between words; a longer word has a line of its own.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_go_on_below_themselves() {
        let mut page = Page::default();
        page.fact("name", &"word ".repeat(20));
        page.fact("nothing", "");
        page.facts("several", ["one", "two"]);
        let lines: Vec<&str> = page.as_str().lines().collect();
        assert!(lines[0].starts_with("name          word word"));
        assert!(lines[1].starts_with("              word"));
        assert_eq!(lines[2..], ["several       one", "              two"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_unless_a_word_is(text in "[a-z]{1,30}( [a-z]{1,30}){0,20}") {
            let lines = wrap(&text, 40);
            prop_assert!(lines.iter().all(|line| line.width() <= 40), "{:?}", lines);
            prop_assert_eq!(lines.join(" "), text);
        }
    }
}
