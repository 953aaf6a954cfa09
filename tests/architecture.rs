//! Who may import whom. Every path of the source is read: those of `use` and those in the code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rstest::rstest;

/// What one top-level module may import.
struct Rule {
    module: &'static str,
    /// Other modules of the crate.
    modules: &'static [&'static str],
    /// Foreign crates; `None`: any that is not forbidden.
    crates: Option<&'static [&'static str]>,
    /// Beginnings of paths that it never uses.
    never: &'static [&'static str],
}

const SYSTEM: [&str; 5] = ["std::fs", "std::net", "std::env", "std::process", "tokio"];
const READS: [&str; 8] =
    ["domain", "formats", "providers", "inventory", "layers", "probe", "rotation", "strict_toml"];

const RULES: &[Rule] = &[
    Rule {
        module: "domain",
        modules: &[],
        crates: Some(&["serde", "jiff", "hmac", "sha2", "zeroize", "unicode_width"]),
        never: &SYSTEM,
    },
    Rule { module: "strict_toml", modules: &["domain"], crates: None, never: &SYSTEM },
    Rule { module: "formats", modules: &["domain"], crates: None, never: &SYSTEM },
    Rule {
        module: "providers",
        modules: &["domain", "strict_toml"],
        crates: None,
        never: &["std::fs", "std::net", "tokio", "reqwest"],
    },
    Rule {
        module: "inventory",
        modules: &["domain", "providers", "strict_toml"],
        crates: None,
        never: &["tokio", "reqwest::Client", "ratatui"],
    },
    Rule {
        module: "layers",
        modules: &["domain", "formats", "inventory"],
        crates: None,
        never: &["std::net", "reqwest", "ratatui"],
    },
    Rule {
        module: "probe",
        modules: &["domain", "providers"],
        crates: None,
        never: &["std::fs", "ratatui"],
    },
    Rule {
        module: "survey",
        modules: &["domain", "formats", "providers", "inventory", "layers"],
        crates: None,
        never: &["std::net", "std::process", "tokio", "reqwest", "ratatui"],
    },
    Rule {
        module: "rotation",
        modules: &["domain", "inventory"],
        crates: None,
        never: &["tokio", "reqwest", "ratatui"],
    },
    Rule { module: "engine", modules: &READS, crates: None, never: &["reqwest", "ratatui"] },
    Rule {
        module: "report",
        modules: &["domain"],
        crates: None,
        never: &["reqwest", "crate::domain::secret"],
    },
    Rule {
        module: "tui",
        modules: &["domain"],
        crates: None,
        never: &["reqwest", "crate::domain::secret"],
    },
    Rule { module: "demo", modules: &["domain"], crates: None, never: &["reqwest", "ratatui"] },
    Rule { module: "protection", modules: &["demo"], crates: None, never: &["tokio"] },
    Rule {
        module: "cli",
        modules: &[
            "demo",
            "domain",
            "engine",
            "formats",
            "inventory",
            "layers",
            "probe",
            "providers",
            "report",
            "rotation",
            "strict_toml",
            "survey",
            "tui",
        ],
        crates: None,
        never: &["reqwest", "ratatui"],
    },
];

/// No file of the source is as long as this.
const MOST_LINES: usize = 700;

