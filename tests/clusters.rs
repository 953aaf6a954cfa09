//! Layers of a Kubernetes cluster: the real `kubectl` against a server on loopback where it is
//! installed, and one that prints what it printed everywhere.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use base64::{Engine, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::{Value, json};

#[path = "support/cluster.rs"]
mod cluster;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/inventory.rs"]
mod inventory;

use cluster::{Cluster, configuration, kubectl};
use context::{Report, TestContext};
use contract::validate;
use inventory::layer;

const BEFORE: &str = "2026-01-02T00:00:00Z";
const CHANGED: &str = "2026-02-01T00:00:00Z";
const AFTER: &str = "2026-03-01T00:00:00Z";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kubectl {
    Real,
    Recorded,
}

fn start(kubectl: Kubectl, cluster: Cluster, context: TestContext) -> Option<TestContext> {
    match kubectl {
        Kubectl::Recorded => Some(cluster.pretend(context)),
        Kubectl::Real => {
            let context = cluster.serve(context);
            if context.is_none() {
                println!("skipped: there is no kubectl here");
            }
            context
        }
    }
}

fn from_secret() -> Value {
    json!([{"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "OPENAI_API_KEY"}}}])
}

fn deployment(env: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "prod", "generation": 1},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "api"}},
            "template": {"spec": {"containers": [{"name": "web", "image": "x", "env": env}]}},
        },
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2},
    })
}

fn pod(name: &str, env: &Value, state: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "prod",
            "labels": {"app": "api"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-7d", "uid": "1", "controller": true}],
        },
        "spec": {"containers": [{"name": "web", "image": "x", "env": env}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": state}]},
    })
}

fn since(at: &str) -> Value {
    json!({"running": {"startedAt": at}})
}

/// With the copy that `kubectl apply` leaves in an annotation.
fn secret(key: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": "keys",
            "namespace": "prod",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": key},
            "managedFields": [{
                "manager": "kubectl-edit",
                "operation": "Update",
                "apiVersion": "v1",
                "time": CHANGED,
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {".": {}, "f:OPENAI_API_KEY": {}}, "f:type": {}},
            }],
        },
        "data": {"OPENAI_API_KEY": STANDARD.encode(key)},
    })
}

/// A Secret that changed, a pod from before and one from after that.
fn changed(context: &TestContext) -> Cluster {
    let key = context.key("new");
    context.must_not_show(&STANDARD.encode(&key));
    let env = from_secret();
    Cluster {
        deployments: vec![deployment(&env)],
        pods: vec![pod("api-7d-1", &env, &since(BEFORE)), pod("api-7d-2", &env, &since(AFTER))],
        secrets: vec![secret(&key)],
        ..Cluster::default()
    }
}

fn check(context: &TestContext, rest: &str) -> Report {
    let text = format!("kind = \"kubernetes\"\ncontext = \"prod\"\nnamespace = \"prod\"\n{rest}\n");
    context.inventory(&layer("cluster", &text));
    context.run(&["check", "--offline"]);
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    report
}

/// Instance, verdict and certainty of each row.
fn rows(report: &Report) -> Vec<(String, &str, &str)> {
    report
        .rows()
        .iter()
        .map(|row| {
            let instance = row["instance"].as_object().and_then(|it| it.values().next());
            let instance = instance.and_then(Value::as_str).unwrap_or_default().to_owned();
            let text = |field: &str| row[field].as_str().unwrap_or_default();
            (instance, text("verdict"), text("certainty"))
        })
        .collect()
}

fn expected<'a>(rows: &[(&str, &'a str, &'a str)]) -> Vec<(String, &'a str, &'a str)> {
    rows.iter().map(|(name, verdict, sure)| ((*name).to_owned(), *verdict, *sure)).collect()
}

fn finding<'a>(report: &'a Report, code: &str) -> &'a Value {
    let findings = report.0["diagnoses"].as_array().expect("a list");
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} among {findings:#?}"))
}

fn reason(report: &Report) -> &str {
    assert_eq!(report.rows().len(), 1, "{:#}", report.0["rows"]);
    report.rows()[0]["reason"].as_str().expect("a reason")
}

