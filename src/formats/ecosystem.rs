//! Files that PM2 starts applications from, as far as they say something without being run: JSON, and
//! the literals of JavaScript. What is computed is not known.

use std::collections::BTreeSet;

/// What such a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ecosystem {
    /// Its applications; none where they are not written out one by one.
    pub apps: Vec<App>,
    /// The names and texts that stand outside of these.
    pub words: BTreeSet<String>,
}

/// One application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// Its name, where it stands literally.
    pub name: Option<String>,
    /// The folder it is to work in, likewise.
    pub folder: Option<String>,
    /// The file of variables that it is given, likewise.
    pub env_file: Option<String>,
    /// The names and texts that stand in it.
    pub words: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// Reads such a file; `None` where it is no text whose strings end.
pub fn read(bytes: &[u8]) -> Option<Ecosystem> {
    let tokens = tokens(std::str::from_utf8(bytes).ok()?)?;
    let mut apps = Vec::new();
    let mut outside = vec![true; tokens.len()];
    for (start, end) in objects(&tokens).unwrap_or_default() {
        let inner = tokens.get(start + 1..end)?;
        outside.get_mut(start..end)?.fill(false);
        apps.push(app(inner));
    }
    let outside = tokens.iter().zip(outside).filter(|(_, outside)| *outside);
    Some(Ecosystem { words: words(outside.map(|(token, _)| token)), apps })
}

fn words<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> BTreeSet<String> {
    tokens.into_iter().filter_map(name).map(str::to_owned).collect()
}

fn name(token: &Token) -> Option<&str> {
    match token {
        Token::Word(name) | Token::Text(name) => Some(name),
        Token::Mark(_) => None,
    }
}

fn is(tokens: &[Token], at: usize, mark: char) -> bool {
    tokens.get(at) == Some(&Token::Mark(mark))
}

/// Where the application objects begin and end; `None` where that is computed.
fn objects(tokens: &[Token]) -> Option<Vec<(usize, usize)>> {
    let lists: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens.get(*at).and_then(name) == Some("apps") && is(tokens, at + 1, ':'))
        .collect();
    let mut at = match lists.as_slice() {
        [only] => only + 2,
        [] if is(tokens, 0, '[') => 0,
        // One application without a list around it.
        [] if is(tokens, 0, '{') => return Some(vec![(0, end_of(tokens, 0)?)]),
        _ => return None,
    };
    if !is(tokens, at, '[') {
        return None;
    }
    let list_end = end_of(tokens, at)?;
    // `[…].map(…)` makes others of them.
    let ends = list_end + 1 == tokens.len()
        || [',', '}'].iter().any(|mark| is(tokens, list_end + 1, *mark));
    let mut found = Vec::new();
    at += 1;
    while ends && at < list_end {
        if !is(tokens, at, '{') {
            return None;
        }
        let end = end_of(tokens, at)?;
        found.push((at, end));
        at = end + 1;
        if is(tokens, at, ',') {
            at += 1;
        } else if at != list_end {
            return None;
        }
    }
    ends.then_some(found)
}

