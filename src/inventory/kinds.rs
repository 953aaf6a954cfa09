//! The kinds of layers, as they are written. A new kind is a struct with its rules and a line in
//! the registry.

mod command;
mod container;
mod kubernetes;
mod managers;

use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    command::Command,
    kubernetes::Kubernetes,
    managers::{Pm2, Supervisor},
};
use super::{LayerSpec, ProcessMatch, check::LayerCheck};
use container::Container;

/// The rules of one kind.
trait Rules {
    /// Reports what is wrong; what comes out is only used when nothing was.
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec;
}

macro_rules! registry {
    ($($(#[$documentation:meta])* $kind:ident,)*) => {
        /// What the layer is.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub(super) enum Kind {
            $($(#[$documentation])* $kind($kind),)*
        }

        impl Kind {
            /// Reports what is wrong; what comes out is only used when nothing was.
            pub(super) fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
                match self {
                    $(Self::$kind(rules) => rules.check(layer),)*
                }
            }
        }
    };
}

registry! {
    /// A `.env`-style file.
    Dotenv,
    /// The environment that stalekey itself is started with.
    Shell,
    /// A file that a shell or a login reads: `~/.bashrc`, `~/.zshrc`, `~/.config/fish/config.fish`,
    /// `~/.config/environment.d`, `/etc/environment`.
    ShellFile,
    /// The compose files of a service.
    Compose,
    /// A variable list that a CI platform exported, or a file that describes its pipeline.
    Ci,
    /// What a hosting platform or a secret manager prints, or plain JSON, YAML or TOML.
    Export,
    /// Kubernetes manifests, or what a cluster has and runs.
    Kubernetes,
    /// A systemd unit.
    Systemd,
    /// Running processes.
    Process,
    /// Applications of PM2.
    Pm2,
    /// Programs of supervisord.
    Supervisor,
    /// The output of a command.
    Command,
    /// Containers of Docker or Podman.
    Container,
}

/// Names for the rest of the program, written once: as in the file.
macro_rules! words {
    ($(#[$documentation:meta])* $name:ident { $($(#[$what:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
        pub(super) enum $name {
            $($(#[$what])* #[serde(rename = $text)] $word,)*
        }

        impl $name {
            fn text(self) -> String {
                match self { $(Self::$word => $text,)* }.to_owned()
            }
        }
    };
}

words! {
    /// Whose rules a dotenv file is read by.
    Dialect {
        /// python-dotenv since 1.2.4 (`dotenv_values`), also behind Flask and
        /// pydantic-settings.
        PythonDotenv = "python-dotenv",
        /// python-dotenv by `load_dotenv`, where references see the environment first; also behind
        /// `uvicorn --env-file`.
        PythonDotenvLoad = "python-dotenv@load",
        /// python-dotenv 1.2.3, in which a comment right behind `=` was still a value.
        PythonDotenv123 = "python-dotenv@1.2.3",
        /// python-dotenv before 1.2.3, in which also a byte order mark belonged to the first name, and
        /// a backslash before the last quote of a line did not keep it from closing.
        PythonDotenv11 = "python-dotenv@1.1",
        /// python-decouple (`RepositoryEnv`).
        Decouple = "python-decouple",
        /// django-environ (`Env.read_env`).
        DjangoEnviron = "django-environ",
        /// `uv run --env-file`.
        Uv = "uv",
        /// Node's dotenv package (16 to 18), without an expanding package behind it.
        NodeDotenv = "node-dotenv",
        /// dotenv-expand 12 behind Node's dotenv package.
        DotenvExpand = "dotenv-expand",
        /// dotenv-expand 1000, which also runs commands.
        DotenvExpand1000 = "dotenv-expand@1000",
        /// `dotenvx run`.
        Dotenvx = "dotenvx",
        /// `node --env-file` since Node 22.
        Node = "node",
        /// `node --env-file` of Node 20.
        Node20 = "node@20",
        /// Next.js (`@next/env`).
        Next = "next",
        /// Vite 8 on Node 20.
        Vite = "vite",
        /// Vite 8 on Node 22 and later, whose parser it uses.
        ViteNode22 = "vite@node22",
        /// Bun.
        Bun = "bun",
        /// `deno run --env-file`.
        Deno = "deno",
        /// foreman for Node (`nf`), also behind `heroku local`.
        Foreman = "foreman",
        /// The Ruby gem dotenv, by `Dotenv.parse` or `Dotenv.overwrite`.
        RubyDotenv = "ruby-dotenv",
        /// The Ruby gem dotenv, by `Dotenv.load`, where references see the environment first.
        RubyDotenvLoad = "ruby-dotenv@load",
        /// The Rust crate dotenvy, by its iterators or `load_override`.
        Dotenvy = "dotenvy",
        /// The Rust crate dotenvy, by `load`, with what stands above an error.
        DotenvyLoad = "dotenvy@load",
        /// Go's joho/godotenv.
        Godotenv = "godotenv",
        /// PHP's vlucas/phpdotenv, by `Dotenv::parse`.
        Phpdotenv = "phpdotenv",
        /// PHP's vlucas/phpdotenv, by `load`, where references see the environment too (Laravel).
        PhpdotenvLoad = "phpdotenv@load",
        /// PHP's symfony/dotenv.
        Symfony = "symfony",
        /// Docker Compose's `env_file:` (compose-go 2).
        Compose = "compose",
        /// docker-compose 1's `env_file:`, which was python-dotenv's doing.
        Compose1 = "compose@1",
        /// Docker Compose's `.env`, as `${NAME}` in a compose file sees it.
        ComposeInterpolation = "compose-interpolation",
        /// `docker run --env-file`, and Compose's `env_file:` with `format: raw`.
        DockerRun = "docker-run",
        /// `kubectl create secret --from-env-file`.
        Kubectl = "kubectl",
        /// `set -a; . file` in bash.
        Sh = "sh",
        /// direnv's `dotenv`.
        Direnv = "direnv",
        /// `EnvironmentFile=` of a systemd unit, since systemd 254.
        Systemd = "systemd",
        /// `EnvironmentFile=` of a systemd unit, before systemd 254.
        Systemd252 = "systemd@252",
        /// systemd's `environment.d`.
        EnvironmentD = "environment.d",
        /// pam_env, the reader of `/etc/environment`.
        Pam = "pam",
        /// `include` of a makefile that exports its variables.
        Make = "make",
    }
}

words! {
    /// Whose syntax a shell file has.
    Shells {
        /// Bash.
        Bash = "bash",
        /// The Z shell.
        Zsh = "zsh",
        /// A plain POSIX shell.
        Sh = "sh",
        /// fish; also its `fish_variables`, and its folder as a whole.
        Fish = "fish",
        /// systemd's `environment.d`: a file, or a folder.
        EnvironmentD = "environment.d",
        /// `/etc/environment`, which no shell reads.
        Environment = "environment",
    }
}

words! {
    /// Whose file it is.
    Platform {
        /// GitLab: `glab variable export`, the API's list, or `.gitlab-ci.yml`.
        Gitlab = "gitlab",
        /// GitHub: `gh secret list`, `gh variable list`, or a workflow.
        Github = "github",
        /// CircleCI: the API's list of a project or a context.
        Circleci = "circleci",
        /// Bitbucket: the API's list of a workspace, a repository or a deployment.
        Bitbucket = "bitbucket",
        /// Azure DevOps: `az pipelines variable-group list -o json`.
        Azure = "azure",
        /// Buildkite: a pipeline, or the API's list of a cluster's secrets.
        Buildkite = "buildkite",
        /// Jenkins: a Jenkinsfile, or `credentials.xml`.
        Jenkins = "jenkins",
    }
}

words! {
    /// Whose print it is.
    Shape {
        /// Vercel: `vercel env ls --format json`, or the API's list.
        Vercel = "vercel",
        /// Netlify: `netlify env:list --json`, or the API's list.
        Netlify = "netlify",
        /// Fly: `fly secrets list --json`.
        Fly = "fly",
        /// AWS Lambda: `aws lambda get-function-configuration`.
        Lambda = "lambda",
        /// AWS ECS: `aws ecs describe-task-definition`, or a task definition.
        Ecs = "ecs",
        /// AWS Systems Manager: `aws ssm get-parameters --with-decryption`.
        Ssm = "ssm",
        /// AWS Secrets Manager: `aws secretsmanager get-secret-value`.
        SecretsManager = "secrets-manager",
        /// Google Cloud Run: `gcloud run services describe --format=json`.
        CloudRun = "cloud-run",
        /// Doppler: `doppler secrets --json`, or what it downloads as JSON.
        Doppler = "doppler",
        /// Infisical: `infisical export --format json`.
        Infisical = "infisical",
        /// 1Password: `op item get --format json`.
        OnePassword = "1password",
        /// Vault: `vault kv get -format=json`.
        Vault = "vault",
        /// Azure App Service: `az webapp config appsettings list`.
        AzureAppService = "azure-app-service",
        /// Heroku: `heroku config --json`.
        Heroku = "heroku",
        /// Railway: `railway variable list --json`.
        Railway = "railway",
        /// Plain JSON.
        Json = "json",
        /// Plain YAML.
        Yaml = "yaml",
        /// Plain TOML.
        Toml = "toml",
    }
}

words! {
    /// Whose unit it is.
    UnitScope {
        /// The system's.
        System = "system",
        /// The user's own.
        User = "user",
    }
}

/// A `.env`-style file.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Dotenv {
    /// The file.
    path: Option<String>,
    /// Several files in the order in which a framework reads them, instead of `path`.
    files: Option<Vec<String>>,
    /// Whose rules it is read by.
    dialect: Option<Dialect>,
}

impl Rules for Dotenv {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        let files = match (&self.path, &self.files) {
            (Some(_), Some(_)) => {
                layer.key("files", "`path` and `files` exclude each other", "keep one of them");
                vec![]
            }
            (None, None) => {
                layer.nothing(
                    &[],
                    "a layer of kind `dotenv` needs `path` or `files`",
                    "add `path = \"…\"`",
                );
                vec![]
            }
            (Some(path), None) => {
                layer.path(&["path"], path);
                vec![path.clone()]
            }
            (None, Some(files)) => {
                if files.is_empty() {
                    layer.value(&["files"], "this list is empty", "name at least one file");
                }
                layer.paths("files", files);
                files.clone()
            }
        };
        LayerSpec::Dotenv { files, dialect: self.dialect.map(Dialect::text) }
    }
}

/// The environment that stalekey itself is started with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Shell {}

impl Rules for Shell {
    fn check(&self, _: &mut LayerCheck<'_, '_>) -> LayerSpec {
        LayerSpec::Shell
    }
}

/// A file that a shell or a login reads.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ShellFile {
    /// The file, such as "~/.bashrc".
    path: String,
    /// Whose syntax it has. Default: by the name of the file.
    shell: Option<Shells>,
}

impl Rules for ShellFile {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.path(&["path"], &self.path);
        LayerSpec::ShellFile { path: self.path.clone(), shell: self.shell.map(Shells::text) }
    }
}

/// The compose files of a service.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Compose {
    /// The files, later ones over earlier ones. Default: what Compose itself would find.
    #[serde(default)]
    files: Vec<String>,
    /// The project's folder. Default: that of the inventory.
    folder: Option<String>,
    /// The service. Default: a row for each.
    service: Option<String>,
    /// Profiles that are active.
    #[serde(default)]
    profiles: Vec<String>,
    /// Files in place of `.env`, for `${…}` in the compose files.
    #[serde(default)]
    env_files: Vec<String>,
}

