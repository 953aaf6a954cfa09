//! What is known of the process behind a row.

use jiff::Timestamp;
use serde::Serialize;

/// What is known of the process behind a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProcessFacts {
    /// Its id.
    pub pid: u32,
    /// The user it runs as (name, or number when there is no name).
    pub user: String,
    /// The program, inert.
    pub program: String,
    /// Id of the container it runs in, when it does.
    pub container: Option<String>,
    /// Pid of the oldest ancestor of the same service: the one whose environment was inherited.
    pub oldest_ancestor: Option<u32>,
    /// When this process itself started; a worker starts later than its service.
    pub started_at: Option<Timestamp>,
    /// What starts it again and again.
    pub supervisor: Option<Supervisor>,
    /// What a person has to do to learn more than this row says; a clause, inert.
    pub remedy: Option<String>,
}

impl ProcessFacts {
    /// Program and user, as a row tells them.
    pub fn who(&self) -> String {
        format!("{} of user {}", self.program, self.user)
    }
}

/// What is known of the pod behind a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// The container in it.
    pub container: String,
    /// The workload that made it, as `kubectl` takes it: `deploy/api`.
    pub workload: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// The context of `kubectl` that it was found through.
    pub context: String,
    /// The workload is replacing its pods at the moment.
    pub rolling_out: bool,
}

/// A process that starts others and starts them again: evidence on their rows, no row of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Supervisor {
    /// Its pid.
    pub pid: u32,
    /// What it is.
    pub kind: SupervisorKind,
    /// Whether the row's variable stands in its own environment, so that whatever it starts
    /// inherits it; `None` where that cannot be known.
    pub holds: Option<bool>,
}

/// The supervisors that are known by the shape of their processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupervisorKind {
    /// The master of gunicorn.
    Gunicorn,
    /// uvicorn (or FastAPI's command) with several workers.
    UvicornWorkers,
    /// uvicorn (or FastAPI's command) that watches its source files.
    UvicornReload,
    /// Flask's reloader.
    FlaskReload,
    /// The reloader of Django's `runserver`.
    DjangoReload,
    /// `node --watch`.
    NodeWatch,
    /// nodemon.
    Nodemon,
    /// The daemon of PM2.
    Pm2,
    /// The same where it runs a program as workers of a cluster, which get their variables after
    /// their start.
    Pm2Cluster,
}

impl SupervisorKind {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gunicorn => "gunicorn",
            Self::UvicornWorkers => "uvicorn-workers",
            Self::UvicornReload => "uvicorn-reload",
            Self::FlaskReload => "flask-reload",
            Self::DjangoReload => "django-reload",
            Self::NodeWatch => "node-watch",
            Self::Nodemon => "nodemon",
            Self::Pm2 => "pm2",
            Self::Pm2Cluster => "pm2-cluster",
        }
    }

    /// What a person calls it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Gunicorn => "the gunicorn master",
            Self::UvicornWorkers => "the uvicorn master",
            Self::UvicornReload => "uvicorn's reloader",
            Self::FlaskReload => "Flask's reloader",
            Self::DjangoReload => "Django's reloader",
            Self::NodeWatch => "`node --watch`",
            Self::Nodemon => "nodemon",
            Self::Pm2 | Self::Pm2Cluster => "the PM2 daemon",
        }
    }

    /// It starts what it watches again when a source file changes, not when a `.env` does.
    pub const fn is_watcher(self) -> bool {
        matches!(
            self,
            Self::UvicornReload
                | Self::FlaskReload
                | Self::DjangoReload
                | Self::NodeWatch
                | Self::Nodemon
        )
    }
}
