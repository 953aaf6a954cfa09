//! GNU make: a `.env` that a makefile includes, with its variables exported to the recipes.
//!
//! A `#` cuts everywhere, quotes are part of the value, and `$` names a variable of one letter
//! unless brackets follow. Values are expanded when a recipe starts, with what the variables are by
//! then. What a function or a condition of make's would decide is not known here.

use std::collections::HashMap;

use crate::{
    domain::reading::OpaqueReason,
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            collector::Collector,
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

use self::syntax::{
    Assignment, End, Line, Operator, Statement, Word, is_blank, is_space, logical_lines, next_word,
    recipe_start, reference, split_word, statement, trim_end, trim_start, unescaped,
};

mod syntax;

/// References inside references go no deeper than this.
const DEEPEST: usize = 64;

/// Reads a file as `include` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Paired };
    let source = Source::decode(bytes, decoding)?;
    let collector = Collector::new(&source, environment);
    let mut reader = Reader {
        collector,
        variables: HashMap::new(),
        names: Vec::new(),
        named_exports: HashMap::new(),
        rule: Rule::None,
        targets: HashMap::new(),
        depth: 0,
    };
    let lines = logical_lines(source.text());
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        if line.text.starts_with(b"\t") && reader.rule != Rule::None {
            continue;
        }
        reader.read_line(line, &mut lines)?;
    }
    if reader.depth > 0 {
        let end = source.text().len();
        return Err(reader.collector.refusal(end, "a condition without its `endif`; make stops"));
    }
    reader.export()
}

/// A variable as it was last assigned.
struct Variable {
    text: Vec<u8>,
    /// Its references are resolved when it is used.
    recursive: bool,
    /// Only make itself could tell the value.
    opaque: Option<OpaqueReason>,
}

/// What a line that begins with a tab belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// No rule.
    None,
    /// One whose recipe it is.
    Targets,
    /// One without targets, whose recipe make ignores.
    NoTargets,
}

struct Reader<'file> {
    collector: Collector<'file>,
    variables: HashMap<String, Variable>,
    /// Every assignment, in file order, with its place.
    names: Vec<(String, usize)>,
    /// The variables that `export` and `unexport` name, whatever their names are.
    named_exports: HashMap<String, bool>,
    rule: Rule,
    /// The targets of rules, and whether theirs have two colons.
    targets: HashMap<Vec<u8>, bool>,
    /// Conditions that are open.
    depth: usize,
}

/// Why a value is not known.
enum Unknown {
    Opaque(OpaqueReason),
    Recursive,
    Unterminated,
    TooLarge,
}

