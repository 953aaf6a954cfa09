//! The files of the sample environment and its inventory.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::keys::Keys;
use crate::domain::secret::SecretValue;

const MINUTES: u64 = 60;
const HOURS: u64 = 60 * MINUTES;
const DAYS: u64 = 24 * HOURS;

/// Where the sample is, and the keys it is made of.
#[derive(Clone)]
pub(super) struct Sample {
    folder: PathBuf,
    keys: Keys,
    inventory: String,
    token: String,
}

impl Sample {
    /// Writes everything as it was before production's rotation.
    pub(super) fn new(folder: &Path, keys: Keys, port: u16) -> io::Result<Self> {
        let token = random_hex(8)?;
        let salt = random_hex(32)?;
        let inventory = inventory(port, &token, &salt);
        let sample = Self { folder: folder.to_owned(), keys, inventory, token };
        sample.write_all()?;
        Ok(sample)
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn inventory(&self) -> &str {
        &self.inventory
    }

    /// The rotation of production, as far as somebody remembered: the `.env` file.
    pub(super) fn rotate(&self) -> io::Result<()> {
        let keys = &self.keys;
        self.write(
            "services/api/.env",
            &[
                b"# rotated just now\nOPENAI_API_KEY=",
                keys.production_new.expose(),
                b"\nANTHROPIC_API_KEY=",
                keys.anthropic.expose(),
                b"\n",
            ],
        )
    }

    /// The CI variable, as its platform exports it.
    pub(super) fn write_ci(&self, key: &SecretValue) -> io::Result<()> {
        self.write(
            "ci/gitlab-variables.json",
            &[
                b"[\n  {\n    \"key\": \"OPENAI_API_KEY\",\n    \"value\": \"",
                key.expose(),
                b"\",\n    \"variable_type\": \"env_var\",\n    \"protected\": true,\n    \
              \"masked\": true,\n    \"hidden\": false,\n    \"raw\": true,\n    \
              \"environment_scope\": \"production\",\n    \"description\": null\n  }\n]\n",
            ],
        )
    }

    /// Staging's compose file; a key that somebody pinned there beats its `env_file`.
    pub(super) fn write_staging_compose(&self, pinned: Option<&SecretValue>) -> io::Result<()> {
        let head = b"services:\n  worker:\n    image: example/worker\n    env_file: [.env]\n";
        match pinned {
            Some(key) => self.write(
                "staging/compose.yaml",
                &[head, b"    environment:\n      OPENAI_API_KEY: ", key.expose(), b"\n"],
            ),
            None => self.write("staging/compose.yaml", &[head]),
        }
    }

    /// The rc file of a developer's shell.
    pub(super) fn write_rc(&self, key: &SecretValue) -> io::Result<()> {
        self.write(
            "development/zshrc",
            &[
                b"# the shell of a developer\nexport EDITOR=vim\nexport OPENAI_API_KEY=\"",
                key.expose(),
                b"\"\n",
            ],
        )
    }

    fn write_all(&self) -> io::Result<()> {
        let keys = &self.keys;
        for folder in ["services/api", "ci", "staging", "development"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        self.write("stalekey.toml", &[self.inventory.as_bytes()])?;
        self.write(
            "services/api/compose.yaml",
            &[b"services:\n  api:\n    image: example/api\n    env_file: .env\n"],
        )?;
        self.write_ci(&keys.production_old)?;
        self.write("staging/.env", &[b"OPENAI_API_KEY=", keys.staging_new.expose(), b"\n"])?;
        self.write_staging_compose(Some(&keys.staging_old))?;
        self.write(
            "development/.env",
            &[b"OPENAI_API_KEY='", keys.development_new.expose(), b"'\n"],
        )?;
        self.write_rc(&keys.development_old)?;
        for (file, age) in [
            ("services/api/compose.yaml", 40 * DAYS),
            ("ci/gitlab-variables.json", 90 * DAYS),
            ("staging/.env", 3 * HOURS),
            ("staging/compose.yaml", 200 * DAYS),
            ("development/.env", 6 * DAYS),
            ("development/zshrc", 400 * DAYS),
        ] {
            let then = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(self.folder.join(file))?.set_modified(then)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.folder.join(name))?;
        parts.iter().try_for_each(|part| file.write_all(part))
    }
}

fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|_| io::Error::from(io::ErrorKind::Other))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn inventory(port: u16, token: &str, salt: &str) -> String {
    format!(
        r#"# The sample inventory of `stalekey demo`.
version = 1

[settings]
in_flight_per_host = 8        # the provider is this program itself
requests_per_second = 200

[fingerprint]
salt = "{salt}"

[credentials.openai]
provider = "openai"
models = ["gpt-4o"]
owner = "platform team"
endpoint = "http://127.0.0.1:{port}/openai/v1"

[credentials.anthropic]
provider = "anthropic"
owner = "research"
endpoint = "http://127.0.0.1:{port}/anthropic"

[environments.production]

[environments.staging]

[environments.development]

[[layers]]
name = "api .env"
environment = "production"
kind = "dotenv"
path = "services/api/.env"
dialect = "compose"

[[layers]]
name = "api compose"
environment = "production"
kind = "compose"
folder = "services/api"
service = "api"
credentials = ["openai"]
source = "api .env"

[[layers]]
name = "api process"
environment = "production"
kind = "process"
match = {{ command = "demo-api demo-process --demo {token}" }}
credentials = ["openai"]
source = "api compose"
restart = "docker compose up -d --force-recreate api"
owner = "platform team"

[[layers]]
name = "deploy job"
environment = "production"
kind = "ci"
path = "ci/gitlab-variables.json"
platform = "gitlab"
scope = "production"
credentials = ["openai"]
owner = "release team"

[[layers]]
name = "worker .env"
environment = "staging"
kind = "dotenv"
path = "staging/.env"
dialect = "node-dotenv"
credentials = ["openai"]

[[layers]]
name = "worker compose"
environment = "staging"
kind = "compose"
folder = "staging"
service = "worker"
credentials = ["openai"]
source = "worker .env"

[[layers]]
name = "worker process"
environment = "staging"
kind = "process"
match = {{ command = "demo-worker demo-process --demo {token}" }}
credentials = ["openai"]
source = "worker .env"
restart = "systemctl restart worker"

[[layers]]
name = "dev .env"
environment = "development"
kind = "dotenv"
path = "development/.env"
dialect = "python-dotenv"
credentials = ["openai"]

[[layers]]
name = "dev zshrc"
environment = "development"
kind = "shell-file"
path = "development/zshrc"
shell = "zsh"
credentials = ["openai"]
"#
    )
}
