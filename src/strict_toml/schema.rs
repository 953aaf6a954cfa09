//! A JSON Schema, asked the questions that the walk has.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

/// The schema of a whole file.
#[derive(Clone, Copy)]
pub(super) struct Schemas<'s> {
    root: &'s Value,
}

/// The fields that a table may have.
#[derive(Default)]
pub(super) struct Fields<'s> {
    /// By name.
    pub(super) known: BTreeMap<&'s str, &'s Value>,
    /// Those that must be there.
    pub(super) required: Vec<&'s str>,
    /// What any other name holds, for a table whose names are free.
    pub(super) others: Option<&'s Value>,
    /// The field that decides which others there are.
    pub(super) tag: Option<Tag<'s>>,
}

/// A field like `kind`, and what each of its values brings.
pub(super) struct Tag<'s> {
    pub(super) name: &'s str,
    pub(super) values: BTreeMap<&'s str, Vec<&'s str>>,
    /// The table says one of the values.
    pub(super) decided: bool,
}

impl<'s> Schemas<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root }
    }

    pub(super) fn root(self) -> &'s Value {
        self.root
    }

    /// The schema that this one refers to.
    fn target(self, schema: &'s Value) -> Option<&'s Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    /// The schema behind references that add nothing of their own.
    fn resolve(self, mut schema: &'s Value) -> &'s Value {
        while schema.get("properties").is_none()
            && let Some(target) = self.target(schema)
        {
            schema = target;
        }
        schema
    }

    /// The forms that a value may take, `null` aside, which TOML does not have. Alternatives that
    /// only add fields to a table are one form.
    pub(super) fn forms(self, schema: &'s Value) -> Vec<&'s Value> {
        let schema = self.resolve(schema);
        if schema.get("properties").is_none()
            && let Some(alternatives) = alternatives(schema)
            && tag_name(alternatives).is_none()
        {
            return alternatives.iter().flat_map(|form| self.forms(form)).collect();
        }
        if schema.get("type").and_then(Value::as_str) == Some("null") {
            vec![]
        } else {
            vec![schema]
        }
    }

    /// The field that decides about the others, where the schema has one.
    pub(super) fn tag_of(self, schema: &'s Value) -> Option<&'s str> {
        tag_name(alternatives(self.resolve(schema))?)
    }

    /// The fields of a table, as far as its own tag decides them.
    pub(super) fn fields(self, schema: &'s Value, table: &DeTable<'_>) -> Fields<'s> {
        let mut fields = Fields::default();
        self.add_fields(schema, table, &mut fields);
        fields
    }

    fn add_fields(self, schema: &'s Value, table: &DeTable<'_>, fields: &mut Fields<'s>) {
        let schema = self.resolve(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            fields.known.extend(properties.iter().map(|(name, schema)| (name.as_str(), schema)));
        }
        fields.required.extend(strings(schema.get("required")));
        if let Some(others) = schema.get("additionalProperties").filter(|it| it.is_object()) {
            fields.others = Some(others);
        }
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in parts.chain(self.target(schema)) {
            self.add_fields(part, table, fields);
        }
        let Some(branches) = alternatives(schema) else { return };
        let Some(name) = tag_name(branches) else { return };
        let written = table.get(name).and_then(|node| match node.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        });
        let mut values = BTreeMap::new();
        let mut chosen = None;
        for branch in branches {
            let mut own = Fields::default();
            self.add_fields(branch, &DeTable::new(), &mut own);
            let Some(value) = tag_value(branch, name) else { continue };
            values.insert(value, own.known.keys().copied().collect());
            if written == Some(value) {
                chosen = Some(branch);
            }
        }
        if let Some(branch) = chosen {
            self.add_fields(branch, table, fields);
        }
        fields.tag = Some(Tag { name, values, decided: chosen.is_some() });
        if chosen.is_none() {
            // Whatever any value of the tag brings may have been meant; only the tag is wrong.
            for branch in branches {
                self.add_fields(branch, &DeTable::new(), fields);
            }
            fields.required.retain(|field| *field == name || is_required(schema, field));
        }
        fields.required.sort_unstable();
        fields.required.dedup();
    }
}

/// What a schema says of its own, the first sentence.
pub(super) fn description(schema: &Value) -> Option<&str> {
    let text = schema.get("description")?.as_str()?;
    text.split("\n\n").next()
}

/// The types of TOML, by their names in JSON Schema.
const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "date", "array", "object"];

