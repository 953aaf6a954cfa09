//! Which files make a unit.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Failure, Machine, Request, Scope};
use crate::formats::files::{Entry, Files, Missed, base_name, folder_of, join};

/// Where the system's manager looks, first one first.
const SYSTEM: [&str; 8] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where a user's manager looks behind the folders of the user.
const USER: [&str; 5] = [
    "/etc/systemd/user",
    "/run/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
    "/lib/systemd/user",
];

/// What a unit consists of.
pub(super) struct Found {
    /// Its full name.
    pub(super) name: String,
    /// Path and bytes: the unit file, then the drop-ins in the order in which they apply.
    pub(super) files: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// What absolute paths in it begin with: nothing on this machine, a folder for files that were
    /// collected elsewhere; absent when those files cannot be found from here.
    pub(super) root: Option<String>,
}

pub(super) fn find(
    request: &Request,
    machine: &Machine,
    files: &mut dyn Files,
) -> Result<Found, Failure> {
    if request.files.is_empty() {
        let name = request.unit.as_deref().map(full_name).ok_or(Failure::Absent)?;
        return installed(&name, request.scope, machine, files);
    }
    given(request, files)
}

/// A name without a type is a service's.
pub fn full_name(unit: &str) -> String {
    const TYPES: [&str; 5] = [".service", ".socket", ".mount", ".swap", ".slice"];
    if TYPES.iter().any(|suffix| unit.ends_with(suffix)) {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

/// `api@.service` for `api@eu.service`.
fn template_of(name: &str) -> Option<String> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{suffix}"))
}

fn folders(scope: Scope, machine: &Machine) -> Vec<String> {
    match scope {
        Scope::System => SYSTEM.iter().map(|folder| (*folder).to_owned()).collect(),
        Scope::User => {
            let mut folders = Vec::new();
            if let Some(home) = &machine.home {
                folders.push(format!("{home}/.config/systemd/user.control"));
            }
            if let Some(runtime) = &machine.runtime {
                folders.push(format!("{runtime}/systemd/user.control"));
                folders.push(format!("{runtime}/systemd/transient"));
            }
            if let Some(home) = &machine.home {
                folders.push(format!("{home}/.config/systemd/user"));
            }
            folders.push(USER[0].to_owned());
            if let Some(runtime) = &machine.runtime {
                folders.push(format!("{runtime}/systemd/user"));
            }
            folders.push(USER[1].to_owned());
            if let Some(home) = &machine.home {
                folders.push(format!("{home}/.local/share/systemd/user"));
            }
            folders.extend(USER[2..].iter().map(|folder| (*folder).to_owned()));
            folders
        }
    }
}

fn installed(
    name: &str,
    scope: Scope,
    machine: &Machine,
    files: &mut dyn Files,
) -> Result<Found, Failure> {
    let folders = folders(scope, machine);
    let template = template_of(name);
    let mut unit = None;
    'names: for name in [Some(name), template.as_deref()].into_iter().flatten() {
        for folder in &folders {
            let path = join(folder, name);
            if let Some(bytes) = read_unit(&path, files)? {
                unit = Some((path, bytes));
                break 'names;
            }
        }
    }
    let unit = unit.ok_or(Failure::Absent)?;
    // One folder after another: the names of each, from the exact to the general.
    let names = drop_in_names(name, template.as_deref());
    let (names, by_type) = names.split_at(names.len().saturating_sub(1));
    let in_folder = |names: &[String]| {
        let pairs = folders.iter().flat_map(|folder| {
            names.iter().map(move |name| join(folder, name)).collect::<Vec<_>>()
        });
        pairs.collect::<Vec<_>>()
    };
    let all: Vec<String> = in_folder(names).into_iter().chain(in_folder(by_type)).collect();
    let mut chosen: BTreeMap<String, String> = BTreeMap::new();
    for folder in all {
        for entry in list(&folder, files)?.unwrap_or_default() {
            if is_drop_in(&entry.name) {
                let path = join(&folder, &entry.name);
                chosen.entry(entry.name).or_insert(path);
            }
        }
    }
    let mut found = Found { name: name.to_owned(), files: vec![unit], root: Some(String::new()) };
    found.add(chosen.into_values(), files)?;
    Ok(found)
}

/// The folders of drop-ins: `a-b@i.service.d`, `a-b@.service.d`, `a-.service.d`, `service.d`.
fn drop_in_names(name: &str, template: Option<&str>) -> Vec<String> {
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, "service"));
    let mut names = vec![format!("{name}.d")];
    names.extend(template.map(|template| format!("{template}.d")));
    let prefix = stem.split_once('@').map_or(stem, |(prefix, _)| prefix);
    let dashes = prefix.char_indices().rev().filter(|(_, character)| *character == '-');
    for (index, _) in dashes {
        if let Some(part) = prefix.get(..=index)
            && part.len() < stem.len()
        {
            names.push(format!("{part}.{suffix}.d"));
        }
    }
    names.push(format!("{suffix}.d"));
    names
}

fn is_drop_in(name: &str) -> bool {
    name.strip_suffix(".conf").is_some_and(|stem| !stem.is_empty())
}

