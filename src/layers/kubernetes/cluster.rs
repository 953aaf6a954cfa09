//! What a cluster has and runs, asked through `kubectl`: a row for each container that a workload
//! would make, and one for each container of its pods.

use std::time::{Duration, Instant};

use crate::{
    domain::{
        inert::{inert, quoted},
        layer::Instance,
        place::Place,
        reading::{Evidence, OpaqueReason, Rank, Unreadable, UnreadableKind},
        running::PodFacts,
        secret::SecretValue,
    },
    formats::{
        Refusal,
        kubernetes::{
            Failure, Pod, PodState,
            kubectl::{Trouble, trouble},
            live::{Live, LiveRow, Part, Request, TIMES},
        },
    },
    inventory::Cluster,
    layers::{
        Surroundings,
        resolve::{Absence, Found, Undefined},
        run::{NotRun, Program},
    },
};

const KUBECTL: &str = "kubectl";
/// The longest that all questions may take: less than what a layer may take, so that it is the cluster
/// that is named.
const DEADLINE: Duration = Duration::from_secs(9);

pub(in crate::layers) fn read(
    cluster: &Cluster,
    request: &Request,
    surroundings: &Surroundings,
) -> Vec<Found> {
    let evidence = Evidence { reader: Some(KUBECTL.to_owned()), ..Evidence::default() };
    let kubectl = Kubectl { cluster, surroundings, end: Instant::now() + DEADLINE };
    match kubectl.ask(request) {
        Ok(live) => live.rows().into_iter().map(|row| found(row, cluster, &evidence)).collect(),
        Err(why) => {
            let contents = Err(Absence::Unreadable(why));
            vec![Found { evidence, ..Found::configured(contents) }]
        }
    }
}

struct Kubectl<'a> {
    cluster: &'a Cluster,
    surroundings: &'a Surroundings,
    end: Instant,
}