#[rstest]
fn times_tell_which_pods_are_old(
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
    #[values("", "workload = \"deploy/api\"\ncontainer = \"web\"")] rest: &str,
) {
    let context = TestContext::new();
    let cluster = changed(&context);
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, rest);
    let told = [
        ("deploy/api/web", "unproven", "certain"),
        ("api-7d-1", "stale", "likely"),
        ("api-7d-2", "unproven", "certain"),
    ];
    assert_eq!(rows(&report), expected(&told));
    let old = &report.rows()[1];
    assert_eq!(
        old["reason"],
        "likely stale: started 30 d before `secret/keys:OPENAI_API_KEY` changed"
    );
    assert_eq!(old["evidence"]["pod"]["workload"], "deploy/api");
    assert_eq!(old["evidence"]["started_at"], BEFORE);
    assert_eq!(old["evidence"]["updated_at"], CHANGED);
    let split = finding(&report, "SK209");
    assert!(split["message"].as_str().is_some_and(|message| {
        message.starts_with("1 of 2 pods of `deploy/api` likely has an old key (`api-7d-1`)")
    }));
    assert_eq!(
        split["fixes"][0]["command"],
        "kubectl --context prod -n prod rollout restart deploy/api"
    );
    if kubectl == Kubectl::Recorded {
        let asked = std::fs::read_to_string(context.path("asked")).expect("what was asked");
        let of_secrets: Vec<_> = asked.lines().filter(|line| line.contains("secrets/")).collect();
        assert!(!of_secrets.is_empty());
        for line in of_secrets {
            assert!(line.contains("get secrets/keys --output=jsonpath={.metadata.name}"), "{line}");
            assert!(!line.contains(".data") && !line.contains("annotations"), "{line}");
        }
    }
}

#[rstest]
fn values_are_compared_where_the_layer_says_so(
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
) {
    let context = TestContext::new();
    let cluster = changed(&context);
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, "secrets = \"read\"\nworkload = \"api\"");
    let told = [
        ("deploy/api/web", "current", "likely"),
        ("api-7d-1", "stale", "likely"),
        ("api-7d-2", "current", "likely"),
    ];
    assert_eq!(rows(&report), expected(&told));
    let all = report.rows();
    assert_eq!(all[0]["key"]["fingerprint"], all[2]["key"]["fingerprint"]);
    assert_eq!((&all[0]["rank"], &all[2]["rank"]), (&"configured".into(), &"launch".into()));
    assert!(all[1]["key"].is_null(), "what it had before is not known");
}

#[rstest]
fn a_value_in_the_pod_needs_no_secret(
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
) {
    let context = TestContext::new();
    let env = |key: &str| json!([{"name": "OPENAI_API_KEY", "value": key}]);
    let (new, old) = (env(&context.key("new")), env(&context.key("old")));
    let mut under_way = deployment(&new);
    under_way["status"]["updatedReplicas"] = 1.into();
    let cluster = Cluster {
        deployments: vec![under_way],
        pods: vec![pod("api-7d-1", &old, &since(BEFORE)), pod("api-7d-2", &old, &since(BEFORE))],
        ..Cluster::default()
    };
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, "");
    let verdicts: Vec<_> = rows(&report).into_iter().map(|(_, verdict, _)| verdict).collect();
    assert_eq!(verdicts, ["mismatch", "mismatch", "mismatch"], "nothing says which is expected");
    let message = finding(&report, "SK207")["message"].as_str().expect("a message");
    assert!(message.starts_with("All 2 pods of `deploy/api`"), "{message}");
    assert!(message.ends_with("`deploy/api` is replacing its pods now."), "{message}");
    let fix = &finding(&report, "SK207")["fixes"][0]["command"];
    assert_eq!(fix, "kubectl --context prod -n prod rollout status deploy/api");
}

#[rstest]
fn what_does_not_run_is_no_verdict(#[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl) {
    let context = TestContext::new();
    let mut cluster = changed(&context);
    let crash = json!({"waiting": {"reason": "CrashLoopBackOff", "message": context.key("said")}});
    cluster.pods = vec![pod("api-7d-1", &from_secret(), &crash)];
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, "");
    assert_eq!(report.rows()[1]["verdict"], "unproven");
    let said = report.rows()[1]["reason"].as_str().expect("a reason");
    let expected = "container `web` does not run: CrashLoopBackOff; `kubectl --context prod -n prod \
                    describe pod api-7d-1` says why";
    assert_eq!(said, expected);
}

