//! Applications of PM2: what its daemon keeps of each, what it has saved, and what runs of them.
//!
//! Asking PM2 starts a daemon where none runs, so it is asked only when one does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use rustix::fs::Access;

use super::{
    Surroundings,
    files::open_named,
    managed,
    open::DOCUMENT_CAP,
    process,
    resolve::{Absence, Found, Undefined},
    run::Program,
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        manager::{Manager, Saved},
        place::Place,
        reading::{
            Evidence, Looked, MissingReason, Occurrence, OpaqueReason, Unreadable, UnreadableKind,
        },
        secret::SecretValue,
    },
    formats::{
        Environment,
        pm2::{App, dump, jlist},
    },
};

/// A number, and little else.
const NUMBER_CAP: usize = 64;
const AS_ITS_USER: &str = "run stalekey as the user whose PM2 it is, or as root";

pub(super) fn read(
    app: Option<&str>,
    home: Option<&str>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let pm2 = Pm2::new(home, credentials, surroundings);
    let is_meant = |other: &App| {
        app.is_none_or(|app| {
            other.name == inert(app) || other.id.is_some_and(|id| id.to_string() == app)
        })
    };
    let mut evidence = Evidence::default();
    let saved = pm2.saved(&mut evidence);
    let kept = pm2.kept(&mut evidence);
    let saved_apps = saved.as_ref().map_or(&[][..], |saved| &saved.apps);
    let of_daemon = kept.as_ref().map_or(&[][..], Vec::as_slice);
    let meant: Vec<&App> = of_daemon.iter().filter(|app| is_meant(app)).collect();
    let named = meant.first().map(|first| first.name.as_str());
    let is_saved = |other: &App| is_meant(other) || app.is_some() && named == Some(&other.name);
    let saved_apps: Vec<&App> = saved_apps.iter().filter(|app| is_saved(app)).collect();
    let scene = Scene { pm2: &pm2, saved: saved.as_ref(), saved_apps: &saved_apps, evidence };
    if meant.is_empty() {
        let why = match kept {
            Err(absence) => absence,
            Ok(_) if app.is_none() && saved_apps.is_empty() => {
                Absence::Missing(MissingReason::NotRunning)
            }
            Ok(_) => Absence::Unreadable(
                Unreadable::new(UnreadableKind::System, "PM2's daemon has no such application")
                    .with_remedy("correct `app` or `home`, or start it with `pm2 start`"),
            ),
        };
        return scene.of_dump(app, &why);
    }
    groups(&meant).into_iter().flat_map(|group| scene.of_group(&group)).collect()
}

/// Instances of one application that the next start gives the same.
struct Group<'a> {
    /// What its rows are told apart by, and its commands name.
    name: String,
    apps: Vec<&'a App>,
}

fn groups<'a>(apps: &[&'a App]) -> Vec<Group<'a>> {
    let mut by_name: BTreeMap<&str, Vec<&App>> = BTreeMap::new();
    for app in apps {
        by_name.entry(&app.name).or_default().push(app);
    }
    let mut groups = Vec::new();
    for (name, apps) in by_name {
        if apps.windows(2).all(|pair| pair[0].is_given_what(pair[1])) {
            groups.push(Group { name: name.to_owned(), apps });
        } else {
            groups.extend(apps.into_iter().map(|app| {
                let id = app.id.map_or_else(|| name.to_owned(), |id| id.to_string());
                Group { name: id, apps: vec![app] }
            }));
        }
    }
    groups
}

/// `dump.pm2`.
struct Dump {
    file: Saved,
    apps: Vec<App>,
}

/// One PM2, of one folder.
struct Pm2<'a> {
    home: PathBuf,
    /// As the inventory or this shell names it, where it is not the usual one.
    named: Option<String>,
    wanted: BTreeSet<&'a str>,
    credentials: &'a [&'a CredentialFacts],
    surroundings: &'a Surroundings,
}