impl Kubectl<'_> {
    fn ask(&self, request: &Request) -> Result<Live, Unreadable> {
        let wanted = request.workload.as_deref().unwrap_or_default();
        let Some(resources) = request.resources() else {
            let detail = format!("`{}` is of no kind that makes pods", inert(wanted));
            let remedy = "name the workload like \"deploy/api\"";
            return Err(Unreadable::new(UnreadableKind::WrongFormat, detail).with_remedy(remedy));
        };
        let answer = self.get(&[&resources, "--output=json"]).map_err(|why| self.told(why))?;
        let mut live =
            Live::read(request, answer.expose()).map_err(|failure| self.unfit(request, failure))?;
        let maps = objects("configmaps", &live.config_maps());
        if !maps.is_empty() {
            let json = ["--output=json", "--show-managed-fields"];
            match self.get(&arguments(&maps, &json)) {
                Ok(answer) => {
                    live.add_values(answer.expose()).map_err(|refusal| unread(&refusal))?;
                }
                Err(NoAnswer::Cluster(Trouble::Forbidden { .. })) => live.forbid_config_maps(),
                Err(why) => return Err(self.told(why)),
            }
        }
        let secrets = objects("secrets", &live.secrets());
        if !secrets.is_empty() {
            let reads = self.cluster.reads_secrets;
            let times = format!("--output={TIMES}");
            let output = if reads { "--output=json" } else { &times };
            match self.get(&arguments(&secrets, &[output, "--show-managed-fields"])) {
                Ok(answer) if reads => {
                    live.add_values(answer.expose()).map_err(|refusal| unread(&refusal))?;
                }
                Ok(answer) => {
                    live.add_times(answer.expose()).map_err(|refusal| unread(&refusal))?;
                }
                Err(NoAnswer::Cluster(Trouble::Forbidden { .. })) => live.forbid_secrets(),
                Err(why) => return Err(self.told(why)),
            }
        }
        Ok(live)
    }

    fn get(&self, arguments: &[&str]) -> Result<SecretValue, NoAnswer> {
        let Cluster { context, namespace, inherit, .. } = self.cluster;
        let (context, namespace) =
            (format!("--context={context}"), format!("--namespace={namespace}"));
        let mut words = vec![KUBECTL, context.as_str(), namespace.as_str(), "get"];
        words.extend_from_slice(arguments);
        words.push("--ignore-not-found");
        let program = Program::new(words, &self.surroundings.shell);
        let program = inherit
            .iter()
            .fold(program, |program, name| program.with_variable(name, &self.surroundings.shell));
        let left = self.end.saturating_duration_since(Instant::now());
        let printed = program.in_folder(&self.surroundings.folder).within(left).run();
        let printed = printed.map_err(NoAnswer::Program)?;
        if printed.status.success() {
            Ok(printed.out)
        } else {
            Err(NoAnswer::Cluster(trouble(printed.err.expose())))
        }
    }

    /// What a person would type to ask the same.
    fn command(&self, rest: &str) -> String {
        command(self.cluster, rest)
    }

    fn told(&self, why: NoAnswer) -> Unreadable {
        let Cluster { context, namespace, .. } = self.cluster;
        let (context, namespace) = (inert(context), inert(namespace));
        let why = match why {
            NoAnswer::Cluster(why) => why,
            NoAnswer::Program(NotRun::TimedOut) => {
                let detail = format!("the cluster of context `{context}` did not answer in time");
                return Unreadable::new(UnreadableKind::TimedOut, detail).with_remedy(REACH);
            }
            NoAnswer::Program(not_run) => return not_run.of(KUBECTL),
        };
        let unreadable = |kind, detail: String, remedy: String| {
            Unreadable::new(kind, detail).with_remedy(remedy)
        };
        match why {
            Trouble::NoContext => unreadable(
                UnreadableKind::WrongFormat,
                format!("`kubectl` has no context `{context}`"),
                "correct `context`: `kubectl config get-contexts -o name` lists them; KUBECONFIG \
                 names the file they are read from"
                    .to_owned(),
            ),
            Trouble::Forbidden { verb, resource } => {
                let asked = resource.split('.').next().unwrap_or_default();
                let can = self.command(&format!("auth can-i {verb} {asked}"));
                unreadable(
                    UnreadableKind::NoPermission,
                    format!("the cluster does not let you {verb} {resource} in `{namespace}`"),
                    format!(
                        "ask for the verb `{verb}` on `{resource}`; {can} says when you have it"
                    ),
                )
            }
            Trouble::SignIn => unreadable(
                UnreadableKind::NoPermission,
                format!("the cluster of context `{context}` does not know you, or no longer"),
                format!("sign in to it, then try {} in a terminal", self.command("get pods")),
            ),
            Trouble::NoPlugin => unreadable(
                UnreadableKind::Unsupported,
                format!("the program that signs in to context `{context}` is not here"),
                format!(
                    "install it, or put its folder into PATH; {} names it",
                    self.command("get pods")
                ),
            ),
            Trouble::Unreachable => unreadable(
                UnreadableKind::System,
                format!("nothing answers at the address of context `{context}`"),
                REACH.to_owned(),
            ),
            Trouble::Certificate => unreadable(
                UnreadableKind::System,
                format!("the certificate of the cluster of context `{context}` is not trusted"),
                "correct the cluster's entry in your kubeconfig".to_owned(),
            ),
            Trouble::NoKind => unreadable(
                UnreadableKind::WrongFormat,
                "the cluster has no objects of that kind".to_owned(),
                "correct `workload`".to_owned(),
            ),
            Trouble::Configuration => unreadable(
                UnreadableKind::WrongFormat,
                "`kubectl` cannot read its configuration".to_owned(),
                "`kubectl config view` says why".to_owned(),
            ),
            Trouble::Other => unreadable(
                UnreadableKind::System,
                "`kubectl` failed".to_owned(),
                format!("{} in a terminal says why", self.command("get pods")),
            ),
        }
    }

    /// What was asked for is not in the answer.
    fn unfit(&self, request: &Request, failure: Failure) -> Unreadable {
        let Cluster { context, namespace, .. } = self.cluster;
        let named = |name: &Option<String>| inert(name.as_deref().unwrap_or_default());
        let place = format!("in namespace `{}` of context `{}`", inert(namespace), inert(context));
        let detail = match failure {
            Failure::NoWorkload => {
                format!("there is no workload `{}` {place}", named(&request.workload))
            }
            Failure::NoContainer => {
                format!("no workload has a container `{}` {place}", named(&request.container))
            }
            Failure::Refused { refusal, .. } => return unread(&refusal),
            _ => format!("there is no workload and no pod {place}"),
        };
        let remedy = format!("{} lists them", self.command("get deploy,sts,ds,pods"));
        Unreadable::new(UnreadableKind::WrongFormat, detail).with_remedy(remedy)
    }
}

