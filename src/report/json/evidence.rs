//! The part of the contract that says what supports a row.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    container::ContainerReport, elsewhere::ElsewhereReport, memory::MemoryReport, pod::PodReport,
};
use crate::domain::reading::Evidence;

/// What supports a row.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::report) struct EvidenceReport<'a> {
    /// mtime of the newest file that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    modified_at: Option<Timestamp>,
    /// ctime of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    changed_at: Option<Timestamp>,
    /// Start of the process, or of its oldest ancestor of the same service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    started_at: Option<Timestamp>,
    /// When a platform says that the value was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    /// When the program was run that the value comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    read_at: Option<Timestamp>,
    /// The pod behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<PodReport<'a>>,
    /// The reader that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    reader: Option<&'a str>,
    /// Why that reader, where the inventory names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    reader_because: Option<&'a str>,
    /// Files that were read.
    files: &'a [String],
    /// The process behind the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessReport<'a>>,
    /// It was read elsewhere, and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elsewhere: Option<ElsewhereReport<'a>>,
    /// What a search of its memory found, where a person asked for one (`--deep`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryReport<'a>>,
    /// The container behind the row: its own, or the one that its process runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<ContainerReport<'a>>,
    /// The process manager that starts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<ManagerReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ManagerReport<'a> {
    /// systemd, pm2 or supervisor.
    kind: &'static str,
    /// What it calls the unit, application or program.
    name: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProcessReport<'a> {
    pid: u32,
    user: &'a str,
    program: &'a str,
    container: Option<&'a str>,
    /// Pid of the oldest ancestor of the same service.
    oldest_ancestor: Option<u32>,
    /// When this process itself started.
    #[schemars(with = "Option<String>")]
    started_at: Option<Timestamp>,
    /// What starts it again and again, where it is known by the shape of its processes.
    supervisor: Option<SupervisorReport>,
    /// What a person has to do to learn more than this row says.
    remedy: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SupervisorReport {
    pid: u32,
    /// gunicorn, uvicorn-workers, uvicorn-reload, flask-reload, django-reload, node-watch, nodemon,
    /// pm2 or pm2-cluster.
    kind: &'static str,
    /// Whether its own environment has the variable; null where that cannot be known.
    holds: Option<bool>,
}

impl<'a> EvidenceReport<'a> {
    pub(in crate::report) fn of(evidence: &'a Evidence) -> Self {
        Self {
            manager: evidence
                .manager
                .as_ref()
                .map(|manager| ManagerReport { kind: manager.kind(), name: manager.name() }),
            modified_at: evidence.modified_at,
            changed_at: evidence.changed_at,
            started_at: evidence.started_at,
            updated_at: evidence.updated_at,
            read_at: evidence.read_at,
            pod: evidence.pod.as_deref().map(PodReport::of),
            reader: evidence.reader.as_deref(),
            reader_because: evidence.reader_because.as_deref(),
            files: &evidence.files,
            elsewhere: evidence.elsewhere.as_deref().map(ElsewhereReport::of),
            process: evidence.process.as_ref().map(|process| ProcessReport {
                pid: process.pid,
                user: &process.user,
                program: &process.program,
                container: process.container.as_deref(),
                oldest_ancestor: process.oldest_ancestor,
                started_at: process.started_at,
                supervisor: process.supervisor.as_ref().map(|supervisor| SupervisorReport {
                    pid: supervisor.pid,
                    kind: supervisor.kind.name(),
                    holds: supervisor.holds,
                }),
                remedy: process.remedy.as_deref(),
            }),
            container: evidence.container.as_deref().map(ContainerReport::of),
            memory: evidence.memory.as_ref().map(MemoryReport::of),
        }
    }
}
