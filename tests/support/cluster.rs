//! A small API server of Kubernetes on loopback, for the real `kubectl`; and a `kubectl` that prints
//! what the real one printed, for machines without it.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    thread,
};

use serde_json::{Value, json};

use crate::context::{TestContext, permit};

/// What the cluster has.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) deployments: Vec<Value>,
    pub(crate) pods: Vec<Value>,
    pub(crate) secrets: Vec<Value>,
    /// Resources that the user may not list or get.
    pub(crate) forbidden: BTreeSet<&'static str>,
    /// Nobody is known here.
    pub(crate) locked: bool,
}

impl Cluster {
    /// For the real `kubectl`, when it is there.
    pub(crate) fn serve(self, context: TestContext) -> Option<TestContext> {
        let kubectl = kubectl()?;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let cluster = self.clone();
                thread::spawn(move || cluster.answer(stream));
            }
        });
        let path = kubectl.parent().expect("its folder").display().to_string();
        let config = configuration(&context, port);
        Some(context.with("PATH", path + ":/usr/bin:/bin").with("KUBECONFIG", config))
    }

    /// With a `kubectl` that prints what the real one would.
    pub(crate) fn pretend(&self, context: TestContext) -> TestContext {
        let list = |items: &[&Value]| {
            json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
        };
        let workloads: Vec<_> = self.deployments.iter().chain(&self.pods).collect();
        context.write("answers/workloads", list(&workloads));
        context.write("answers/secrets", list(&self.secrets.iter().collect::<Vec<_>>()));
        let times = self.secrets.iter().map(|secret| {
            let metadata = &secret["metadata"];
            format!(
                "{}\t{}\t{}\n",
                metadata["name"].as_str().unwrap_or_default(),
                metadata["creationTimestamp"].as_str().unwrap_or_default(),
                metadata["managedFields"]
            )
        });
        context.write("answers/times", format!("\t\t\n{}", times.collect::<String>()));
        let refusal = |resource: &str| {
            let of_it = self.forbidden.contains(resource);
            let said = format!("Error from server (Forbidden): {}", forbidden(resource));
            if of_it { format!("echo '{said}' >&2; exit 1; ") } else { String::new() }
        };
        let locked = "echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1";
        let script = format!(
            "#!/bin/sh\n{}\necho \"$*\" >> asked\ncase \"$*\" in\n*--context=prod*) ;;\n\
             *) echo 'error: context \"x\" does not exist' >&2; exit 1;;\nesac\ncase \"$*\" in\n\
             *secrets/*jsonpath*) {}cat answers/times;;\n*secrets/*) {}cat answers/secrets;;\n\
             *) {}cat answers/workloads;;\nesac\n",
            if self.locked { locked } else { "" },
            refusal("secrets"),
            refusal("secrets"),
            refusal("pods"),
        );
        let kubectl = context.write("bin/kubectl", script);
        permit(&kubectl, 0o700);
        let path = format!("{}:/usr/bin:/bin", context.path("bin").display());
        context.with("PATH", path)
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(read) if read > 0) {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let (status, body) = self.reply(path);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    }

    fn reply(&self, path: &str) -> (u16, Value) {
        if self.locked {
            return failed(401, "Unauthorized", "Unauthorized");
        }
        let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list"]});
        let list = |kind: &str, group: &str, items: &[Value]| {
            let kind = format!("{kind}List");
            (200, json!({"kind": kind, "apiVersion": group, "metadata": {}, "items": items}))
        };
        match path {
            "/api" => (200, json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => {
                let version = json!({"groupVersion": "apps/v1", "version": "v1"});
                let apps = json!({"name": "apps", "versions": [version.clone()], "preferredVersion": version});
                (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [apps]}))
            }
            "/api/v1" => {
                let resources = [
                    resource("pods", "Pod"),
                    resource("secrets", "Secret"),
                    resource("configmaps", "ConfigMap"),
                ];
                (
                    200,
                    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}),
                )
            }
            "/apis/apps/v1" => {
                let resources = [
                    resource("deployments", "Deployment"),
                    resource("statefulsets", "StatefulSet"),
                    resource("daemonsets", "DaemonSet"),
                ];
                (
                    200,
                    json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": resources}),
                )
            }
            path => {
                let Some(rest) = path
                    .strip_prefix("/api/v1/namespaces/prod/")
                    .or_else(|| path.strip_prefix("/apis/apps/v1/namespaces/prod/"))
                else {
                    return failed(404, "NotFound", "not found");
                };
                let (resource, name) = rest.split_once('/').unwrap_or((rest, ""));
                if self.forbidden.contains(resource) {
                    return failed(403, "Forbidden", &forbidden(resource));
                }
                match (resource, name) {
                    ("deployments", "") => list("Deployment", "apps/v1", &self.deployments),
                    ("statefulsets", "") => list("StatefulSet", "apps/v1", &[]),
                    ("daemonsets", "") => list("DaemonSet", "apps/v1", &[]),
                    ("pods", "") => list("Pod", "v1", &self.pods),
                    ("secrets", name) => {
                        let found =
                            self.secrets.iter().find(|secret| secret["metadata"]["name"] == name);
                        found.map_or_else(
                            || failed(404, "NotFound", "not found"),
                            |found| (200, found.clone()),
                        )
                    }
                    _ => failed(404, "NotFound", "not found"),
                }
            }
        }
    }
}

/// The words of the real server.
fn forbidden(resource: &str) -> String {
    let verb = if resource == "secrets" { "get" } else { "list" };
    format!(
        "{resource} is forbidden: User \"u\" cannot {verb} resource \"{resource}\" in API group \"\" \
         in the namespace \"prod\""
    )
}

fn failed(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    (code, status)
}

/// A kubeconfig whose context `prod` is the server at this port.
pub(crate) fn configuration(context: &TestContext, port: u16) -> PathBuf {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    });
    context.write("kubeconfig", config.to_string())
}

/// The real one.
pub(crate) fn kubectl() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
}