/// One form that a value may take, with what is asked of it for every value of a file.
pub(super) struct Form<'s> {
    pub(super) schema: &'s Value,
    /// The literal strings that it allows; `None` when it allows any.
    pub(super) literals: Option<Vec<&'s str>>,
    /// What a list of this form holds.
    pub(super) items: Option<&'s Value>,
    types: Vec<&'static str>,
}

impl<'s> Form<'s> {
    pub(super) fn new(schema: &'s Value) -> Self {
        Self {
            schema,
            literals: match schema.get("const") {
                Some(only) => Some(only.as_str().into_iter().collect()),
                None => schema.get("enum").map(|list| strings(Some(list)).collect()),
            },
            items: schema.get("items"),
            types: TYPES.into_iter().filter(|name| is_of_type(schema, name)).collect(),
        }
    }

    /// Whether it is of the type with this name.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.types.contains(&name)
    }

    /// Whether it allows this string.
    pub(super) fn allows(&self, text: &str) -> bool {
        self.literals.as_ref().is_none_or(|literals| literals.contains(&text))
    }

    /// Names of the types that it is of, as the schema has them.
    pub(super) fn type_names(&self) -> Vec<&'s str> {
        match self.schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            _ => vec!["object"],
        }
    }
}

/// Whether a form is of `kind`, a type's name in JSON Schema.
fn is_of_type(form: &Value, kind: &str) -> bool {
    let fits = |name: &str| name == kind || (name == "number" && kind == "integer");
    match form.get("type") {
        Some(Value::String(name)) => fits(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(fits),
        _ if form.get("properties").is_some() || form.get("oneOf").is_some() => kind == "object",
        _ => match form.get("const") {
            Some(only) => only.is_string() && kind == "string",
            None => true,
        },
    }
}

/// The smallest and the largest integer of a form.
pub(super) fn bounds(form: &Value) -> (i128, i128) {
    let format = form.get("format").and_then(Value::as_str).unwrap_or_default();
    let (least, most) = match format {
        "uint8" => (0, i128::from(u8::MAX)),
        "uint16" => (0, i128::from(u16::MAX)),
        "uint32" => (0, i128::from(u32::MAX)),
        "uint64" | "uint" => (0, i128::from(i64::MAX)),
        "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let limit = |name: &str| form.get(name).and_then(Value::as_i64).map(i128::from);
    (
        limit("minimum").map_or(least, |own| own.max(least)),
        limit("maximum").map_or(most, |own| own.min(most)),
    )
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array)
}

/// The field that has one literal value in every branch.
fn tag_name(branches: &[Value]) -> Option<&str> {
    let constants = |branch: &'_ Value| -> Vec<String> {
        let properties = branch.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .filter(|(_, schema)| schema.get("const").is_some())
            .map(|(name, _)| name.clone())
            .collect()
    };
    let properties: &Map<String, Value> = branches.first()?.get("properties")?.as_object()?;
    properties
        .keys()
        .map(String::as_str)
        .find(|name| branches.iter().all(|branch| constants(branch).iter().any(|own| own == name)))
}

fn tag_value<'s>(branch: &'s Value, name: &str) -> Option<&'s str> {
    branch.get("properties")?.get(name)?.get("const")?.as_str()
}

fn is_required(schema: &Value, field: &str) -> bool {
    strings(schema.get("required")).any(|name| name == field)
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