#[test]
fn modules_import_what_they_may() {
    let foreign = foreign_crates();
    let mut wrong = Vec::new();
    for file in files() {
        let place = module_path(&file);
        let Some(module) = place.first() else { continue };
        let rule = RULES.iter().find(|rule| rule.module == module);
        let rule = rule.unwrap_or_else(|| panic!("no rule says what `{module}` may import"));
        for import in paths(&without_tests(&read(&file))) {
            let path = absolute(&import.path, &place);
            if let Some(why) = breaks(rule, &path, &foreign) {
                wrong.push(format!("{}:{}: {why}", file.display(), import.line));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_about_a_module() {
    let modules: BTreeSet<String> =
        files().iter().filter_map(|file| module_path(file).first().cloned()).collect();
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.module.to_owned()).collect();
    assert_eq!(rules, modules);
}

#[test]
fn files_are_short_and_modules_have_names() {
    for file in files() {
        let lines = read(&file).lines().count();
        assert!(lines < MOST_LINES, "{} has {lines} lines", file.display());
        assert_ne!(file.file_name().unwrap(), "mod.rs", "{}", file.display());
    }
}

/// The reader of this test sees what it has to see.
#[rstest]
#[case::one("use std::fs;", &["1 std::fs"])]
#[case::tree(
    "use crate::{\n    a::{self, B as C},\n    d,\n};",
    &["2 crate::a::self", "2 crate::a::B", "3 crate::d"]
)]
#[case::code("fn f() { std::env::var(\"A\"); }", &["1 std::env::var"])]
#[case::generic("let a: Vec<tokio::X> = b::<c::D>();", &["1 tokio::X", "1 c::D"])]
#[case::comment("// use std::fs::read;\n/* std::env::var */ a::b", &["2 a::b"])]
#[case::text("f(\"std::fs::read \\\" a::b\", r#\"c::d \" e::f\"#, '\"', g::h)", &["1 g::h"])]
#[case::lifetime("fn f<'a>(x: &'a std::fs::File) {}", &["1 std::fs::File"])]
#[case::glob("use super::super::x::*;", &["1 super::super::x"])]
fn paths_are_found(#[case] source: &str, #[case] expected: &[&str]) {
    let found: Vec<String> = paths(source)
        .into_iter()
        .map(|import| format!("{} {}", import.line, import.path.join("::")))
        .collect();
    assert_eq!(found, expected);
}

#[rstest]
#[case::own_module("domain", "crate::domain::key", false)]
#[case::other_module("domain", "crate::formats", true)]
#[case::files("domain", "std::fs::read", true)]
#[case::foreign("domain", "tokio::spawn", true)]
#[case::allowed_foreign("domain", "jiff::Timestamp", false)]
#[case::commands("engine", "crate::cli::Exit", true)]
#[case::secret("report", "crate::domain::secret::SecretValue", true)]
#[case::client("tui", "reqwest::Client", true)]
#[case::similar_name("formats", "std::fsync", false)]
fn rules_are_applied(#[case] module: &str, #[case] path: &str, #[case] broken: bool) {
    let rule = RULES.iter().find(|rule| rule.module == module).unwrap();
    let path: Vec<String> = path.split("::").map(str::to_owned).collect();
    assert_eq!(breaks(rule, &path, &foreign_crates()).is_some(), broken);
}

/// Why this path may not be used there.
fn breaks(rule: &Rule, path: &[String], foreign: &BTreeSet<String>) -> Option<String> {
    let text = path.join("::");
    let module = rule.module;
    let begins = |start: &&str| {
        text.strip_prefix(start).is_some_and(|rest| matches!(rest, "") || rest.starts_with("::"))
    };
    if rule.never.iter().any(begins) {
        return Some(format!("`{module}` never uses `{text}`"));
    }
    let first = path.first()?;
    if first == "crate" {
        let other = path.get(1)?;
        let allowed = other == module || rule.modules.contains(&other.as_str());
        return (!allowed).then(|| format!("`{module}` may not import from `{other}`"));
    }
    let allowed = rule.crates.is_none_or(|crates| crates.contains(&first.as_str()));
    (foreign.contains(first) && !allowed).then(|| format!("`{module}` may not use `{first}`"))
}

/// Every file of the source but the two that stand above all modules.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the source").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    found.retain(|file| !["src/lib.rs", "src/main.rs"].iter().any(|root| file == Path::new(root)));
    found.sort();
    assert!(found.len() > 100, "the source is read from the folder of the package");
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a file of the source")
}

/// `src/engine/flow.rs` is `engine`, `flow`.
fn module_path(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    names.iter().skip(1).map(|name| name.to_string_lossy().into_owned()).collect()
}

/// What is compiled into the program: files of tests, and modules of tests at the end, are not.
fn without_tests(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    source.chars().take(source.get(..end).map_or(0, |text| text.chars().count())).collect()
}

