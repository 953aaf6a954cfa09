//! Which keys occur in the writable memory of a process.
//!
//! Nothing is attached to, stopped, written or signalled. Pages that are not in memory are left
//! alone: reading them would make the process larger, or bring them back from swap space. The
//! buffers are wiped. What is not one of the wanted keys is counted and not kept.

mod pages;
mod scan;
mod watch;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

pub use watch::Watched;

use self::{
    pages::{Region, present, regions},
    scan::{Scanner, Window},
};
use super::{permission::Rights, table::start_ticks};
use crate::domain::{fingerprint::Fingerprint, memory::Gap, secret::SecretValue};

/// As fast as any other up to a MiB, and slower above.
const CHUNK: usize = 256 << 10;

/// The number of a process and when it started, which no other process ever shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessIdentity {
    /// Its pid.
    pub pid: u32,
    /// When it started, in ticks of the kernel.
    pub start_ticks: u64,
}

/// What is looked for.
#[derive(Clone)]
pub struct Wanted {
    /// Keys that some layer holds; none is shorter than [`SHORTEST_KEY`].
    ///
    /// [`SHORTEST_KEY`]: crate::domain::memory::SHORTEST_KEY
    pub keys: Vec<(Fingerprint, SecretValue)>,
    /// Forms of keys, to find those that no layer holds.
    pub forms: Vec<Form>,
}

/// The fingerprint of a value that is a key.
pub type KeyOf = Arc<dyn Fn(&SecretValue) -> Option<Fingerprint> + Send + Sync>;

/// How the keys of a provider begin, and what tells one.
#[derive(Clone)]
pub struct Form {
    /// Id of the provider.
    pub provider: String,
    /// What its keys begin with.
    pub prefix: String,
    /// The lengths that are known; the whole run of characters is tried besides.
    pub lengths: Vec<usize>,
    /// The fingerprint of a value, when it is a key of the provider.
    pub key_of: KeyOf,
    /// Beginnings of the fingerprints of keys that are known by those only.
    pub named: Arc<[String]>,
}

/// How much a search may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes that are read.
    pub bytes: u64,
    /// Time that it takes.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: 2 << 30, time: Duration::from_secs(3) }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes that were read.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// What was left out.
    pub gap: Option<Gap>,
    /// Copies of each key that was found; among them those that were known by a written fingerprint.
    pub copies: BTreeMap<Fingerprint, usize>,
    /// Distinct values of a provider's form that are none of these, by its id.
    pub unknown: BTreeMap<String, usize>,
    /// What was seen when it was watched besides.
    pub watched: Option<Watched>,
}

/// Why nothing was searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The process has ended, or another one has its number.
    Gone,
    /// What a person has to do; a clause.
    NoPermission(String),
    /// The system does not show it; a clause.
    Unsupported(&'static str),
}

/// Searches a process once, and watches it afterwards where that is wanted.
pub fn search(
    who: ProcessIdentity,
    wanted: &Wanted,
    budget: Budget,
    watch: Option<Duration>,
) -> Result<Found, Refusal> {
    let begin = Instant::now();
    let target = Target::open(who)?;
    let mut scanner = Scanner::new(wanted);
    let mut found = target.sweep(&mut scanner, budget, begin)?;
    target.still_there()?;
    (found.copies, found.unknown) = scanner.into_counts();
    found.took = begin.elapsed();
    found.watched = watch.map(|duration| watch::watch(who, wanted, duration)).transpose()?;
    Ok(found)
}

/// A process whose memory is open for reading.
struct Target {
    who: ProcessIdentity,
    memory: File,
    pagemap: File,
    /// Where its launch environment stands, which is told apart.
    launch: Option<(u64, u64)>,
}