#[rstest]
#[case::pods(
    "pods",
    "the cluster does not let you list pods in `prod`; ask for the verb `list` on `pods`; `kubectl --context prod -n prod auth can-i list pods` says when you have it"
)]
fn what_is_forbidden_is_named(
    #[case] resource: &'static str,
    #[case] expected: &str,
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
) {
    let context = TestContext::new();
    let mut cluster = changed(&context);
    cluster.forbidden.insert(resource);
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, "");
    assert_eq!(reason(&report), expected);
    assert_eq!(report.rows()[0]["verdict"], "unreadable");
}

#[rstest]
fn a_secret_that_may_not_be_read_proves_nothing(
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
    #[values("changed", "read")] secrets: &str,
) {
    let context = TestContext::new();
    let mut cluster = changed(&context);
    cluster.forbidden.insert("secrets");
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, &format!("secrets = \"{secrets}\""));
    assert!(rows(&report).iter().all(|(_, verdict, _)| *verdict == "unproven"), "{report:?}");
    for row in report.rows() {
        assert_eq!(row["reason"], "in an object that the cluster does not let you read");
    }
    let fix = &finding(&report, "SK503")["fixes"][0]["text"];
    assert!(fix.as_str().is_some_and(|fix| fix.contains("ask for the verb `get`")), "{fix}");
}

#[rstest]
fn who_is_not_signed_in_is_told(#[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl) {
    let context = TestContext::new();
    let cluster = Cluster { locked: true, ..changed(&context) };
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, "");
    assert_eq!(
        reason(&report),
        "the cluster of context `prod` does not know you, or no longer; sign in to it, then try \
         `kubectl --context prod -n prod get pods` in a terminal"
    );
}

#[rstest]
#[case::workload(
    "workload = \"deploy/other\"",
    "there is no workload `deploy/other` in namespace `prod` of context `prod`; `kubectl --context prod -n prod get deploy,sts,ds,pods` lists them"
)]
#[case::container(
    "container = \"other\"",
    "no workload has a container `other` in namespace `prod`"
)]
#[case::kind(
    "workload = \"thing/api\"",
    "`thing/api` is of no kind that makes pods; name the workload like \"deploy/api\""
)]
fn what_is_not_there_is_named(
    #[case] rest: &str,
    #[case] expected: &str,
    #[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl,
) {
    let context = TestContext::new();
    let cluster = changed(&context);
    let Some(context) = start(kubectl, cluster, context) else { return };
    let report = check(&context, rest);
    assert!(reason(&report).starts_with(expected), "{}", reason(&report));
}

#[rstest]
fn an_unknown_context_is_named(#[values(Kubectl::Real, Kubectl::Recorded)] kubectl: Kubectl) {
    let context = TestContext::new();
    let cluster = changed(&context);
    let Some(context) = start(kubectl, cluster, context) else { return };
    context.inventory(&layer(
        "cluster",
        "kind = \"kubernetes\"\ncontext = \"--help\"\nnamespace = \"x\"\n",
    ));
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    assert!(reason(&report).starts_with("`kubectl` has no context `--help`"), "{report:?}");
}

#[test]
fn a_cluster_that_is_away_is_told() {
    let context = TestContext::new();
    let Some(kubectl) = kubectl() else {
        println!("skipped: there is no kubectl here");
        return;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let config = configuration(&context, port.expect("a port that is free again").port());
    let folder = kubectl.parent().expect("its folder").display().to_string();
    let context = context.with("PATH", folder + ":/usr/bin:/bin").with("KUBECONFIG", config);
    let report = check(&context, "");
    assert!(reason(&report).starts_with("nothing answers at the address of context `prod`"));
}

#[test]
fn without_kubectl_nothing_is_missing() {
    let context = TestContext::new();
    let context = {
        let empty = context.path("home");
        context.with("PATH", empty)
    };
    let report = check(&context, "");
    assert_eq!(report.rows()[0]["verdict"], "unreadable");
    assert!(reason(&report).contains("there is no `kubectl` here; install `kubectl`"));
}
