//! What is known of the container behind a row.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::inert::quoted;

/// What runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Docker.
    #[default]
    Docker,
    /// Podman.
    Podman,
}

impl Engine {
    /// Its command, and the word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// What is known of the container behind a row. Every text is inert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerFacts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What runs it.
    pub engine: Engine,
    /// The image it was created from, as it was named.
    pub image: String,
    /// What the engine calls its state: running, exited, restarting …
    pub state: String,
    /// It runs, or is started again and again.
    pub runs: bool,
    /// Its environment is as old as this.
    pub created_at: Option<Timestamp>,
    /// What Compose wrote onto it.
    pub compose: Option<ComposeLabels>,
    /// The layer it takes its value from, where the inventory names none.
    pub linked: Option<Linked>,
    /// Files that are mounted into it one by one, and were replaced since.
    pub pinned: Vec<Pinned>,
    /// What a person has to do to learn more than this row says; a clause.
    pub remedy: Option<String>,
}

/// What Compose writes onto the containers of a service. Paths are those of the machine on which it
/// was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ComposeLabels {
    /// The project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Which of the service's containers it is.
    pub number: Option<u32>,
    /// How many containers of this service the layer has.
    pub replicas: usize,
    /// The compose files, absolute.
    pub files: Vec<String>,
    /// The project's folder.
    pub folder: Option<String>,
    /// What was given with `--env-file`.
    pub env_files: Vec<String>,
    /// `podman-compose` made it.
    pub by_podman_compose: bool,
}

/// Where a container's value comes from, found without the inventory saying so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// Name of the layer.
    pub layer: String,
    /// How that is known; a clause.
    pub because: String,
}

/// A single file that is mounted into a container, and is another one on the host by now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pinned {
    /// The file on the host.
    pub source: String,
    /// Where the container sees it.
    pub target: String,
}

impl ContainerFacts {
    /// What it is, as a row tells it.
    pub fn who(&self) -> String {
        format!("{} container of image {}", self.engine.name(), self.image)
    }

    /// The command that starts it again with the environment that it has.
    pub fn restart(&self) -> String {
        format!("{} restart {}", self.engine.name(), quoted(&self.name))
    }

    /// The command that starts it, where it has ended.
    pub fn start(&self) -> String {
        format!("{} start {}", self.engine.name(), quoted(&self.name))
    }

    /// The one command that creates it again with what its files say now; `None` where only a person
    /// knows how it was created.
    pub fn recreate(&self) -> Option<String> {
        Some(self.compose.as_ref()?.recreate(self.engine))
    }

    /// How a person creates it again by hand.
    pub fn recreate_by_hand(&self) -> String {
        let engine = self.engine.name();
        format!(
            "remove it (`{engine} rm -f {}`) and create it again as it was, with the new key; \
             `{engine} restart` keeps the old one",
            quoted(&self.name)
        )
    }

    /// Whether this command only starts it again, with the environment that it has.
    pub fn keeps_environment(command: &str) -> bool {
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        let of_engine = words.iter().any(|word| {
            let program = word.rsplit('/').next().unwrap_or(word);
            matches!(program, "docker" | "podman" | "docker-compose" | "podman-compose")
        });
        of_engine
            && words.iter().any(|word| matches!(*word, "restart" | "start"))
            && !words.iter().any(|word| matches!(*word, "up" | "run" | "create"))
    }
}