/// The crates that the package depends on, as they are named in code.
fn foreign_crates() -> BTreeSet<String> {
    let text = fs::read_to_string("Cargo.toml").expect("the manifest");
    let manifest: toml::Table = toml::from_str(&text).expect("the manifest is TOML");
    let tables = [
        &manifest["dependencies"],
        &manifest["target"]["cfg(target_os = \"linux\")"]["dependencies"],
        &manifest["target"]["cfg(not(target_os = \"linux\"))"]["dependencies"],
    ];
    let names = tables.into_iter().filter_map(toml::Value::as_table).flat_map(|table| table.keys());
    names.map(|name| name.replace('-', "_")).collect()
}

/// With `self` and `super` replaced by what they mean there.
fn absolute(path: &[String], place: &[String]) -> Vec<String> {
    let mut base = place.to_vec();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while let Some("super") = rest.first().map(String::as_str) {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return path.to_vec(),
    }
    std::iter::once("crate".to_owned()).chain(base).chain(rest.iter().cloned()).collect()
}

/// A path of two names or more, and its line.
struct Import {
    path: Vec<String>,
    line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Colons,
    Other(char),
}

fn paths(source: &str) -> Vec<Import> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = matches!(tokens[at].0, Token::Name(_))
            && tokens.get(at + 1).is_some_and(|token| token.0 == Token::Colons);
        if begins {
            at = tree(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found.retain(|import| import.path.len() > 1);
    found
}

/// Follows a path, and all its branches; returns where it ends.
fn tree(
    tokens: &[(Token, usize)],
    start: usize,
    stem: &[String],
    found: &mut Vec<Import>,
) -> usize {
    let mut path = stem.to_vec();
    let mut at = start;
    let mut line = 0;
    while let Some((Token::Name(name), here)) = tokens.get(at) {
        path.push(name.clone());
        line = *here;
        at += 1;
        if tokens.get(at).map(|token| &token.0) != Some(&Token::Colons) {
            break;
        }
        at += 1;
        if tokens.get(at).map(|token| &token.0) == Some(&Token::Other('{')) {
            at += 1;
            while let Some((token, _)) = tokens.get(at) {
                match token {
                    Token::Other('}') => return at + 1,
                    Token::Name(_) => at = tree(tokens, at, &path, found),
                    _ => at += 1,
                }
                if let Some((Token::Name(word), _)) = tokens.get(at)
                    && word == "as"
                {
                    at += 2;
                }
            }
            return at;
        }
    }
    found.push(Import { path, line });
    at
}

/// Names, `::` and everything else, without comments, texts and lifetimes.
fn tokens(source: &str) -> Vec<(Token, usize)> {
    let text: Vec<char> = source.chars().collect();
    let starts = |at: usize, word: &str| {
        word.chars()
            .enumerate()
            .all(|(offset, character)| text.get(at + offset) == Some(&character))
    };
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let begin = at;
        if starts(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < text.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if let Some(end) = raw_text_end(&text, at) {
            at = end;
        } else if text[at] == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += 1 + usize::from(text[at] == '\\');
            }
            at += 1;
        } else if starts(at, "'\\") || text.get(at + 2) == Some(&'\'') && text[at] == '\'' {
            at += 2;
            while at < text.len() && text[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if text[at].is_alphanumeric() || text[at] == '_' {
            while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
                at += 1;
            }
            found.push((Token::Name(text[begin..at].iter().collect()), line));
        } else if starts(at, "::") {
            at += 2;
            found.push((Token::Colons, line));
        } else {
            at += 1;
            if !text[begin].is_whitespace() {
                found.push((Token::Other(text[begin]), line));
            }
        }
        let at_most = at.min(text.len());
        line += text[begin..at_most].iter().filter(|character| **character == '\n').count();
    }
    found
}

/// Where `r#"…"#` ends, when one begins here.
fn raw_text_end(text: &[char], at: usize) -> Option<usize> {
    let start = at + usize::from(text.get(at) == Some(&'b'));
    if text.get(start) != Some(&'r') {
        return None;
    }
    let marks = text[start + 1..].iter().take_while(|character| **character == '#').count();
    let open = start + 1 + marks;
    if text.get(open) != Some(&'"') {
        return None;
    }
    let closes = |from: usize| {
        text[from] == '"'
            && text[from + 1..].iter().take(marks).filter(|mark| **mark == '#').count() == marks
    };
    (open + 1..text.len()).find(|from| closes(*from)).map(|from| from + 1 + marks)
}
