//! What `systemctl show` prints of a unit: the unit as systemd has loaded it.

use zeroize::Zeroizing;

use super::{
    Failure, Machine, Scope,
    environment::Builder,
    specifiers::Specifiers,
    unit_file::{Assignment, Directive},
    words,
};
use crate::formats::{Contents, files::Files};

/// What is asked of systemd. `Environment` is what the next start would be given; it is never
/// evidence of what runs.
pub const PROPERTIES: [&str; 14] = [
    "Id",
    "Type",
    "LoadState",
    "ActiveState",
    "MainPID",
    "ControlGroup",
    "NeedDaemonReload",
    "FragmentPath",
    "DropInPaths",
    "TriggeredBy",
    "Environment",
    "EnvironmentFiles",
    "PassEnvironment",
    "UnsetEnvironment",
];

/// A unit as systemd has it.
#[derive(Debug, Default)]
pub struct Shown {
    /// Its name; of an alias, that of the unit itself.
    pub id: String,
    /// `loaded`, `not-found`, `masked` …
    pub load_state: String,
    /// `active`, `inactive`, `failed` …
    pub active_state: String,
    /// Its main process.
    pub main_pid: Option<u32>,
    /// The control group of its processes.
    pub control_group: Option<String>,
    /// Its files are not those that systemd has loaded.
    pub edited: bool,
    /// Its file and drop-ins.
    pub files: Vec<String>,
    /// It runs to its end, or something else starts it: that it does not run is its rest.
    pub rests: bool,
    assignments: Vec<Assignment>,
}

impl Shown {
    /// Reads what was printed; `None` when it is something else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut shown = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(equals) = memchr::memchr(b'=', line) else { continue };
            let (name, value) = (&line[..equals], &line[equals + 1..]);
            shown.take(name, value);
        }
        (!shown.id.is_empty()).then_some(shown)
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            b"Id" => self.id = text(),
            b"LoadState" => self.load_state = text(),
            b"ActiveState" => self.active_state = text(),
            b"MainPID" => self.main_pid = text().parse().ok().filter(|pid| *pid != 0),
            b"ControlGroup" => self.control_group = Some(text()).filter(|path| !path.is_empty()),
            b"NeedDaemonReload" => self.edited = value == b"yes",
            b"Type" => self.rests |= value == b"oneshot",
            b"TriggeredBy" => self.rests |= !value.is_empty(),
            b"FragmentPath" if !value.is_empty() => self.files.insert(0, text()),
            b"DropInPaths" => {
                let (paths, _) = words::split(&unit_words(value), true);
                let paths = paths.iter().map(|word| String::from_utf8_lossy(&word.text).into());
                self.files.extend(paths);
            }
            b"EnvironmentFiles" => self.environment_file(value),
            _ if value.is_empty() => {}
            name => {
                if let Some(directive) = Directive::of(name) {
                    self.assignments.push(Assignment::shown(directive, unit_words(value)));
                }
            }
        }
    }

    /// `/srv/api.env (ignore_errors=yes)`, a line for each.
    fn environment_file(&mut self, value: &[u8]) {
        const OPTIONAL: &[u8] = b" (ignore_errors=yes)";
        const NEEDED: &[u8] = b" (ignore_errors=no)";
        let (mark, path) = match value.strip_suffix(OPTIONAL) {
            Some(path) => (&b"-"[..], path),
            None => (&b""[..], value.strip_suffix(NEEDED).unwrap_or(value)),
        };
        if path.is_empty() {
            return;
        }
        let value = Zeroizing::new([mark, &unit_words(path)].concat());
        self.assignments.push(Assignment::shown(Directive::EnvironmentFile, value));
    }

    /// What a restart would start the unit with, as long as systemd does not load its files again:
    /// the unit as it was loaded, and the files that it names as they are now.
    ///
    /// # Errors
    /// What would keep systemd from starting it.
    pub fn environment(
        &self,
        scope: Scope,
        machine: &Machine,
        files: &mut dyn Files,
    ) -> Result<Contents, Failure> {
        let specifiers = Specifiers::of(&self.id, scope, machine);
        let mut builder = Builder::new(specifiers, Some(""), machine, Vec::new());
        for assignment in &self.assignments {
            builder.take(assignment);
        }
        builder.finish(files).map(|(contents, _)| contents)
    }
}