impl Reader<'_> {
    fn read_line<'line>(
        &mut self,
        line: &Line,
        following: &mut impl Iterator<Item = &'line Line>,
    ) -> Result<(), Refusal> {
        let (text, at) = (trim_start(&line.text), line.at);
        match statement(text) {
            Statement::Assignment { assignment, exported } => {
                self.rule = Rule::None;
                let name = self.assign(&assignment, at)?;
                if exported {
                    self.named_exports.extend(name.map(|name| (name, true)));
                }
                return Ok(());
            }
            Statement::Define { name, exported } => {
                self.rule = Rule::None;
                return self.read_define(name, exported, at, following);
            }
            Statement::Undefine(name) => {
                self.rule = Rule::None;
                let name = self.name(name, at)?;
                self.names.extend(name.clone().map(|name| (name, at)));
                if let Some(name) = name {
                    self.collector.problem(at, "a variable that make forgets here");
                    self.variables.remove(&name);
                }
                return Ok(());
            }
            Statement::Other => {}
        }
        let (word, rest) = split_word(text);
        match word {
            b"" => Ok(()),
            b"ifdef" | b"ifndef" | b"ifeq" | b"ifneq" => {
                self.depth += 1;
                Ok(())
            }
            b"else" | b"endif" if self.depth > 0 => {
                self.depth -= usize::from(word == b"endif");
                Ok(())
            }
            b"else" | b"endif" => self.refuse(at, "a condition that never began; make stops"),
            b"include" | b"-include" | b"sinclude" | b"vpath" | b"load" | b"-load" => {
                self.rule = Rule::None;
                self.collector.problem(at, "a directive of make that is not followed");
                Ok(())
            }
            b"export" | b"unexport" => {
                self.rule = Rule::None;
                self.export_names(rest, word == b"export", at)
            }
            _ if line.text.starts_with(b"\t") => {
                self.refuse(at, "a line that begins with a tab and is no recipe; make stops")
            }
            _ => self.read_rule(&line.text, at),
        }
    }

    /// `export A B`: these and no others, whatever they are called.
    fn export_names(&mut self, names: &[u8], exported: bool, at: usize) -> Result<(), Refusal> {
        let Some(names) = self.expanded(names, at)? else { return Ok(()) };
        for name in names.split(|byte| is_space(*byte)).filter(|name| !name.is_empty()) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !self.variables.contains_key(&name) && self.collector.inherited(&name).is_none() {
                self.define(name.clone(), Vec::new(), at, true, None);
            }
            self.named_exports.insert(name, exported);
        }
        Ok(())
    }

    /// `define NAME` up to its `endef`; the value has several lines.
    fn read_define<'line>(
        &mut self,
        name: &[u8],
        exported: bool,
        at: usize,
        following: &mut impl Iterator<Item = &'line Line>,
    ) -> Result<(), Refusal> {
        let mut open = 1_usize;
        for line in following {
            match split_word(trim_start(&line.text)).0 {
                b"define" => open += 1,
                b"endef" => open -= 1,
                _ => {}
            }
            if open == 0 {
                let name = name.strip_suffix(b"=").unwrap_or(name);
                if let Some(name) = self.name(trim_end(name), at)? {
                    if exported {
                        self.named_exports.insert(name.clone(), true);
                    }
                    self.define(name, Vec::new(), at, true, Some(OpaqueReason::Dynamic));
                }
                return Ok(());
            }
        }
        self.refuse(at, "a `define` without its `endef`; make stops")
    }

    /// A rule, or a line that make does not understand.
    fn read_rule(&mut self, text: &[u8], at: usize) -> Result<(), Refusal> {
        self.rule = Rule::None;
        let recipe = recipe_start(text);
        let before = &text[..recipe.unwrap_or(text.len())];
        let mut rest = before;
        let mut expanded = Vec::new();
        let mut first = true;
        let colon = loop {
            let (kind, length) = next_word(rest);
            match kind {
                Word::End if first && recipe.is_some() => {
                    return self.refuse(at, "a recipe that belongs to no rule; make stops");
                }
                Word::Colon if first => {
                    self.rule = Rule::NoTargets;
                    return Ok(());
                }
                Word::End if trim_start(&expanded).is_empty() => return Ok(()),
                Word::End => {
                    let reason = "a line that is neither an assignment nor a rule; make stops";
                    return self.refuse(at, reason);
                }
                _ => {}
            }
            if !first {
                expanded.push(b' ');
            }
            let Some(word) = self.expanded(&rest[..length], at)? else { return Ok(()) };
            let searched = expanded.len();
            expanded.extend(word);
            rest = &rest[length..];
            first = false;
            if let Some(colon) = unescaped(&expanded[searched..], b':') {
                break searched + colon;
            }
        };
        let targets = expanded[..colon].to_vec();
        if trim_start(&targets).is_empty() {
            self.rule = Rule::NoTargets;
            return Ok(());
        }
        let twice = expanded.get(colon + 1) == Some(&b':');
        let mut own = expanded.split_off(colon + 1 + usize::from(twice));
        own.extend_from_slice(rest);
        match statement(&own) {
            Statement::Assignment { assignment, .. } => {
                // A variable of that target alone.
                self.name(assignment.name, at)?;
                return Ok(());
            }
            Statement::Define { .. } | Statement::Undefine(_) => {
                return self.refuse(at, "a definition that a target cannot have; make stops");
            }
            Statement::Other => {}
        }
        let Some(prerequisites) = self.expanded(&own, at)? else { return Ok(()) };
        self.rule = Rule::Targets;
        let end = unescaped(&prerequisites, b';').unwrap_or(prerequisites.len());
        self.check_rule(&targets, twice, &prerequisites[..end], at)
    }

    /// What make refuses in a rule.
    fn check_rule(
        &mut self,
        targets: &[u8],
        twice: bool,
        prerequisites: &[u8],
        at: usize,
    ) -> Result<(), Refusal> {
        let words = |text: &[u8]| -> Vec<Vec<u8>> {
            let words = text.split(|byte| is_blank(*byte)).map(trim_start);
            words.filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
        };
        let is_pattern = |word: &[u8]| unescaped(word, b'%').is_some();
        let targets = words(targets);
        // Only the first target decides what kind of rule it is.
        let implicit = targets.first().is_some_and(|target| is_pattern(target));
        if let Some(colon) = unescaped(prerequisites, b':') {
            let pattern = words(&prerequisites[..colon]);
            if implicit || pattern.len() != 1 || !is_pattern(&pattern[0]) {
                return self.refuse(at, "a rule with a pattern that is none; make stops");
            }
        } else if implicit && !targets.iter().all(|target| is_pattern(target)) {
            return self.refuse(at, "a rule with a pattern beside a plain target; make stops");
        }
        for target in targets.into_iter().filter(|target| !is_pattern(target)) {
            if *self.targets.entry(target).or_insert(twice) != twice {
                return self.refuse(at, "a target with one colon here and two there; make stops");
            }
        }
        Ok(())
    }

    /// A text with its references resolved, unless that cannot be known.
    fn expanded(&mut self, text: &[u8], at: usize) -> Result<Option<Vec<u8>>, Refusal> {
        match self.expand(text, 0) {
            Ok(text) => Ok(Some(text)),
            Err(Unknown::Opaque(_)) => {
                self.collector.problem(at, "a line that only make could tell the meaning of");
                Ok(None)
            }
            Err(unknown) => self.known_to_make(&unknown, at).map(|_| None),
        }
    }

    /// The name that a variable is given, unless that cannot be known.
    fn name(&mut self, text: &[u8], at: usize) -> Result<Option<String>, Refusal> {
        let name = self.expanded(text, at)?;
        if name.as_ref().is_some_and(Vec::is_empty) {
            return self.refuse(at, "an assignment without a name; make stops");
        }
        Ok(name.map(|name| String::from_utf8_lossy(&name).into_owned()))
    }

    /// make stops, unless a condition keeps it from coming here.
    fn refuse<T: Default>(&mut self, at: usize, reason: &'static str) -> Result<T, Refusal> {
        if self.depth == 0 {
            return Err(self.collector.refusal(at, reason));
        }
        self.collector.problem(at, "a line that make stops at, under a condition");
        Ok(T::default())
    }

    /// Assigns, and gives the name.
    fn assign(
        &mut self,
        assignment: &Assignment<'_>,
        at: usize,
    ) -> Result<Option<String>, Refusal> {
        let Some(name) = self.name(assignment.name, at)? else { return Ok(None) };
        let opaque = (self.depth > 0).then_some(OpaqueReason::Conditional);
        let text = assignment.value.to_vec();
        let defined =
            self.variables.contains_key(&name) || self.collector.inherited(&name).is_some();
        match assignment.operator {
            Operator::Unset if defined => {}
            Operator::Recursive | Operator::Unset => {
                self.define(name.clone(), text, at, true, opaque);
            }
            Operator::Shell => {
                let opaque = opaque.or(Some(OpaqueReason::Dynamic));
                self.define(name.clone(), text, at, false, opaque);
            }
            Operator::Simple => match self.expand(&text, 0) {
                Ok(text) => self.define(name.clone(), text, at, false, opaque),
                Err(unknown) => {
                    let opaque = opaque.or(Some(self.known_to_make(&unknown, at)?));
                    self.define(name.clone(), Vec::new(), at, false, opaque);
                }
            },
            Operator::Append => self.append(&name, text, at, opaque)?,
        }
        Ok(Some(name))
    }

    fn append(
        &mut self,
        name: &str,
        text: Vec<u8>,
        at: usize,
        opaque: Option<OpaqueReason>,
    ) -> Result<(), Refusal> {
        let inherited = self.collector.inherited(name).map(<[u8]>::to_vec);
        let (mut all, recursive, before) = match self.variables.get(name) {
            Some(variable) => (variable.text.clone(), variable.recursive, variable.opaque),
            None => (inherited.unwrap_or_default(), true, None),
        };
        let added = if recursive { Ok(text) } else { self.expand(&text, 0) };
        let added = match added {
            Ok(added) => added,
            Err(unknown) => {
                let reason = self.known_to_make(&unknown, at)?;
                self.define(name.to_owned(), Vec::new(), at, false, Some(reason));
                return Ok(());
            }
        };
        if !all.is_empty() && !added.is_empty() {
            all.push(b' ');
        }
        all.extend(added);
        if all.len() > MOST_VALUE_BYTES {
            return self.refuse(at, "a value of more than 4 MiB; not read");
        }
        self.define(name.to_owned(), all, at, recursive, opaque.or(before));
        Ok(())
    }

    fn define(
        &mut self,
        name: String,
        text: Vec<u8>,
        at: usize,
        recursive: bool,
        opaque: Option<OpaqueReason>,
    ) {
        self.names.push((name.clone(), at));
        self.variables.insert(name, Variable { text, recursive, opaque });
    }

    /// The reason why a value is not known, unless make would stop here.
    fn known_to_make(&mut self, unknown: &Unknown, at: usize) -> Result<OpaqueReason, Refusal> {
        match unknown {
            Unknown::Opaque(reason) => Ok(*reason),
            Unknown::Recursive => {
                self.refuse(at, "a variable that references itself; make stops").map(unknowable)
            }
            Unknown::Unterminated => {
                self.refuse(at, "a reference that is never closed; make stops").map(unknowable)
            }
            Unknown::TooLarge => {
                let reason = "the references make values of more than 4 MiB; not read";
                self.refuse(at, reason).map(unknowable)
            }
        }
    }

    /// Hands the variables to a recipe.
    fn export(mut self) -> Result<Contents, Refusal> {
        let mut total = 0;
        let names = std::mem::take(&mut self.names);
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (index, (name, _)) in names.iter().enumerate() {
            last.insert(name, index);
        }
        for (index, (name, at)) in names.iter().enumerate() {
            let whole = name;
            let Some(variable) = self.variables.get(name) else { continue };
            let at = *at;
            let exportable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let exported = self.named_exports.get(name).copied();
            if !exported.unwrap_or(exportable) {
                self.collector.problem(at, "a name that make does not export");
                continue;
            }
            if last.get(name.as_str()) != Some(&index) {
                // make has forgotten what stood here.
                self.collector.unset(name, at);
                continue;
            }
            let value = match variable.opaque {
                Some(reason) => Err(Unknown::Opaque(reason)),
                None => self.value(name, 0),
            };
            match value {
                Ok(mut value) => {
                    // `export A B=1` names a variable `B=1`, and a process takes what is before the
                    // sign for the name.
                    let (name, rest) = name.split_once('=').unwrap_or((name, ""));
                    if rest.len() + name.len() < whole.len() {
                        value = [rest.as_bytes(), b"=", &value].concat();
                    }
                    if name.is_empty() {
                        continue;
                    }
                    total += value.len();
                    if total > MOST_VALUE_BYTES {
                        let reason = "the references make values of more than 4 MiB; not read";
                        return self.refuse(at, reason);
                    }
                    self.collector.assign(name, at, value);
                }
                Err(unknown) => {
                    let reason = self.known_to_make(&unknown, at)?;
                    self.collector.opaque(name, at, reason);
                }
            }
        }
        Ok(self.collector.finish())
    }

    /// What a variable is worth now.
    fn value(&self, name: &str, depth: usize) -> Result<Vec<u8>, Unknown> {
        match self.variables.get(name) {
            Some(Variable { opaque: Some(reason), .. }) => Err(Unknown::Opaque(*reason)),
            Some(variable) if variable.recursive => self.expand(&variable.text, depth + 1),
            Some(variable) => Ok(variable.text.clone()),
            None => match self.collector.inherited(name) {
                Some(value) => self.expand(value, depth + 1),
                None => Ok(Vec::new()),
            },
        }
    }

    fn expand(&self, text: &[u8], depth: usize) -> Result<Vec<u8>, Unknown> {
        if depth > DEEPEST {
            return Err(Unknown::Recursive);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            out.extend_from_slice(&rest[..dollar]);
            if out.len() > MOST_VALUE_BYTES {
                return Err(Unknown::TooLarge);
            }
            let after = &rest[dollar + 1..];
            let (name, length) = match after.first() {
                None | Some(b'$') => {
                    out.push(b'$');
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                Some(open @ (b'(' | b'{')) => {
                    let close = if *open == b'(' { b')' } else { b'}' };
                    let length = match reference(&after[1..], *open, close) {
                        End::At(length) => length,
                        // make looks for a name with a dollar in it, and is done with the text.
                        End::Unbalanced => return Ok(out),
                        End::Open => return Err(Unknown::Unterminated),
                    };
                    (&after[1..=length], length + 2)
                }
                Some(_) => (&after[..1], 1),
            };
            rest = &after[length..];
            if is_function(name) {
                return Err(Unknown::Opaque(OpaqueReason::Dynamic));
            }
            let name =
                if name.contains(&b'$') { self.expand(name, depth + 1)? } else { name.to_vec() };
            let name = String::from_utf8_lossy(&name).into_owned();
            if let Some((_, substitution)) = name.split_once(':')
                && substitution.contains('=')
            {
                return Err(Unknown::Opaque(OpaqueReason::Dynamic));
            }
            out.extend(self.value(&name, depth)?);
        }
        out.extend_from_slice(rest);
        Ok(out)
    }
}