const REACH: &str = "check that the network or VPN of the cluster is up, then check again";

/// Why there is no answer.
enum NoAnswer {
    Program(NotRun),
    Cluster(Trouble),
}

/// `secrets/keys`: no name can be taken for an option.
fn objects(kind: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{kind}/{name}")).collect()
}

fn command(cluster: &Cluster, rest: &str) -> String {
    let [context, namespace] =
        [&cluster.context, &cluster.namespace].map(|text| quoted(&inert(text)));
    format!("`{KUBECTL} --context {context} -n {namespace} {rest}`")
}

fn arguments<'a>(objects: &'a [String], rest: &[&'a str]) -> Vec<&'a str> {
    objects.iter().map(String::as_str).chain(rest.iter().copied()).collect()
}

fn unread(refusal: &Refusal) -> Unreadable {
    let detail = format!("the answer of `kubectl` cannot be read: {}", refusal.reason);
    Unreadable::new(UnreadableKind::WrongFormat, detail)
        .with_remedy("name the `workload` with its kind, such as \"deploy/api\"")
}

fn found(row: LiveRow, cluster: &Cluster, evidence: &Evidence) -> Found {
    let LiveRow { row, updated_at, part } = row;
    let contents = row.contents.map_err(|failure| Absence::Unreadable(refused(failure)));
    let (is_elsewhere, place) = (row.elsewhere, Some(row.place));
    let name = inert(&row.name);
    let configured = Found {
        place,
        evidence: evidence.clone(),
        updated_at,
        undefined: if is_elsewhere {
            Undefined::Opaque(OpaqueReason::Elsewhere)
        } else {
            Undefined::Missing
        },
        ..Found::configured(contents)
    };
    let pod = match part {
        Part::Configured => {
            return Found { instance: Some(Instance::Container(name)), ..configured };
        }
        Part::NoPod => {
            let detail = format!("`{name}` wants pods, and has none");
            let why = Unreadable::new(UnreadableKind::System, detail).with_remedy(format!(
                "{} says why",
                command(cluster, &format!("describe {}", quoted(&name)))
            ));
            return Found {
                instance: Some(Instance::Object(name)),
                place: configured.place,
                evidence: evidence.clone(),
                rank: Rank::Launch,
                ..Found::configured(Err(Absence::Unreadable(why)))
            };
        }
        Part::Pod(pod) => pod,
    };
    of_pod(pod, configured, cluster)
}

/// Its environment was made when its container started.
fn of_pod(pod: Pod, configured: Found, cluster: &Cluster) -> Found {
    let Pod { name, container, has_others, workload, rolling_out, state } = pod;
    let instance = if has_others { format!("{name}/{container}") } else { name.clone() };
    let mut found = Found {
        instance: Some(Instance::Pod(instance)),
        rank: Rank::Launch,
        undefined: Undefined::Opaque(OpaqueReason::NotInLaunchEnvironment),
        ..configured
    };
    match state {
        PodState::Running(at) => found.evidence.started_at = Some(at),
        PodState::NotRunning(reason) => {
            let detail = format!("container `{container}` does not run: {reason}");
            let why = Unreadable::new(UnreadableKind::System, detail).with_remedy(format!(
                "{} says why",
                command(cluster, &format!("describe pod {}", quoted(&name)))
            ));
            found = Found {
                instance: found.instance,
                place: found.place,
                evidence: found.evidence,
                rank: Rank::Launch,
                ..Found::configured(Err(Absence::Unreadable(why)))
            };
        }
    }
    found.evidence.pod = Some(Box::new(PodFacts {
        name,
        container,
        workload,
        namespace: inert(&cluster.namespace),
        context: inert(&cluster.context),
        rolling_out,
    }));
    found
}

/// The cluster holds what it would refuse.
fn refused(failure: Failure) -> Unreadable {
    match failure {
        Failure::Refused { path, refusal } => Unreadable::new(
            UnreadableKind::Refused,
            format!("Kubernetes refuses it: {}", refusal.reason),
        )
        .at(Place::file(inert(&path))),
        _ => Unreadable::new(UnreadableKind::System, "what the cluster answered does not fit"),
    }
}