impl<'a> Pm2<'a> {
    fn new(
        home: Option<&str>,
        credentials: &'a [&'a CredentialFacts],
        surroundings: &'a Surroundings,
    ) -> Self {
        let of_shell = || {
            let value = surroundings.shell.get("PM2_HOME")?;
            std::str::from_utf8(value.expose()).ok().filter(|path| path.starts_with('/'))
        };
        let (home, named) = match (home, of_shell()) {
            (Some(home), _) => {
                let folder = surroundings.file(home);
                let named =
                    if home.starts_with("~/") { home.into() } else { folder.to_string_lossy() };
                (folder.clone(), Some(inert(&named)))
            }
            (None, Some(home)) => (PathBuf::from(home), None),
            (None, None) => (surroundings.file("~/.pm2"), None),
        };
        let wanted = credentials.iter().flat_map(|credential| credential.wanted_variables());
        Self { home, named, wanted: wanted.collect(), credentials, surroundings }
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).to_string_lossy().into_owned()
    }

    /// What `pm2 resurrect` would start; nothing where nothing was saved.
    fn saved(&self, evidence: &mut Evidence) -> Option<Dump> {
        let path = self.path("dump.pm2");
        evidence.looked.push(Looked::File(path.clone()));
        let opened = open_named(&path, DOCUMENT_CAP, self.surroundings, &mut Evidence::default());
        let opened = opened.ok()?;
        let apps = dump(&opened.bytes, &self.wanted).ok()?;
        let file = Saved { open_to_all: all_may_read(Path::new(&path)), path: inert(&path) };
        Some(Dump { file, apps })
    }

    /// What its daemon keeps; where none runs, why.
    fn kept(&self, evidence: &mut Evidence) -> Result<Vec<App>, Absence> {
        evidence.looked.push(Looked::File(self.path("pm2.pid")));
        self.daemon()?;
        let home = SecretValue::new(self.home.to_string_lossy().as_bytes());
        let variable = Environment::from([("PM2_HOME".to_owned(), home)]);
        let printed = Program::new(["pm2", "jlist"], &self.surroundings.shell)
            .with_variable("PM2_HOME", &variable)
            .run()
            .map_err(|why| Absence::Unreadable(why.of("pm2")))?;
        jlist(printed.out.expose(), &self.wanted).map_err(|_| {
            let detail = "`pm2 jlist` did not print its list of applications";
            Absence::Unreadable(
                Unreadable::new(UnreadableKind::WrongFormat, detail)
                    .with_remedy("run `pm2 jlist`, and see what it says"),
            )
        })
    }

    /// Whether its daemon runs and may be asked.
    fn daemon(&self) -> Result<(), Absence> {
        let rests = Absence::Missing(MissingReason::NotRunning);
        let path = self.path("pm2.pid");
        let opened = open_named(&path, NUMBER_CAP, self.surroundings, &mut Evidence::default());
        let opened = match opened {
            Ok(opened) => opened,
            Err(Absence::Missing(_)) => return Err(rests),
            Err(Absence::Unreadable(why)) => {
                return Err(Absence::Unreadable(why.with_remedy(AS_ITS_USER)));
            }
        };
        let text = std::str::from_utf8(&opened.bytes).unwrap_or_default();
        let socket = self.home.join("rpc.sock");
        let Ok(pid) = text.trim().parse::<u32>() else { return Err(rests) };
        if !socket.exists() {
            return Err(rests);
        }
        let table = self.surroundings.processes();
        if !table.is_supported() {
            return Err(process::unsupported());
        }
        match table.get(pid) {
            Some(process) if process.is_pm2_daemon() => {}
            // Its number was given to another one.
            Some(process) if process.started_at > opened.modified_at => return Err(rests),
            Some(_) => {
                let detail = format!(
                    "process {pid}, whose number stands in pm2.pid, is not known as PM2's daemon"
                );
                let why = Unreadable::new(UnreadableKind::WrongFormat, detail);
                return Err(Absence::Unreadable(
                    why.with_remedy("run `pm2 ping`, and check again"),
                ));
            }
            None if table.hides_others() => {
                let detail = "PM2's daemon may run, and processes of other users are hidden";
                return Err(denied(detail));
            }
            None => return Err(rests),
        }
        // Where it may not be asked, `pm2` would start another.
        if rustix::fs::access(&socket, Access::WRITE_OK).is_err() {
            return Err(denied("PM2's daemon does not answer this user"));
        }
        Ok(())
    }
}

fn denied(detail: &str) -> Absence {
    let why = Unreadable::new(UnreadableKind::NoPermission, detail);
    Absence::Unreadable(why.with_remedy(AS_ITS_USER))
}