/// Where what begins here ends.
fn end_of(tokens: &[Token], start: usize) -> Option<usize> {
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Mark('{') => open.push('}'),
            Token::Mark('[') => open.push(']'),
            Token::Mark('(') => open.push(')'),
            Token::Mark(mark @ ('}' | ']' | ')')) => {
                if open.pop() != Some(*mark) {
                    return None;
                }
                if open.is_empty() {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// What stands between the braces of an application.
fn app(tokens: &[Token]) -> App {
    let mut app = App { words: words(tokens), ..App::default() };
    let mut at = 0;
    while at < tokens.len() {
        let mut end = at;
        while end < tokens.len() && !is(tokens, end, ',') {
            let opens = ['{', '[', '('].iter().any(|mark| is(tokens, end, *mark));
            end = if opens { end_of(tokens, end).unwrap_or(tokens.len()) + 1 } else { end + 1 };
        }
        let entry = tokens.get(at..end.min(tokens.len())).unwrap_or_default();
        match entry {
            [Token::Word(key) | Token::Text(key), Token::Mark(':'), value @ ..] => {
                let value = match value {
                    [Token::Text(text)] => Some(text.clone()),
                    _ => None,
                };
                match key.as_str() {
                    "name" => app.name = value,
                    "cwd" => app.folder = value,
                    "env_file" => app.env_file = value,
                    _ => {}
                }
            }
            // Computed: it may be any of them, and the last one counts.
            [Token::Mark(_), ..] => {
                (app.name, app.folder, app.env_file) = (None, None, None);
            }
            _ => {}
        }
        at = end + 1;
    }
    app
}

/// Names, texts and marks, without comments; `None` where a text or a comment has no end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(first) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else if matches!(first, '"' | '\'' | '`') {
            let (inner, after) = quoted(rest.get(1..)?, first)?;
            rest = after;
            if inner.contains('\\') || (first == '`' && inner.contains("${")) {
                // What it comes to is computed, and the names in it are named.
                found.push(Token::Mark(first));
                let names = inner.split(|character| !is_name(character));
                found.extend(
                    names.filter(|name| !name.is_empty()).map(|it| Token::Word(it.to_owned())),
                );
            } else {
                found.push(Token::Text(inner.to_owned()));
            }
        } else if is_name(first) {
            let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            found.push(Token::Word(name.to_owned()));
            rest = after;
        } else {
            if !first.is_whitespace() {
                found.push(Token::Mark(first));
            }
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    Some(found)
}

/// What stands before the closing quote, and behind it.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        } else if character == '\n' && quote != '`' {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `name folder env_file` of each application; `-` where that is not known.
    fn told(text: &str) -> Vec<String> {
        let word = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let apps = read(text.as_bytes()).unwrap().apps.into_iter();
        apps.map(|app| [word(app.name), word(app.folder), word(app.env_file)].join(" ")).collect()
    }

    #[rstest]
    #[case::javascript(
        "module.exports = {\n  // apps: []\n  apps: [{ name: 'api', cwd: \"./api\", env: {name: 'x'} },\n\
         { name: `web`, env_file: '.env', args: ['a', 'b'] },],\n}",
        &["api ./api -", "web - .env"]
    )]
    #[case::json(r#"{"apps": [{"name": "api", "script": "a.js"}]}"#, &["api - -"])]
    #[case::json_list(r#"[{"name": "api"}, {"script": "b.js"}]"#, &["api - -", "- - -"])]
    #[case::json_alone(r#"{"name": "api", "cwd": "/srv"}"#, &["api /srv -"])]
    #[case::computed("module.exports = {apps: [{name: `a-${x}`, cwd: __dirname}]}", &["- - -"])]
    #[case::joined("module.exports = {apps: [{name: 'a' + x}]}", &["- - -"])]
    #[case::escape(r"module.exports = {apps: [{name: 'a\x62'}]}", &["- - -"])]
    #[case::spread_over("module.exports = {apps: [{name: 'a', ...other}]}", &["- - -"])]
    #[case::spread_under("module.exports = {apps: [{...other, name: 'a'}]}", &["a - -"])]
    #[case::mapped("module.exports = {apps: [{name: 'a'}].map(more)}", &[])]
    #[case::variable("const apps = [{name: 'a'}]; module.exports = {apps}", &[])]
    #[case::element("module.exports = {apps: [api, {name: 'a'}]}", &[])]
    #[case::several("const x = {apps: []}; module.exports = {apps: [{name: 'a'}]}", &[])]
    fn what_stands_literally(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(told(text), expected);
    }

    #[test]
    fn words_are_told_by_where_they_stand() {
        let text = "// COMMENT\nconst shared = {SHARED: 1};\nmodule.exports = {apps: [{name: 'a', env: \
                    {KEY: `${process.env.OTHER}`}}]}";
        let found = read(text.as_bytes()).unwrap();
        assert!(found.words.contains("SHARED") && !found.words.contains("COMMENT"), "{found:?}");
        assert!(!found.words.contains("KEY"), "{found:?}");
        assert!(["KEY", "OTHER"].iter().all(|word| found.apps[0].words.contains(*word)));
    }

    #[test]
    fn a_text_without_an_end_is_nothing() {
        assert_eq!(read(b"module.exports = {apps: [{name: 'a}]}"), None);
        assert_eq!(read(b"/* {"), None);
        assert_eq!(read(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "[\\[\\]{}()'\"`:,a.$/*\\\\\n]{0,60}") {
            read(text.as_bytes());
        }
    }
}