impl Found {
    fn add(
        &mut self,
        paths: impl IntoIterator<Item = String>,
        files: &mut dyn Files,
    ) -> Result<(), Failure> {
        for path in paths {
            match files.read(&path) {
                Ok(bytes) => self.files.push((path, Zeroizing::new(bytes))),
                // A link to nothing: the drop-in of that name in a lower folder is masked.
                Err(Missed::Null | Missed::Absent) => {}
                Err(Missed::Unreadable(why)) => return Err(Failure::Unreadable { path, why }),
            }
        }
        Ok(())
    }
}

/// What stands in a folder; none when there is no such folder.
pub(super) fn list(path: &str, files: &mut dyn Files) -> Result<Option<Vec<Entry>>, Failure> {
    match files.list(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(Missed::Absent | Missed::Null) => Ok(None),
        Err(Missed::Unreadable(why)) => Err(Failure::Unreadable { path: path.to_owned(), why }),
    }
}

/// The bytes of a unit file; none when it does not exist.
fn read_unit(path: &str, files: &mut dyn Files) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    match files.read(path) {
        Ok(bytes) if bytes.is_empty() => Err(Failure::Masked { path: path.to_owned() }),
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(Missed::Absent) => Ok(None),
        Err(Missed::Null) => Err(Failure::Masked { path: path.to_owned() }),
        Err(Missed::Unreadable(why)) => Err(Failure::Unreadable { path: path.to_owned(), why }),
    }
}

/// The files that the layer names: units, drop-ins, folders of drop-ins.
fn given(request: &Request, files: &mut dyn Files) -> Result<Found, Failure> {
    let mut paths = Vec::new();
    for path in &request.files {
        match list(path, files)? {
            None => paths.push(path.clone()),
            Some(mut entries) => {
                entries.sort();
                let names = entries.iter().filter(|entry| is_drop_in(&entry.name));
                paths.extend(names.map(|entry| join(path, &entry.name)));
            }
        }
    }
    let (mut drop_ins, mut units): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| is_drop_in(base_name(path)));
    units.sort_by_key(|path| rank(path));
    drop_ins.sort_by_key(|path| rank(path));
    // Drop-ins alone are a unit too: the package that brings the rest may not be here.
    let first = units.first().or(drop_ins.first()).cloned().ok_or(Failure::Absent)?;
    let name = match (&request.unit, units.first()) {
        (Some(unit), _) => full_name(unit),
        (None, Some(unit)) => base_name(unit).to_owned(),
        (None, None) => {
            let folder = base_name(folder_of(&first));
            folder.strip_suffix(".d").unwrap_or(folder).to_owned()
        }
    };
    let mut found = Found { name, files: Vec::new(), root: root_of(&first) };
    if let Some(unit) = units.first() {
        let bytes = read_unit(unit, files)?.ok_or(Failure::Absent)?;
        found.files.push((unit.clone(), bytes));
    }
    let mut chosen: BTreeMap<String, String> = BTreeMap::new();
    for path in drop_ins {
        chosen.entry(base_name(&path).to_owned()).or_insert(path);
    }
    found.add(chosen.into_values(), files)?;
    if found.files.is_empty() { Err(Failure::Absent) } else { Ok(found) }
}

/// `/etc` goes before `/run`, that before `/usr`; what is in none of them is the user's own.
fn rank(path: &str) -> usize {
    let order = ["etc", "run", "usr", "lib"];
    let part = |part: &str| order.iter().position(|name| *name == part);
    path.split('/').find_map(part).unwrap_or(0)
}

/// The folder that stands for the root of another machine.
fn root_of(path: &str) -> Option<String> {
    const MARKS: [&str; 5] = [
        "etc/systemd/",
        "run/systemd/",
        "usr/local/lib/systemd/",
        "usr/lib/systemd/",
        "lib/systemd/",
    ];
    let marks = MARKS.iter().filter_map(|mark| path.find(mark));
    let mark = marks.filter(|at| path.get(..*at).is_some_and(|b| b.is_empty() || b.ends_with('/')));
    match mark.min() {
        Some(at) => {
            let root = path.get(..at).unwrap_or_default();
            // In the folder of the inventory itself, `.` is the root; `/` is this machine's.
            Some(match root {
                "" => ".".to_owned(),
                root => root.trim_end_matches('/').to_owned(),
            })
        }
        None => path.starts_with('/').then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/etc/systemd/system/a.service", Some(""))]
    #[case("/opt/a.service", Some(""))]
    #[case("deploy/etc/systemd/system/a.service", Some("deploy"))]
    #[case("etc/systemd/system/a.service", Some("."))]
    #[case("/srv/image/usr/lib/systemd/system/a.service", Some("/srv/image"))]
    #[case("deploy/a.service", None)]
    fn roots_of_collected_files(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(root_of(path).as_deref(), expected);
    }

    #[test]
    fn drop_ins_go_from_the_exact_to_the_general() {
        assert_eq!(
            drop_in_names("my-app@eu.service", Some("my-app@.service")),
            ["my-app@eu.service.d", "my-app@.service.d", "my-.service.d", "service.d"]
        );
        assert_eq!(full_name("api"), "api.service");
        assert_eq!(full_name("api.socket"), "api.socket");
    }
}