impl Target {
    fn open(who: ProcessIdentity) -> Result<Self, Refusal> {
        let folder = Path::new("/proc").join(who.pid.to_string());
        // What is opened stays with this program, also when the process starts another.
        let open = |name: &str| File::open(folder.join(name)).map_err(|error| refusal(&error));
        let target = Self {
            who,
            memory: open("mem")?,
            pagemap: open("pagemap")?,
            launch: fs::read(folder.join("stat")).ok().as_deref().and_then(launch_environment),
        };
        target.still_there()?;
        Ok(target)
    }

    fn folder(&self) -> std::path::PathBuf {
        Path::new("/proc").join(self.who.pid.to_string())
    }

    /// It is still the same process.
    fn still_there(&self) -> Result<(), Refusal> {
        let stat = fs::read(self.folder().join("stat")).map_err(|_| Refusal::Gone)?;
        if start_ticks(&stat) == Some(self.who.start_ticks) { Ok(()) } else { Err(Refusal::Gone) }
    }

    /// Reads all writable memory that is there, within the budget.
    fn sweep(
        &self,
        scanner: &mut Scanner<'_>,
        budget: Budget,
        begin: Instant,
    ) -> Result<Found, Refusal> {
        let maps = fs::read(self.folder().join("maps")).map_err(|error| refusal(&error))?;
        let mut found = Found::default();
        let mut window = Window::new(scanner.overlap(), CHUNK);
        for region in regions(&maps) {
            for piece in self.without_launch_environment(region) {
                let in_time = || begin.elapsed() < budget.time;
                let done = present(&self.pagemap, piece, &in_time, &mut |run, swapped| {
                    if swapped {
                        found.gap.get_or_insert(Gap::Swapped);
                        return true;
                    }
                    let mut at = run.start;
                    window.begin(run.start);
                    while at < run.end {
                        if !in_time() {
                            found.gap = Some(Gap::Time);
                            return false;
                        }
                        if found.bytes >= budget.bytes {
                            found.gap = Some(Gap::Size);
                            return false;
                        }
                        let want = usize::try_from(run.end - at).unwrap_or(CHUNK);
                        let read = match self.memory.read_at(window.room(want), at) {
                            Ok(read) if read > 0 => read,
                            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                            // It went away meanwhile.
                            _ => return true,
                        };
                        found.bytes += read as u64;
                        at += read as u64;
                        window.took(read, at >= run.end, scanner);
                    }
                    true
                });
                match done {
                    Ok(true) => {}
                    Ok(false) => {
                        found.gap.get_or_insert(Gap::Time);
                        return Ok(found);
                    }
                    Err(error) => return Err(refusal(&error)),
                }
            }
        }
        if scanner.is_full() {
            found.gap.get_or_insert(Gap::Values);
        }
        Ok(found)
    }

    fn without_launch_environment(&self, region: Region) -> impl Iterator<Item = Region> {
        let (from, to) = self.launch.unwrap_or((region.end, region.end));
        let (from, to) = (from.clamp(region.start, region.end), to.clamp(region.start, region.end));
        [Region { end: from, ..region }, Region { start: to, ..region }]
            .into_iter()
            .filter(|piece| piece.start < piece.end)
    }
}

/// Where the environment of the launch stands, the last fields of `stat` but two; 0 where the user
/// may not know.
fn launch_environment(stat: &[u8]) -> Option<(u64, u64)> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(47);
    let (from, to) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (from != 0 && from < to).then_some((from, to))
}

fn refusal(error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Refusal::NoPermission(Rights::of_this_process().to_see_live())
        }
        ErrorKind::NotFound => Refusal::Gone,
        _ if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Refusal::Gone,
        _ => Refusal::Unsupported("the system does not show its memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_launch_environment_is_read() {
        let mut stat = b"42 (a) b (c) S ".to_vec();
        stat.extend_from_slice("7 ".repeat(46).as_bytes());
        assert_eq!(launch_environment(&[&stat[..], b"4096 5000 0\n"].concat()), Some((4096, 5000)));
        assert_eq!(launch_environment(&[&stat[..], b"0 0 0\n"].concat()), None);
        assert_eq!(launch_environment(b"42 (a) S 1"), None);
    }
}