/// Everybody on the machine reaches the file and may read it.
fn all_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let has = |path: &Path, bit: u32| {
        path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & bit != 0)
    };
    has(path, 0o004) && path.ancestors().skip(1).all(|folder| has(folder, 0o001))
}

struct Scene<'a> {
    pm2: &'a Pm2<'a>,
    saved: Option<&'a Dump>,
    saved_apps: &'a [&'a App],
    evidence: Evidence,
}

impl Scene<'_> {
    fn manager(&self, group: &Group<'_>, runs: bool) -> Manager {
        Manager::Pm2 {
            app: group.name.clone(),
            home: self.pm2.named.clone(),
            from_file: group.apps.iter().any(|app| app.from_file),
            runs,
            saved: self.saved.map(|saved| saved.file.clone()),
        }
    }

    /// A row of what the next start is given, and a row for each process.
    fn of_group(&self, group: &Group<'_>) -> Vec<Found> {
        let manager = self.manager(group, true);
        let mut own = self.configured(group, &manager);
        let names: BTreeSet<&str> = group.apps.iter().map(|app| app.name.as_str()).collect();
        let saved = self.saved_apps.iter().filter(|app| names.contains(app.name.as_str()));
        managed::add(&mut own, &self.first_saved(saved));
        let pids: BTreeSet<u32> = group.apps.iter().filter_map(|app| app.pid).collect();
        let (credentials, surroundings) = (self.pm2.credentials, self.pm2.surroundings);
        let family = surroundings.processes().with_descendants(pids);
        let rows = if family.is_empty() {
            Err(Absence::Missing(MissingReason::NotRunning))
        } else {
            process::of_manager(family, credentials, surroundings)
        };
        let rows = rows.unwrap_or_else(|absence| vec![process::absent(absence)]);
        let running = rows.into_iter().map(|row| managed::of_manager(row, &manager));
        std::iter::once(own).chain(running).collect()
    }

    fn configured(&self, group: &Group<'_>, manager: &Manager) -> Found {
        let contents = group.apps.first().map(|app| app.contents.clone()).unwrap_or_default();
        Found {
            instance: Some(Instance::Service(group.name.clone())),
            undefined: Undefined::Opaque(OpaqueReason::NotKept),
            place: Some(Place { path: None, position: None }),
            evidence: Evidence { manager: Some(manager.clone()), ..self.evidence.clone() },
            ..Found::configured(Ok(contents))
        }
    }

    /// The saved values of the first instance, beside those that the daemon keeps.
    fn first_saved<'b>(
        &self,
        mut apps: impl Iterator<Item = &'b &'b App>,
    ) -> Vec<Occurrence<SecretValue>> {
        let winners = |app: &&App| {
            let wins = app.contents.occurrences.iter().filter(|occurrence| occurrence.wins);
            wins.cloned().map(|occurrence| self.in_dump(occurrence, false)).collect()
        };
        apps.next().map(winners).unwrap_or_default()
    }

    fn in_dump(&self, occurrence: Occurrence<SecretValue>, wins: bool) -> Occurrence<SecretValue> {
        let path = self.saved.map(|saved| saved.file.path.clone());
        let place = Place { path, position: occurrence.place.position };
        Occurrence { place, wins: wins && occurrence.wins, ..occurrence }
    }

    /// Without a daemon, what was saved is what comes next.
    fn of_dump(&self, app: Option<&str>, why: &Absence) -> Vec<Found> {
        let mut groups = groups(self.saved_apps);
        let nothing_saved = groups.is_empty();
        if nothing_saved {
            groups.push(Group { name: inert(app.unwrap_or("PM2")), apps: Vec::new() });
        }
        let mut rows = Vec::new();
        for group in groups {
            let manager = self.manager(&group, false);
            if !nothing_saved {
                let mut own = self.configured(&group, &manager);
                if let Ok(contents) = &mut own.contents {
                    let contents = std::sync::Arc::make_mut(contents);
                    let saved = std::mem::take(&mut contents.occurrences);
                    contents.occurrences =
                        saved.into_iter().map(|saved| self.in_dump(saved, true)).collect();
                }
                if let Some(saved) = self.saved {
                    own.place = Some(Place::file(saved.file.path.clone()));
                    own.evidence.files.push(saved.file.path.clone());
                }
                rows.push(own);
            }
            rows.push(managed::of_manager(process::absent(why.clone()), &manager));
        }
        rows
    }
}
