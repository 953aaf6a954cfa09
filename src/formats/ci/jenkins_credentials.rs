//! Jenkins' `credentials.xml`: values are encrypted with a key that the file does not hold.
//!
//! A credential is known by its id; one that is no variable's name is spelled as one:
//! `openai-api-key` is `OPENAI_API_KEY`.

use super::{
    Row,
    draft::{Draft, Entry},
    expand::Unknown,
    refuse,
};
use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, yaml::lines::Lines},
};

const OPEN: &str = "this element does not end, or another one ends in its place";

const SPELLED: &str = "a credential's id, spelled as a variable here: which variable holds it is \
    said by the pipeline that binds it";

/// Most elements inside each other.
const MOST_DEPTH: usize = 100;
const TOO_DEEP: &str = "this file is nested more than 100 levels deep";

/// Elements that hold what is secret of a credential; the first that it has is meant.
const SECRETS: [&str; 4] = ["secret", "password", "secretBytes", "privateKey"];

pub(super) fn fits(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<')
        && ["CredentialsProvider", "domainCredentialsMap", "CredentialsImpl"]
            .iter()
            .any(|word| text.contains(word))
}

/// An element that is open.
struct Element<'a> {
    name: &'a str,
    /// Where its content begins.
    content: usize,
    /// The id that stands in it.
    id: Option<&'a str>,
    /// Its secrets: index of the kind, and where the content stands.
    secrets: Vec<(usize, usize, &'a str)>,
}

pub(super) fn read(text: &str, lines: &Lines) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    let mut open: Vec<Element<'_>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
        let rest = text.get(start..).unwrap_or_default();
        let broken = || refuse(lines.position(start), OPEN);
        if rest.starts_with("<!--") {
            at = start + rest.find("-->").ok_or_else(broken)? + 3;
            continue;
        }
        let length = rest.find('>').ok_or_else(broken)?;
        let inner = rest.get(1..length).unwrap_or_default();
        at = start + length + 1;
        if inner.starts_with(['?', '!']) || inner.ends_with('/') {
            continue;
        }
        if let Some(name) = inner.strip_prefix('/') {
            let element = open.pop().filter(|element| element.name == name.trim_end());
            let element = element.ok_or_else(broken)?;
            let content = text.get(element.content..start).unwrap_or_default();
            if let Some(parent) = open.last_mut() {
                if element.name == "id" {
                    parent.id = Some(content.trim());
                }
                if let Some(kind) = SECRETS.iter().position(|secret| *secret == element.name) {
                    parent.secrets.push((kind, element.content, content));
                }
                // A key inside `privateKeySource` is that of the credential around it.
                if element.id.is_none() {
                    parent.secrets.extend(element.secrets.iter().copied());
                }
            }
            if let (Some(id), Some((_, start, secret))) =
                (element.id, element.secrets.iter().min_by_key(|(kind, ..)| *kind))
            {
                let place = start + (secret.len() - secret.trim_start().len());
                let yields = yields(secret.trim());
                let variable = environment_name(id);
                let position = lines.position(place);
                if variable != id {
                    draft.problem(position, SPELLED);
                }
                let entry = Entry::new(&variable, position, yields, 0, "Jenkins");
                draft.add(entry.referring(format!("credential {id}")));
            }
            continue;
        }
        if open.len() >= MOST_DEPTH {
            return Err(refuse(lines.position(start), TOO_DEEP));
        }
        let name = inner.split_ascii_whitespace().next().unwrap_or_default();
        open.push(Element { name, content: at, id: None, secrets: Vec::new() });
    }
    if let Some(element) = open.last() {
        return Err(refuse(lines.position(element.content), OPEN));
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}

/// `{AQ…}` is encrypted, and so is the bare Base64 of older versions.
fn yields(secret: &str) -> Yield<SecretValue> {
    let is_bare = secret.len() >= 24
        && secret.len().is_multiple_of(4)
        && secret.ends_with('=')
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    if is_bare || (secret.starts_with('{') && secret.ends_with('}')) {
        return Yield::Opaque(OpaqueReason::Hidden);
    }
    let mut value = secret.to_owned();
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
    {
        if value.contains(entity) {
            value = value.replace(entity, character);
        }
    }
    Yield::Value(SecretValue::new(value))
}

fn environment_name(id: &str) -> String {
    let is_name =
        id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_name { id.to_owned() } else { id.to_uppercase().replace(['-', '.', ' ', '/'], "_") }
}