impl ComposeLabels {
    /// Compose finds the project by its files and its name; the folder counts where it is not that
    /// of the first file.
    fn recreate(&self, engine: Engine) -> String {
        let mut words: Vec<String> = match engine {
            Engine::Docker => vec!["docker".to_owned(), "compose".to_owned()],
            Engine::Podman if self.by_podman_compose => vec!["podman-compose".to_owned()],
            Engine::Podman => vec!["podman".to_owned(), "compose".to_owned()],
        };
        let mut option = |name: &str, value: &str| {
            words.push(name.to_owned());
            words.push(quoted(value));
        };
        let own = self.files.first().and_then(|file| file.rsplit_once('/')).map(|(own, _)| own);
        if let Some(folder) = self.folder.as_deref().filter(|folder| own != Some(folder))
            && !self.by_podman_compose
        {
            option("--project-directory", folder);
        }
        option("-p", &self.project);
        for file in &self.files {
            option("-f", file);
        }
        for file in &self.env_files {
            option("--env-file", file);
        }
        words.extend(["up", "-d", "--no-deps", "--force-recreate"].map(str::to_owned));
        let service = quoted(&self.service);
        // Without this Compose would go back to the number that its files say.
        if self.replicas > 1 {
            words.push("--scale".to_owned());
            words.push(format!("{service}={}", self.replicas));
        }
        words.push(service);
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn labels(files: &[&str], folder: Option<&str>) -> ComposeLabels {
        ComposeLabels {
            project: "shop".to_owned(),
            service: "api".to_owned(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            folder: folder.map(str::to_owned),
            replicas: 1,
            ..ComposeLabels::default()
        }
    }

    #[rstest]
    #[case::plain(
        labels(&["/srv/shop/compose.yaml"], Some("/srv/shop")),
        Engine::Docker,
        "docker compose -p shop -f /srv/shop/compose.yaml up -d --no-deps --force-recreate api"
    )]
    #[case::several(
        labels(&["/srv/my shop/a.yaml", "/srv/b.yaml"], Some("/srv")),
        Engine::Docker,
        "docker compose --project-directory /srv -p shop -f '/srv/my shop/a.yaml' -f /srv/b.yaml up \
         -d --no-deps --force-recreate api"
    )]
    #[case::replicas(
        ComposeLabels { replicas: 3, ..labels(&["/a/c.yml"], None) },
        Engine::Docker,
        "docker compose -p shop -f /a/c.yml up -d --no-deps --force-recreate --scale api=3 api"
    )]
    #[case::environment_file(
        ComposeLabels { env_files: vec!["/a/prod.env".to_owned()], ..labels(&["/a/c.yml"], None) },
        Engine::Docker,
        "docker compose -p shop -f /a/c.yml --env-file /a/prod.env up -d --no-deps \
         --force-recreate api"
    )]
    #[case::podman(
        labels(&["/a/c.yml"], None),
        Engine::Podman,
        "podman compose -p shop -f /a/c.yml up -d --no-deps --force-recreate api"
    )]
    #[case::podman_compose(
        ComposeLabels { by_podman_compose: true, ..labels(&["/a/c.yml"], Some("/b")) },
        Engine::Podman,
        "podman-compose -p shop -f /a/c.yml up -d --no-deps --force-recreate api"
    )]
    fn compose_creates_it_again_from_the_same_files(
        #[case] labels: ComposeLabels,
        #[case] engine: Engine,
        #[case] expected: &str,
    ) {
        assert_eq!(labels.recreate(engine), expected);
    }

    #[rstest]
    #[case("docker restart api", true)]
    #[case("sudo docker compose restart api", true)]
    #[case("docker-compose -f a.yml restart", true)]
    #[case("podman start api", true)]
    #[case("docker compose up -d --force-recreate restart", false)]
    #[case("systemctl restart api", false)]
    #[case("make deploy", false)]
    fn some_commands_keep_the_environment(#[case] command: &str, #[case] expected: bool) {
        assert_eq!(ContainerFacts::keeps_environment(command), expected);
    }

    #[test]
    fn names_stand_in_commands_as_one_word() {
        let facts = ContainerFacts { name: "a; b".to_owned(), ..ContainerFacts::default() };
        assert_eq!(facts.restart(), "docker restart 'a; b'");
        assert!(facts.recreate_by_hand().contains("`docker rm -f 'a; b'`"));
        assert_eq!(facts.recreate(), None);
    }
}
