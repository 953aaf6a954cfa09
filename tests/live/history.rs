//! The history of rotations under the dashboard: one that cannot be written, and one that others write.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    sync::Arc,
};

use stalekey::{
    domain::{
        command::{Command, RotationWish},
        rotation::Event,
        snapshot::Snapshot,
    },
    engine::{self, Handle, RotationSetup, Setup},
    rotation::History,
};

use super::{setup, until, write};

const SOMEONE: &str = "someone@somewhere";

fn start(folder: &Path, history: &Path) -> Handle {
    let rotations = RotationSetup {
        history: Some(history.to_owned()),
        operator: SOMEONE.to_owned(),
        old_keys: Vec::new(),
    };
    engine::start(Setup { rotations, ..setup(folder) })
}

fn open() -> Command {
    Command::Rotation(RotationWish::Open {
        credential: "openai".to_owned(),
        environments: vec!["production".to_owned()],
        new: None,
    })
}

fn settled(snapshot: &Snapshot) -> bool {
    snapshot.rows.len() == 2 && !snapshot.progress.running
}

fn tells(snapshot: &Snapshot, text: &str) -> bool {
    snapshot.notices.iter().any(|notice| notice.contains(text))
}

/// A wish is answered with the reason, and files are followed as before.
async fn nothing_is_recorded(place: &Path, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let mut handle = start(folder.path(), &place.join("history/file.jsonl"));
    until(&mut handle, |now| settled(now)).await;
    handle.commands.send(open()).await.unwrap();
    let told = format!("nothing was recorded: {why}");
    let answered = until(&mut handle, |now| tells(now, &told)).await;
    assert_eq!((answered.rotations.len(), answered.rows.len()), (0, 2));
    write(folder.path(), "two", "b");
    until(&mut handle, |now| now.summary.distinct_keys == 2 && settled(now)).await;
    let before = handle.snapshots.borrow().revision;
    handle.commands.send(Command::RecheckAll).await.unwrap();
    until(&mut handle, |now| now.revision > before && settled(now)).await;
}

#[tokio::test]
async fn a_history_whose_folder_is_a_file_stops_nothing() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("history"), "a file where a folder belongs").unwrap();
    nothing_is_recorded(place.path(), "").await;
}

/// A small file system of its own, until the test is over.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None`, with a word, where this user may not mount one.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = rustix::process::geteuid().is_root()
            && Program::new("mount")
                .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
                .arg(folder.path())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            let _ = writeln!(io::stderr(), "skipped: this user mounts no file system here");
        }
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to its last byte.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Program::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_read_only_file_system_stops_nothing() {
    let Some(mounted) = Mounted::new() else { return };
    let again = Program::new("mount").args(["-o", "remount,ro"]).arg(mounted.path()).status();
    assert!(again.unwrap().success());
    nothing_is_recorded(mounted.path(), "the file system is read-only").await;
}

#[tokio::test]
async fn a_full_disk_stops_nothing_and_loses_nothing() {
    let Some(mounted) = Mounted::new() else { return };
    let place = mounted.path().join("history/file.jsonl");
    let kept = Event::GivenUp { rotation: "openai-9".to_owned() };
    History::append(&place, kept, SOMEONE).unwrap();
    let before = History::read(&place).unwrap();
    let filler = mounted.fill();
    // What is left of the history's own page is used up too.
    let event = || Event::GivenUp { rotation: "openai-".to_owned() + &"9".repeat(5000) };
    assert_eq!(History::append(&place, event(), SOMEONE).unwrap_err().why, "the disk is full");
    assert_eq!(History::read(&place).unwrap(), before);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let elsewhere = mounted.path().join("history/other.jsonl");
    let mut handle = start(folder.path(), &elsewhere);
    until(&mut handle, |now| settled(now)).await;
    handle.commands.send(open()).await.unwrap();
    until(&mut handle, |now| tells(now, "nothing was recorded: the disk is full")).await;
    fs::remove_file(filler).unwrap();
    handle.commands.send(open()).await.unwrap();
    let opened = until(&mut handle, |now| now.rotations.len() == 1).await;
    assert!(!tells(&opened, "nothing was recorded"), "{:?}", opened.notices);
    assert_eq!(History::read(&elsewhere).unwrap().damage, None);
}

#[tokio::test]
async fn what_another_program_records_is_seen_at_the_next_pass() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", "a");
    write(folder.path(), "two", "a");
    let place = folder.path().join("state/history/file.jsonl");
    let mut handle = start(folder.path(), &place);
    until(&mut handle, |now| settled(now)).await;
    handle.commands.send(open()).await.unwrap();
    let opened: Arc<Snapshot> = until(&mut handle, |now| now.rotations.len() == 1).await;
    let rotation = opened.rotations[0].rotation.clone();
    History::append(&place, Event::GivenUp { rotation }, SOMEONE).unwrap();
    handle.commands.send(Command::RecheckAll).await.unwrap();
    until(&mut handle, |now| now.rotations.is_empty() && settled(now)).await;
    // And what this one records comes after it.
    handle.commands.send(open()).await.unwrap();
    let again = until(&mut handle, |now| now.rotations.len() == 1).await;
    assert_eq!(again.rotations[0].rotation, "openai-2");
    let history = History::read(&place).unwrap();
    assert_eq!((history.records.len(), history.damage), (3, None));
}
