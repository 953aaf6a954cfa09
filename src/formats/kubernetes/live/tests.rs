use ::base64::{Engine, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::*;
use crate::domain::secret::SecretValue;

const CHANGED: &str = "2026-02-01T12:00:00Z";

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

fn from_secret() -> Json {
    json!([{"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "OPENAI_API_KEY"}}}])
}

fn template(env: &Json) -> Json {
    json!({"containers": [{"name": "web", "env": env}]})
}

fn deployment(env: &Json) -> Json {
    json!({
        "kind": "Deployment",
        "metadata": {"name": "api", "generation": 1},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "api"}}, "template": {"spec": template(env)}},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2},
    })
}

fn pod(name: &str, env: &Json, state: &Json) -> Json {
    json!({
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "api", "pod-template-hash": "7d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "api-7d", "controller": true}],
        },
        "spec": {"containers": [{"name": "web", "env": env}, {"name": "injected"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": state}]},
    })
}

fn since(at: &str) -> Json {
    json!({"running": {"startedAt": at}})
}

fn live(request: &Request, items: &[Json]) -> Result<Live, Failure> {
    let list = json!({"kind": "List", "items": items});
    Live::read(request, list.to_string().as_bytes())
}

fn any(items: &[Json]) -> Live {
    live(&Request::default(), items).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn managed(keys: &[(&str, &str)]) -> Json {
    let entries = keys.iter().map(|(key, time)| {
        let fields = json!({"f:data": {".": {}, format!("f:{key}"): {}}});
        json!({"manager": "m", "operation": "Update", "time": time, "fieldsV1": fields})
    });
    Json::Array(entries.collect())
}

/// As `kubectl` prints it by [`TIMES`].
fn times(keys: &[(&str, &str)]) -> String {
    format!("\t\t\nkeys\t2026-01-01T00:00:00Z\t{}\n", managed(keys))
}

fn secret(value: &str) -> String {
    json!({
        "kind": "Secret",
        "metadata": {
            "name": "keys",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": managed(&[("OPENAI_API_KEY", CHANGED)]),
        },
        "data": {"OPENAI_API_KEY": STANDARD.encode(value)},
    })
    .to_string()
}

fn winner(row: &LiveRow) -> Option<Yield<SecretValue>> {
    let contents = row.row.contents.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    contents.winner("OPENAI_API_KEY").map(|found| found.yields.clone())
}

fn names(rows: &[LiveRow]) -> Vec<&str> {
    rows.iter().map(|row| row.row.name.as_str()).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_secret_that_is_not_read_tells_when_it_changed() {
    let env = from_secret();
    let pods = [pod("api-7d-1", &env, &since("2026-01-02T00:00:00Z"))];
    let mut live = any(&[&[deployment(&env)][..], &pods].concat());
    assert_eq!((live.secrets(), live.config_maps()), (vec!["keys".to_owned()], vec![]));
    live.add_times(
        times(&[("OPENAI_API_KEY", CHANGED), ("OTHER", "2026-03-01T00:00:00Z")]).as_bytes(),
    )
    .unwrap();
    let rows = live.rows();
    assert_eq!(
        names(&rows),
        ["deploy/api/web", "pod/api-7d-1/web"],
        "what was injected is not asked"
    );
    let opaque = |reason| Some(Yield::Opaque(reason));
    assert_eq!(winner(&rows[0]), opaque(OpaqueReason::NotAsked));
    assert_eq!(winner(&rows[1]), opaque(OpaqueReason::FixedAtStart));
    for row in &rows {
        assert_eq!(row.updated_at["OPENAI_API_KEY"], at(CHANGED), "of its own key, no other");
    }
    let place = &rows[0].row.contents.as_ref().unwrap().occurrences[0].place;
    assert_eq!(place.to_string(), "secret/keys:OPENAI_API_KEY");
    let Part::Pod(pod) = &rows[1].part else { panic!("a pod") };
    assert_eq!(pod.workload.as_deref(), Some("deploy/api"));
    assert_eq!(pod.state, PodState::Running(at("2026-01-02T00:00:00Z")));
    assert!(!pod.rolling_out && !pod.has_others);
}

#[rstest]
#[case::before("2026-02-01T11:59:59Z", false)]
#[case::same_second(CHANGED, false)]
#[case::after("2026-02-01T12:00:01Z", true)]
fn a_pod_has_the_value_that_was_there_when_it_started(#[case] started: &str, #[case] has_it: bool) {
    let env = from_secret();
    let mut live = any(&[deployment(&env), pod("api-7d-1", &env, &since(started))]);
    live.add_values(secret(&key("a")).as_bytes()).unwrap();
    let rows = live.rows();
    let value = Some(Yield::Value(SecretValue::new(key("a"))));
    assert_eq!(winner(&rows[0]), value);
    let fixed = Some(Yield::Opaque(OpaqueReason::FixedAtStart));
    assert_eq!(winner(&rows[1]), if has_it { value } else { fixed });
}

#[test]
fn a_value_in_the_pod_is_known_without_asking() {
    let env = |letter| json!([{"name": "OPENAI_API_KEY", "value": key(letter)}]);
    let rows = any(&[deployment(&env("n")), pod("api-7d-1", &env("o"), &since(CHANGED))]).rows();
    assert_eq!(winner(&rows[0]), Some(Yield::Value(SecretValue::new(key("n")))));
    assert_eq!(winner(&rows[1]), Some(Yield::Value(SecretValue::new(key("o")))));
    assert!(rows.iter().all(|row| row.updated_at.is_empty()));
}

#[test]
fn all_keys_of_an_object_are_variables() {
    let spec = json!({"containers": [{
        "name": "web",
        "envFrom": [{"secretRef": {"name": "keys"}}, {"prefix": "X_", "configMapRef": {"name": "settings"}}],
    }]});
    let bare = json!({"kind": "Pod", "metadata": {"name": "one"}, "spec": spec,
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": since(CHANGED)}]}});
    let mut live = any(&[bare]);
    assert_eq!(live.config_maps(), ["settings"]);
    live.add_times(times(&[("OPENAI_API_KEY", "2026-01-05T00:00:00Z")]).as_bytes()).unwrap();
    let map = json!({"kind": "List", "items": [{"kind": "ConfigMap",
        "metadata": {"name": "settings", "creationTimestamp": "2026-01-01T00:00:00Z"}, "data": {"A": "v"}}]});
    live.add_values(map.to_string().as_bytes()).unwrap();
    let rows = live.rows();
    assert_eq!(names(&rows), ["pod/one/web"], "what no workload made is a running row alone");
    assert_eq!(winner(&rows[0]), Some(Yield::Opaque(OpaqueReason::NotAsked)));
    let contents = rows[0].row.contents.as_ref().unwrap();
    assert_eq!(contents.winner("X_A").unwrap().yields, Yield::Value(SecretValue::new("v")));
    assert_eq!(rows[0].updated_at["X_A"], at("2026-01-01T00:00:00Z"), "when it was made");
    assert!(rows[0].row.elsewhere, "a Secret may have keys that nobody owns up to");
}

#[rstest]
#[case::own(&[("OPENAI_API_KEY", CHANGED), ("OTHER", "2026-05-01T00:00:00Z")], CHANGED)]
#[case::newest(&[("OPENAI_API_KEY", "2026-01-03T00:00:00Z"), ("OPENAI_API_KEY", CHANGED)], CHANGED)]
#[case::nobodys(&[("OTHER", CHANGED)], CHANGED)]
#[case::no_trace(&[], "2026-01-01T00:00:00Z")]
#[case::broken(&[("OPENAI_API_KEY", "yesterday")], "2026-01-01T00:00:00Z")]
fn the_time_of_a_key(#[case] keys: &[(&str, &str)], #[case] expected: &str) {
    let env = from_secret();
    let mut live = any(&[deployment(&env)]);
    live.add_times(times(keys).as_bytes()).unwrap();
    assert_eq!(live.rows()[0].updated_at["OPENAI_API_KEY"], at(expected));
}

#[rstest]
#[case::crashing(json!({"waiting": {"reason": "CrashLoopBackOff"}}), "CrashLoopBackOff")]
#[case::no_image(json!({"waiting": {"reason": "ImagePullBackOff", "message": "a secret"}}), "ImagePullBackOff")]
#[case::ended(json!({"terminated": {"reason": "OOMKilled"}}), "OOMKilled")]
#[case::hostile(json!({"waiting": {"reason": "\u{1b}[31m"}}), "\\u{1b}[31m")]
#[case::nothing(json!({}), "no reason is given")]
fn what_does_not_run_says_why(#[case] state: Json, #[case] expected: &str) {
    let env = json!([]);
    let rows = any(&[deployment(&env), pod("api-7d-1", &env, &state)]).rows();
    let Part::Pod(pod) = &rows[1].part else { panic!("a pod") };
    let PodState::NotRunning(reason) = &pod.state else { panic!("does not run") };
    assert!(
        reason.contains(expected.trim_start_matches("\\u{1b}")) && !reason.contains('\u{1b}'),
        "{reason}"
    );
}

#[test]
fn workloads_without_pods_and_pods_that_are_done_are_told_apart() {
    let env = json!([]);
    let rows = any(&[deployment(&env)]).rows();
    assert_eq!(rows[1].part, Part::NoPod);
    let mut none = deployment(&env);
    none["spec"]["replicas"] = 0.into();
    assert_eq!(any(&[none]).rows().len(), 1, "it wants none");
    let mut done = pod("api-7d-1", &env, &since(CHANGED));
    done["status"]["phase"] = "Failed".into();
    let rows = any(&[deployment(&env), done]).rows();
    assert_eq!(rows.len(), 1, "an evicted pod runs no more");
}

#[rstest]
#[case::generation("/metadata/generation", 2)]
#[case::replicas("/status/updatedReplicas", 1)]
#[case::surplus("/status/replicas", 3)]
fn a_roll_out_that_is_under_way_is_said(#[case] field: &str, #[case] value: u64) {
    let env = json!([]);
    let mut changed = deployment(&env);
    *changed.pointer_mut(field).unwrap() = value.into();
    let rows = any(&[changed, pod("api-7d-1", &env, &since(CHANGED))]).rows();
    let Part::Pod(pod) = &rows[1].part else { panic!("a pod") };
    assert!(pod.rolling_out);
}

#[rstest]
#[case::any(None, Some("deployments.apps,statefulsets.apps,daemonsets.apps,pods"))]
#[case::bare(Some("api"), Some("deployments.apps,statefulsets.apps,daemonsets.apps,pods"))]
#[case::short(Some("deploy/api"), Some("deployments.apps,pods"))]
#[case::plural(Some("StatefulSets/db"), Some("statefulsets.apps,pods"))]
#[case::pod(Some("pod/one"), Some("pods"))]
#[case::unknown(Some("secret/keys"), None)]
fn no_more_is_asked_than_is_wanted(#[case] workload: Option<&str>, #[case] expected: Option<&str>) {
    let request = Request { workload: workload.map(str::to_owned), container: None };
    assert_eq!(request.resources().as_deref(), expected);
}

#[test]
fn other_pods_are_left_out() {
    let env = json!([]);
    let mut other = pod("other-7d-1", &env, &since(CHANGED));
    other["metadata"]["labels"]["app"] = "other".into();
    let mut twin = pod("api-7d-2", &env, &since(CHANGED));
    twin["metadata"]["ownerReferences"][0]["kind"] = "StatefulSet".into();
    let rows = any(&[deployment(&env), other, twin]).rows();
    assert_eq!(names(&rows), ["deploy/api/web", "deploy/api"]);
}

#[test]
fn a_request_that_fits_nothing_says_so() {
    let env = json!([]);
    let request = |workload: &str, container: Option<&str>| Request {
        workload: Some(workload.to_owned()),
        container: container.map(str::to_owned),
    };
    let items = [deployment(&env)];
    assert_eq!(live(&request("deploy/x", None), &items).unwrap_err(), Failure::NoWorkload);
    assert_eq!(live(&request("api", Some("x")), &items).unwrap_err(), Failure::NoContainer);
    assert_eq!(live(&Request::default(), &[]).unwrap_err(), Failure::NoObjects);
    assert!(matches!(Live::read(&Request::default(), b"{"), Err(Failure::Refused { .. })));
}

#[test]
fn what_is_absent_and_what_is_forbidden_differ() {
    let env = from_secret();
    let rows = any(&[deployment(&env)]).rows();
    assert_eq!(winner(&rows[0]), Some(Yield::Unset), "the container would not start");
    let mut forbidden = any(&[deployment(&env)]);
    forbidden.forbid_secrets();
    let rows = forbidden.rows();
    assert_eq!(winner(&rows[0]), Some(Yield::Opaque(OpaqueReason::NotAllowed)));
    let problems = &rows[0].row.contents.as_ref().unwrap().problems;
    assert!(problems.iter().any(|problem| problem.text == FORBIDDEN));
}