impl Rules for Compose {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.paths("files", &self.files);
        layer.paths("env_files", &self.env_files);
        if let Some(folder) = &self.folder {
            layer.path(&["folder"], folder);
        }
        LayerSpec::Compose {
            files: self.files.clone(),
            folder: self.folder.clone(),
            service: self.service.clone(),
            profiles: self.profiles.clone(),
            env_files: self.env_files.clone(),
        }
    }
}

/// A variable list that a CI platform exported, or a file that describes its pipeline.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Ci {
    /// The file.
    path: String,
    /// Whose file it is. Default: by its shape.
    platform: Option<Platform>,
    /// Which values are meant. A list of GitLab: the environment of the job, such as
    /// "production"; default: a job without one. A list of GitHub, Bitbucket or CircleCI: what it
    /// was made of, "organization", "repository", "workspace", "context" or the name of an
    /// environment. A workflow or pipeline: "job" or "job/step", a step, a stage; an Azure DevOps
    /// list: the variable group; default: a row for each.
    scope: Option<String>,
}

impl Rules for Ci {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.path(&["path"], &self.path);
        LayerSpec::Ci {
            path: self.path.clone(),
            platform: self.platform.map(Platform::text),
            scope: self.scope.clone(),
        }
    }
}

/// What a hosting platform or a secret manager prints, or plain JSON, YAML or TOML.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Export {
    /// The file.
    path: String,
    /// Whose print it is. Default: by its shape.
    shape: Option<Shape>,
    /// Where in the file the values stand, as a JSON pointer: "/data/keys".
    pointer: Option<String>,
}