/// As a unit file has the words that `show` quotes as a shell does: without the escapes that only a
/// shell needs, and with the percent signs doubled that specifiers were replaced from.
fn unit_words(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut words = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => words.extend_from_slice(b"%%"),
            b'\\' => match bytes.next() {
                Some(escaped @ (b'$' | b'`' | b'!')) => words.push(escaped),
                Some(escaped) => words.extend_from_slice(&[b'\\', escaped]),
                None => words.push(byte),
            },
            byte => words.push(byte),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::reading::Yield,
        formats::files::{Entry, Missed},
    };

    /// What systemd 252 printed, of a unit with odd values.
    const PRINTED: &str = r#"Type=simple
MainPID=8826
ControlGroup=/app.slice/api.service
Environment=KEY=old%val "B=with space \"q\" \$x" "C=a\\nb" "D=line\ntab\t" Z=1 A=b
EnvironmentFiles=/srv/no.env (ignore_errors=yes)
EnvironmentFiles=/srv/a.env (ignore_errors=no)
PassEnvironment=HOME X
UnsetEnvironment=Z A=b
Id=api.service
TriggeredBy=
LoadState=loaded
ActiveState=active
FragmentPath=/etc/systemd/system/api.service
DropInPaths=/etc/systemd/system/api.service.d/a.conf "/etc/systemd/system/api.service.d/b c.conf"
NeedDaemonReload=yes
"#;

    struct OneFile;

    impl Files for OneFile {
        fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
            if path == "/srv/a.env" { Ok(b"F=1\n".to_vec()) } else { Err(Missed::Absent) }
        }

        fn list(&mut self, _: &str) -> Result<Vec<Entry>, Missed> {
            Err(Missed::Absent)
        }
    }

    #[test]
    fn a_unit_is_read_as_systemd_has_loaded_it() {
        let shown = Shown::parse(PRINTED.as_bytes()).unwrap();
        assert_eq!((shown.id.as_str(), shown.main_pid), ("api.service", Some(8826)));
        assert_eq!(shown.control_group.as_deref(), Some("/app.slice/api.service"));
        assert!(shown.edited && !shown.rests);
        assert_eq!(shown.files.len(), 3);
        assert_eq!(shown.files[0], "/etc/systemd/system/api.service");
        assert_eq!(shown.files[2], "/etc/systemd/system/api.service.d/b c.conf");
        let contents = shown.environment(Scope::System, &Machine::default(), &mut OneFile).unwrap();
        let value = |name: &str| match &contents.winner(name).unwrap().yields {
            Yield::Value(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        assert_eq!(value("KEY"), "old%val");
        assert_eq!(value("B"), "with space \"q\" $x");
        assert_eq!(value("C"), "a\\nb");
        assert_eq!(value("D"), "line\ntab\t");
        assert_eq!(value("F"), "1");
        assert_eq!((value("HOME"), value("Z")), ("Inherited".to_owned(), "Unset".to_owned()));
        assert_eq!(value("A"), "Unset");
    }

    #[test]
    fn a_unit_that_does_not_exist_is_told_apart_from_other_words() {
        let printed = "Id=nope.service\nLoadState=not-found\nActiveState=inactive\nMainPID=0\n";
        let shown = Shown::parse(printed.as_bytes()).unwrap();
        assert_eq!((shown.load_state.as_str(), shown.main_pid), ("not-found", None));
        assert!(Shown::parse(b"").is_none() && Shown::parse(b"some banner = x\n").is_none());
        let timer = "Id=job.service\nType=oneshot\nTriggeredBy=job.timer\n";
        assert!(Shown::parse(timer.as_bytes()).unwrap().rests);
    }
}
