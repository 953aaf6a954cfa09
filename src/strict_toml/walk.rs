//! The walk over the parsed file, guided by the schema of its types.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    rc::Rc,
};

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    excerpt::{Sheet, shown_name},
    mistake::Mistakes,
    schema::{Fields, Form, Schemas, bounds, description},
};

const AS_A_LIST: &str = "write a list, each part a text of its own: [\"…\", \"…\"]";

/// Finds mistakes, and takes them out of the tree so that the rest can be understood.
pub(super) struct Walk<'a> {
    sheet: &'a Sheet,
    schemas: Schemas<'a>,
    mistakes: &'a mut Mistakes,
    /// The forms of each schema met so far.
    forms: HashMap<*const Value, Rc<[Form<'a>]>>,
    /// The fields of each schema met so far, by the value of its tag.
    fields: HashMap<(*const Value, Option<String>), Rc<Fields<'a>>>,
    tags: HashMap<*const Value, Option<&'a str>>,
    /// Where the tables start that lost a field because its value was wrong.
    incomplete: BTreeSet<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(sheet: &'a Sheet, schema: &'a Value, mistakes: &'a mut Mistakes) -> Self {
        Self {
            sheet,
            schemas: Schemas::new(schema),
            mistakes,
            forms: HashMap::new(),
            fields: HashMap::new(),
            tags: HashMap::new(),
            incomplete: BTreeSet::new(),
        }
    }

    /// Checks the whole file; gives the starts of the tables that lost a field of theirs.
    pub(super) fn run(mut self, root: &mut DeTable<'_>) -> BTreeSet<usize> {
        let root_schema = self.schemas.root();
        self.table(root_schema, root, &(0..0));
        self.incomplete
    }

    /// Checks a value; `false` when its owner has to do without it.
    fn value(&mut self, schema: &'a Value, node: &mut Spanned<DeValue<'_>>) -> bool {
        let span = node.span();
        let forms = self.forms_of(schema);
        let kind = type_of(node.get_ref());
        let mut fitting = forms.iter().filter(|form| form.fits(kind));
        let Some(form) = fitting.clone().next() else {
            let wanted = wanted_types(&forms);
            let what = format!("expected {wanted}, found {}", article(kind));
            if !self.sheet.is_faulty(span.start) {
                let mut mistake = self.sheet.mistake(span, what, false);
                if kind == "string" && forms.iter().any(|form| form.fits("array")) {
                    mistake = mistake.help(AS_A_LIST);
                }
                self.mistakes.push(mistake);
            }
            return false;
        };
        match node.get_mut() {
            DeValue::String(text) => {
                fitting.any(|form| form.allows(text)) || {
                    let allowed = forms.iter().filter(|form| form.fits(kind));
                    let allowed = allowed.flat_map(|form| form.literals.iter().flatten().copied());
                    self.unknown_word("value", text, allowed.collect(), span);
                    false
                }
            }
            DeValue::Integer(number) => {
                let (least, most) = bounds(form.schema);
                let value = i128::from_str_radix(&number.as_str().replace('_', ""), number.radix());
                let fits = value.is_ok_and(|value| (least..=most).contains(&value));
                if !fits {
                    let range = if most >= i128::from(u32::MAX) {
                        format!("at least {least}")
                    } else {
                        format!("from {least} to {most}")
                    };
                    self.add(span, format!("this number must be {range}"));
                }
                fits
            }
            DeValue::Array(array) => {
                let Some(items) = form.items else { return true };
                let mut whole = true;
                let elements = std::mem::replace(array, DeArray::new());
                for mut element in elements {
                    if self.value(items, &mut element) {
                        array.push(element);
                    } else {
                        whole = false;
                    }
                }
                whole || !array.is_empty()
            }
            DeValue::Table(table) => self.table(form.schema, table, &span),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => true,
        }
    }

    fn unknown_word(&mut self, what: &str, text: &str, allowed: Vec<&str>, span: Range<usize>) {
        if !self.sheet.is_faulty(span.start) {
            let what = format!("unknown {what} `{}`", shown_name(text));
            self.mistakes.push(self.sheet.mistake(span, what, true).instead(text, allowed));
        }
    }

    fn table(&mut self, schema: &'a Value, table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
        let fields = self.fields_of(schema, table);
        let free = fields.known.is_empty() && fields.tag.is_none() && fields.others.is_none();
        let mut whole = self.tag(&fields, table);
        let mut dropped = Vec::new();
        for (key, node) in table.iter_mut() {
            let name = key.get_ref().as_ref();
            let keep = match fields.known.get(name).copied().or(fields.others) {
                Some(_) if fields.tag.as_ref().is_some_and(|tag| tag.name == name) => true,
                Some(schema) => self.value(schema, node),
                None if free && schema.get("additionalProperties").is_none() => true,
                None => {
                    self.unknown_field(&fields, name, key.span());
                    false
                }
            };
            if !keep {
                whole &= !fields.required.contains(&name);
                if fields.known.contains_key(name) {
                    self.incomplete.insert(span.start);
                }
                dropped.push(name.to_owned());
            }
        }
        for field in &fields.required {
            let given = table.contains_key(*field);
            // In a file that is not TOML throughout, something may only seem to be missing.
            if !given && self.sheet.is_sound() {
                let help = fields.known.get(field).and_then(|schema| description(schema));
                let mut mistake =
                    self.sheet.mistake(span.clone(), format!("missing field `{field}`"), false);
                mistake.help = help.map(|text| format!("`{field}`: {}", lower_start(text)));
                self.mistakes.push(mistake);
            }
            whole &= given;
        }
        for name in dropped {
            table.remove(name.as_str());
        }
        whole
    }

    /// The forms of a value; a file has many values of few schemas.
    fn forms_of(&mut self, schema: &'a Value) -> Rc<[Form<'a>]> {
        let schemas = self.schemas;
        Rc::clone(
            self.forms
                .entry(schema)
                .or_insert_with(|| schemas.forms(schema).into_iter().map(Form::new).collect()),
        )
    }

    /// The fields of a table; a file has many tables of few schemas.
    fn fields_of(&mut self, schema: &'a Value, table: &DeTable<'_>) -> Rc<Fields<'a>> {
        let place: *const Value = schema;
        let schemas = self.schemas;
        let tag = *self.tags.entry(place).or_insert_with(|| schemas.tag_of(schema));
        let written = tag.and_then(|tag| match table.get(tag)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        });
        let key = (place, written);
        if let Some(fields) = self.fields.get(&key) {
            return Rc::clone(fields);
        }
        let fields = Rc::new(schemas.fields(schema, table));
        if fields.tag.as_ref().is_none_or(|tag| tag.decided) {
            self.fields.insert(key, Rc::clone(&fields));
        }
        fields
    }

    /// Checks the field that decides about the others.
    fn tag(&mut self, fields: &Fields<'a>, table: &DeTable<'_>) -> bool {
        let Some(tag) = &fields.tag else { return true };
        if tag.decided {
            return true;
        }
        let Some(node) = table.get(tag.name) else { return false };
        match node.get_ref() {
            DeValue::String(text) => {
                let allowed = tag.values.keys().copied().collect();
                self.unknown_word(tag.name, text, allowed, node.span());
            }
            other => {
                let found = article(type_of(other));
                self.add(node.span(), format!("expected text, found {found}"));
            }
        }
        false
    }

    fn unknown_field(&mut self, fields: &Fields<'a>, name: &str, span: Range<usize>) {
        if self.sheet.is_faulty(span.start) {
            return;
        }
        let what = format!("unknown field `{}`", shown_name(name));
        let mut mistake =
            self.sheet.mistake(span, what, false).instead(name, fields.known.keys().copied());
        if let Some(tag) = &fields.tag {
            let others: Vec<_> = tag
                .values
                .iter()
                .filter(|(_, fields)| fields.contains(&name))
                .map(|(value, _)| format!("`{value}`"))
                .collect();
            if !others.is_empty() {
                let tag = tag.name;
                mistake = mistake.help(format!("`{name}` belongs to {tag} {}", others.join(", ")));
                mistake.did_you_mean = None;
            }
        }
        self.mistakes.push(mistake);
    }

    fn add(&mut self, span: Range<usize>, what: String) {
        if !self.sheet.is_faulty(span.start) {
            self.mistakes.push(self.sheet.mistake(span, what, false));
        }
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

/// A type in the words of a person who writes TOML.
fn article(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "date" => "a date",
        "array" => "a list",
        _ => "a table",
    }
}

fn wanted_types(forms: &[Form<'_>]) -> String {
    let names = forms.iter().flat_map(Form::type_names);
    let mut words: Vec<_> = names.map(article).collect();
    words.dedup();
    words.join(" or ")
}

fn lower_start(text: &str) -> String {
    let text = text.replace('\n', " ");
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