impl Rules for Export {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.path(&["path"], &self.path);
        if self.pointer.as_deref().is_some_and(|pointer| !is_json_pointer(pointer)) {
            layer.value(
                &["pointer"],
                "this is not a JSON pointer",
                "write `/` before each name, `~1` for a slash in one, `~0` for a tilde",
            );
        }
        LayerSpec::Export {
            path: self.path.clone(),
            shape: self.shape.map(Shape::text),
            pointer: self.pointer.clone(),
        }
    }
}

/// RFC 6901: `~` is written `~0`, and `/` in a name `~1`.
fn is_json_pointer(pointer: &str) -> bool {
    (pointer.is_empty() || pointer.starts_with('/'))
        && pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

/// A systemd unit.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Systemd {
    /// Its name, such as "api.service"; looked for where systemd looks.
    unit: Option<String>,
    /// Whose unit it is. Default: "system".
    scope: Option<UnitScope>,
    /// Its file and drop-ins, in place of what systemd would find.
    #[serde(default)]
    files: Vec<String>,
}

impl Rules for Systemd {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        layer.paths("files", &self.files);
        if self.unit.is_none() && self.files.is_empty() {
            layer.nothing(
                &[],
                "a layer of kind `systemd` needs `unit` or `files`",
                "add `unit = \"…\"`",
            );
        }
        let is_name = |unit: &str| {
            !unit.is_empty() && !unit.contains(|c: char| c == '/' || c.is_control() || c == ' ')
        };
        if self.unit.as_deref().is_some_and(|unit| !is_name(unit)) {
            layer.value(
                &["unit"],
                "this is not the name of a unit",
                "give its name, such as \"api.service\"; paths go into `files`",
            );
        }
        LayerSpec::Systemd {
            unit: self.unit.clone(),
            scope: self.scope.map(UnitScope::text),
            files: self.files.clone(),
        }
    }
}

