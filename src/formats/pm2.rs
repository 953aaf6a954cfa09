//! What PM2 keeps of each application: as its daemon tells it (`pm2 jlist`), and as `pm2 save` has
//! written it (`dump.pm2`).
//!
//! The environment stands there twice, in `env` and beside the settings; a start takes both, and
//! `env` wins.

use std::collections::BTreeSet;

use crate::{
    domain::{
        inert::inert_within,
        place::Place,
        reading::{Occurrence, Origin, Yield},
    },
    formats::{
        Contents, Refusal,
        tree::{self, Node, Syntax},
    },
};

/// The trap of a print that is no list of applications.
const NO_LIST: &str = "this is not what PM2 prints: a JSON list of applications";
/// Longer than any sensible name.
const NAME_WIDTH: usize = 120;

/// One instance of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name, inert.
    pub name: String,
    /// The number that its daemon gives it.
    pub id: Option<u32>,
    /// Its process; none while it does not run.
    pub pid: Option<u32>,
    /// It was started from an ecosystem file, which the next start from that file reads again.
    pub from_file: bool,
    /// What the next start is given, of the variables that were asked for.
    pub contents: Contents,
}

impl App {
    /// The next start gives both the same, wherever that stands.
    pub fn is_given_what(&self, other: &Self) -> bool {
        let given = |app: &'_ Self| -> Vec<_> {
            let all = app.contents.occurrences.iter();
            let wins = all.filter(|occurrence| occurrence.wins);
            wins.map(|it| (it.variable.clone(), it.yields.clone())).collect()
        };
        given(self) == given(other)
    }
}

/// The applications of `pm2 jlist`. Banners may stand before the list; lines of PM2's own begin with
/// a bracket too.
///
/// # Errors
/// When there is no list.
pub fn jlist(printed: &[u8], wanted: &BTreeSet<&str>) -> Result<Vec<App>, Refusal> {
    let is_list = |line: &&[u8]| line.starts_with(b"[{") || line.trim_ascii() == b"[]";
    let line = printed.split(|byte| *byte == b'\n').rfind(is_list);
    let line = line.ok_or(Refusal { position: None, reason: NO_LIST })?;
    apps(line, wanted, &Origin::ManagerCopy)
}

/// The applications of `dump.pm2`.
///
/// # Errors
/// When it is no list of applications.
pub fn dump(bytes: &[u8], wanted: &BTreeSet<&str>) -> Result<Vec<App>, Refusal> {
    apps(bytes, wanted, &Origin::ManagerSaved)
}

fn apps(bytes: &[u8], wanted: &BTreeSet<&str>, origin: &Origin) -> Result<Vec<App>, Refusal> {
    let (_, documents) = tree::parse(bytes, Some(Syntax::Json))?;
    let root = documents.first().filter(|root| root.is_list());
    let root = root.ok_or(Refusal { position: None, reason: NO_LIST })?;
    Ok(root.items().iter().filter_map(|item| app(item, wanted, origin)).collect())
}

/// A module of PM2's own is no application.
fn app(item: &Node, wanted: &BTreeSet<&str>, origin: &Origin) -> Option<App> {
    let settings = item.get("pm2_env").unwrap_or(item);
    if settings.is_on("pmx_module") {
        return None;
    }
    let number = |node: &Node, name: &str| node.get(name)?.as_name()?.parse::<u32>().ok();
    let name = item.word("name").or_else(|| settings.word("name"))?;
    let mut contents = Contents::default();
    for variable in wanted {
        let own = settings.get("env").and_then(|env| env.get(variable));
        let beside = settings.get(variable);
        for node in own.into_iter().chain(beside) {
            let Some(value) = node.scalar() else { continue };
            let known = contents.winner(variable).is_some();
            if known && own.and_then(Node::scalar) == Some(value) {
                continue;
            }
            contents.occurrences.push(Occurrence {
                variable: (*variable).to_owned(),
                place: match origin {
                    Origin::ManagerSaved => Place::at(node.position),
                    _ => Place { path: None, position: None },
                },
                origin: origin.clone(),
                yields: Yield::Value(value.clone()),
                wins: !known,
            });
        }
    }
    Some(App {
        name: inert_within(name, NAME_WIDTH),
        id: number(item, "pm_id"),
        pid: number(item, "pid").filter(|pid| *pid != 0),
        from_file: settings.word("PM2_JSON_PROCESSING") == Some("true"),
        contents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::SecretValue;

    /// What PM2 7.0.4 printed, shortened.
    const PRINTED: &str = r#">>>> In-memory PM2 is out-of-date, do:
>>>> $ pm2 update
[PM2][WARN] something
[{"pid":17744,"name":"api","pm2_env":{"name":"api","env":{"KEY":"new","PATH":"/bin"},"exec_mode":"fork_mode","KEY":"old","status":"online","pm_id":0},"pm_id":0,"monit":{"memory":0,"cpu":0}},{"pid":0,"name":"eco app","pm2_env":{"name":"eco app","env":{},"PM2_JSON_PROCESSING":"true","status":"stopped","KEY":17},"pm_id":3},{"pid":9,"name":"pm2-logrotate","pm2_env":{"pmx_module":true,"env":{"KEY":"x"}},"pm_id":4}]
"#;

    fn values(app: &App) -> Vec<(&[u8], bool)> {
        let value = |yields: &Yield<SecretValue>| match yields {
            Yield::Value(value) => value.expose().to_vec().leak(),
            _ => &mut [],
        };
        app.contents.occurrences.iter().map(|it| (&*value(&it.yields), it.wins)).collect()
    }

    #[test]
    fn applications_are_told_with_what_the_next_start_is_given() {
        let apps = jlist(PRINTED.as_bytes(), &BTreeSet::from(["KEY"])).unwrap();
        assert_eq!(apps.len(), 2, "a module of PM2's own is none");
        assert_eq!((apps[0].name.as_str(), apps[0].id, apps[0].pid), ("api", Some(0), Some(17744)));
        assert_eq!(values(&apps[0]), [(&b"new"[..], true), (b"old", false)]);
        assert_eq!((apps[1].name.as_str(), apps[1].pid), ("eco app", None));
        assert!(apps[1].from_file && !apps[0].from_file);
        assert_eq!(values(&apps[1]), [(&b"17"[..], true)]);
    }

    #[test]
    fn a_dump_tells_where_each_value_stands() {
        let text = "[\n  {\n    \"name\": \"api\",\n    \"env\": {\n      \"KEY\": \"saved\"\n    },\n    \"KEY\": \"saved\"\n  }\n]";
        let apps = dump(text.as_bytes(), &BTreeSet::from(["KEY"])).unwrap();
        assert_eq!(values(&apps[0]), [(&b"saved"[..], true)]);
        let place = &apps[0].contents.occurrences[0].place;
        assert_eq!(place.position.map(|at| (at.line, at.column)), Some((5, 15)));
    }

    #[test]
    fn other_prints_are_refused() {
        for text in ["", "[PM2] Spawning PM2 daemon", "{}", "[{", "Error: EACCES\n"] {
            assert!(jlist(text.as_bytes(), &BTreeSet::new()).is_err(), "{text}");
        }
        assert_eq!(jlist(b"banner\n[]\n", &BTreeSet::new()), Ok(vec![]));
        assert!(dump(b"{}", &BTreeSet::new()).is_err());
    }
}