/// The name of one of make's functions, and white space behind it.
fn is_function(text: &[u8]) -> bool {
    let (word, rest) = split_word(text);
    let known: &[&[u8]] = &[
        b"abspath",
        b"addprefix",
        b"addsuffix",
        b"and",
        b"basename",
        b"call",
        b"dir",
        b"error",
        b"eval",
        b"file",
        b"filter",
        b"filter-out",
        b"findstring",
        b"firstword",
        b"flavor",
        b"foreach",
        b"guile",
        b"if",
        b"info",
        b"intcmp",
        b"join",
        b"lastword",
        b"let",
        b"notdir",
        b"or",
        b"origin",
        b"patsubst",
        b"realpath",
        b"shell",
        b"sort",
        b"strip",
        b"subst",
        b"suffix",
        b"value",
        b"warning",
        b"wildcard",
        b"word",
        b"wordlist",
        b"words",
    ];
    known.contains(&word) && word.len() + rest.len() < text.len()
}

/// No reason is known where a condition keeps make from stopping.
const fn unknowable((): ()) -> OpaqueReason {
    OpaqueReason::Conditional
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{reading::Yield, secret::SecretValue};

    fn winners(text: &str) -> Option<Vec<(String, String)>> {
        let contents = read(text.as_bytes(), &Environment::new()).ok()?;
        let winners = contents.occurrences.into_iter().filter(|occurrence| occurrence.wins);
        let value = |yields: Yield<SecretValue>| match yields {
            Yield::Value(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        Some(winners.map(|winner| (winner.variable, value(winner.yields))).collect())
    }

    #[rstest]
    #[case::comment_in_a_reference("K=${A#b}c\n", &[("K", "c")])]
    #[case::backslashes_before_an_end("K=a\\\\\\\nb\n", &[("K", "a\\ b")])]
    #[case::several_ends("K=a \\\n  \\\n  b\n", &[("K", "a b")])]
    #[case::return_behind_an_end("K=a\\\n\rb\n", &[("K", "a \rb")])]
    #[case::space_before_a_value("K=\u{b}\r v\n", &[("K", "v")])]
    #[case::nothing_to_append_to("K=\nK+=v\n", &[("K", "v")])]
    #[case::nothing_to_append("K=x\nK+=\n", &[("K", "x")])]
    #[case::open_inside("K=$($(A)x\n", &[("K", "")])]
    #[case::exported_by_name("a.b=1\nexport a.b\n", &[("a.b", "1")])]
    #[case::exported_where_assigned("export a.b = 1\n", &[("a.b", "1")])]
    #[case::two_words("export A B=1\n", &[("A", ""), ("B", "1=")])]
    #[case::not_exported("unexport K\nK=1\n", &[])]
    #[case::forgotten("K=1\nundefine K\n", &[])]
    #[case::target("X: K=1\n", &[])]
    #[case::no_target(": x\n\tK=1\n", &[])]
    #[case::modifier("override K=1\n", &[("K", "1")])]
    fn makefiles_are_read(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        assert_eq!(winners(text), Some(expected.collect()), "{text:?}");
    }

    #[rstest]
    #[case::open_reference("export K${A\n")]
    #[case::open_condition("ifdef A\n")]
    #[case::condition_that_never_began("endif\n")]
    #[case::open_definition("define K\nx\n")]
    #[case::tab("\tK\n")]
    #[case::tab_before_a_rule("\tK: x\n")]
    #[case::recipe_without_a_rule("; x\n")]
    #[case::no_name("A: =x\n")]
    #[case::both_colons("A::\nA:\n")]
    #[case::pattern_beside_a_target("A% B: x\n")]
    #[case::no_pattern("A:B:C\n")]
    #[case::dollar_before_the_sign("A$=x\n")]
    fn make_stops(#[case] text: &str) {
        assert_eq!(winners(text), None, "{text:?}");
    }
}