/// Running processes.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Process {
    /// Which ones.
    #[serde(rename = "match")]
    matching: Match,
    /// Which of their family: "self" (the default) or "descendants".
    tree: Option<Tree>,
    /// How many there should be at least.
    min: Option<u32>,
}

/// How far a match reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Tree {
    /// The processes that fit.
    #[serde(rename = "self")]
    Itself,
    /// All that descend from them too.
    Descendants,
}

/// Which processes: all that is given must fit, and `user` alone says too little.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Match {
    /// The one with this number.
    pid: Option<u32>,
    /// The one whose number stands in this file.
    pid_file: Option<String>,
    /// Name of the program.
    name: Option<String>,
    /// A regular expression that the command line contains.
    command: Option<String>,
    /// A TCP port it listens on.
    port: Option<u16>,
    /// The folder it works in.
    folder: Option<String>,
    /// Name of the user it runs as.
    user: Option<String>,
    /// The unit of systemd it belongs to, such as "api.service".
    unit: Option<String>,
}

/// As systemd takes it: `api` is `api.service`.
fn unit_name(unit: &str) -> String {
    const SUFFIXES: [&str; 4] = [".service", ".scope", ".slice", ".socket"];
    let complete = SUFFIXES.iter().any(|suffix| unit.ends_with(suffix));
    if complete { unit.to_owned() } else { format!("{unit}.service") }
}

impl Rules for Process {
    fn check(&self, layer: &mut LayerCheck<'_, '_>) -> LayerSpec {
        let Match { pid, pid_file, name, command, port, folder, user, unit } = &self.matching;
        let texts = [("name", name), ("command", command), ("unit", unit), ("user", user)];
        let paths = [("pid_file", pid_file), ("folder", folder)];
        let told =
            texts.iter().chain(&paths).any(|(field, text)| *field != "user" && text.is_some());
        if pid.is_none() && port.is_none() && !told {
            layer.nothing(
                &["match"],
                "`match` says nothing of the process",
                "give it `pid`, `pid_file`, `name`, `command`, `port`, `folder` or `unit`",
            );
        }
        if *pid == Some(0) {
            layer.value(&["match", "pid"], "no process has the number 0", "give its number");
        }
        if *port == Some(0) {
            layer.value(&["match", "port"], "nothing listens on port 0", "give its port");
        }
        for (field, path) in paths {
            if let Some(path) = path {
                layer.path(&["match", field], path);
            }
        }
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                layer.value(&["match", field], "this is empty, and would fit anything", "say more");
            }
        }
        if let Some(expression) = command
            && regex::bytes::Regex::new(expression).is_err()
        {
            layer.value(
                &["match", "command"],
                "this is not a regular expression",
                "put a `\\` before each of `\\ . + * ? ( ) | [ ] { } ^ $` that is meant as it stands",
            );
        }
        LayerSpec::Process {
            matching: ProcessMatch {
                pid: *pid,
                pid_file: pid_file.clone(),
                name: name.clone(),
                command: command.clone(),
                port: *port,
                folder: folder.clone(),
                user: user.clone(),
                unit: unit.as_deref().map(unit_name),
                descendants: self.tree == Some(Tree::Descendants),
            },
            min: self.min.map(|min| min as usize),
        }
    }
}
