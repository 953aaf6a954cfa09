use std::collections::BTreeMap;

use ::base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    domain::{
        place::Position,
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::files::{Entry, Missed},
};

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

/// Files in memory; a folder is what paths begin with.
#[derive(Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let file = |(path, text): (&str, &str)| (path.to_owned(), text.as_bytes().to_vec());
        Self(files.into_iter().map(file).collect())
    }
}

impl Files for Memory {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        self.0.get(path).cloned().ok_or(Missed::Absent)
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed> {
        let prefix = if path == "." { String::new() } else { format!("{path}/") };
        let below = self.0.keys().filter_map(|file| file.strip_prefix(&prefix));
        let mut entries: Vec<_> = below
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => Entry { name: folder.to_owned(), is_folder: true },
                None => Entry { name: rest.to_owned(), is_folder: false },
            })
            .collect();
        entries.sort();
        entries.dedup();
        if entries.is_empty() { Err(Missed::Absent) } else { Ok(entries) }
    }
}

fn request(paths: &[&str]) -> Request {
    Request { paths: paths.iter().map(|path| (*path).to_owned()).collect(), ..Request::default() }
}

fn rows(text: &str) -> Vec<Row> {
    resolve(&request(&["all.yaml"]), &mut Memory::of([("all.yaml", text)])).unwrap()
}

fn row(text: &str) -> Row {
    let mut rows = rows(text);
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn winner(row: &Row, variable: &str) -> Option<Yield<SecretValue>> {
    let contents = row.contents.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    contents.winner(variable).map(|found| found.yields.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a lookup gives")]
fn value(text: impl Into<Vec<u8>>) -> Option<Yield<SecretValue>> {
    Some(Yield::Value(SecretValue::new(text)))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a lookup gives")]
fn opaque(reason: OpaqueReason) -> Option<Yield<SecretValue>> {
    Some(Yield::Opaque(reason))
}

fn has_problem(row: &Row, text: &str) -> bool {
    row.contents.as_ref().unwrap().problems.iter().any(|problem| problem.text.contains(text))
}

fn secret(data: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\n{data}\n")
}

fn deployment(container: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n{container}"
    )
}

#[test]
fn a_secret_is_decoded_and_found_where_it_stands() {
    let encoded = STANDARD.encode(key("A"));
    let text = secret(&format!("data:\n  OPENAI_API_KEY: {encoded}"));
    let row = row(&text);
    assert_eq!((row.name.as_str(), row.is_container), ("secret/keys", false));
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value(key("A")));
    let place = &row.contents.as_ref().unwrap().occurrences[0].place;
    assert_eq!(place.path.as_deref(), Some("all.yaml"));
    assert_eq!(place.position, Some(Position { line: 5, column: 19 }));
}

#[rstest]
#[case::newline_inside(format!("data: {{K: {}}}", STANDARD.encode("sk-abc\n")), "sk-abc\n")]
#[case::wrapped_block("data:\n  K: |\n    c2stYWJj\n    Cg==", "sk-abc\n")]
#[case::string_data("stringData: {K: plain}\ndata: {K: b2xk}", "plain")]
#[case::quoted("data: {K: \"b2xk\"}", "old")]
#[case::null("data: {K: null}", "")]
fn secrets_hold(#[case] data: impl AsRef<str>, #[case] expected: &str) {
    assert_eq!(winner(&row(&secret(data.as_ref())), "K"), value(expected));
}

#[rstest]
#[case::plain_text("data:\n  K: sk-plain-text", (5, 6), "stringData")]
#[case::blank_inside("data:\n  K: c2st YWJj", (5, 6), "base64")]
#[case::folded("data:\n  K: c2stYWJj\n    Cg==", (5, 6), "base64")]
#[case::no_padding("data:\n  K: c2stYWJjCg", (5, 6), "base64")]
#[case::number("stringData:\n  K: 5", (5, 6), "quotes")]
#[case::switch("stringData:\n  A: b\n  K: true", (6, 6), "quotes")]
#[case::nameless("data:\n  K: b2xk\n  : b2xk", (6, 5), "without a name")]
fn what_the_server_refuses_is_refused_at_its_place(
    #[case] data: &str,
    #[case] (line, column): (u32, u32),
    #[case] reason: &str,
) {
    let row = row(&secret(data));
    let Err(Failure::Refused { path, refusal }) = row.contents else { panic!("refused") };
    assert_eq!(path, "all.yaml");
    assert_eq!(refusal.position, Some(Position { line, column }));
    assert!(refusal.reason.contains(reason));
    let using = deployment("        envFrom: [{secretRef: {name: keys}}]\n");
    let row = rows(&format!("{}{using}", secret(data))).remove(0);
    assert!(matches!(row.contents, Err(Failure::Refused { .. })), "who uses it does not start");
}

#[test]
fn twice_encoded_values_and_copies_in_annotations_are_told() {
    let twice = STANDARD.encode(STANDARD.encode(key("A")));
    let text = format!(
        "kind: Secret\nmetadata:\n  name: keys\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{{}}'\ndata: {{K: {twice}}}\n"
    );
    let row = row(&text);
    assert_eq!(winner(&row, "K"), value(STANDARD.encode(key("A"))));
    assert!(has_problem(&row, "encoded twice") && has_problem(&row, "applied last"));
}

#[test]
fn a_row_for_each_object_where_there_is_no_workload() {
    let text = format!(
        "{}---\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{URL: 'http://x'}}\nbinaryData: {{B: eA==}}\n---\nkind: Service\nmetadata: {{name: api}}\n",
        secret("stringData: {K: v}")
    );
    let rows = rows(&text);
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["secret/keys", "configmap/settings"]);
    assert_eq!(winner(&rows[1], "URL"), value("http://x"));
    assert_eq!(winner(&rows[1], "B"), None);
}

#[test]
fn env_goes_before_env_from_and_the_last_source_wins() {
    let objects = "kind: ConfigMap\nmetadata: {name: first}\ndata: {A: first, B: first, C: first}\n---\nkind: Secret\nmetadata: {name: second}\nstringData: {A: second, B: second}\n";
    let text = format!(
        "{objects}{}",
        deployment(
            "        env:\n        - {name: A, value: own}\n        - {name: D, value: one}\n        - {name: D, value: two}\n        envFrom:\n        - configMapRef: {name: first}\n        - secretRef: {name: second}\n        - {prefix: P_, configMapRef: {name: first}}\n"
        )
    );
    let row = row(&text);
    assert_eq!(row.name, "deploy/api/web");
    for (variable, expected) in
        [("A", "own"), ("B", "second"), ("C", "first"), ("D", "two"), ("P_A", "first")]
    {
        assert_eq!(winner(&row, variable), value(expected), "{variable}");
    }
    let contents = row.contents.unwrap();
    let lost: Vec<_> = contents.occurrences.iter().filter(|one| one.variable == "A").collect();
    assert_eq!(lost.len(), 3);
    assert_eq!(lost.iter().filter(|one| one.wins).count(), 1);
}

#[test]
fn references_are_resolved_among_the_manifests() {
    let text = format!(
        "{}{}",
        secret("stringData: {K: v}"),
        deployment(
            "        env:
        - {name: FOUND, valueFrom: {secretKeyRef: {name: keys, key: K}}}
        - {name: NO_KEY, valueFrom: {secretKeyRef: {name: keys, key: X}}}
        - {name: MAYBE, value: before}
        - {name: MAYBE, valueFrom: {secretKeyRef: {name: keys, key: X, optional: true}}}
        - {name: ELSEWHERE, valueFrom: {secretKeyRef: {name: other, key: K}}}
        - {name: FIELD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
"
        )
    );
    let row = row(&text);
    assert_eq!(winner(&row, "FOUND"), value("v"));
    assert_eq!(winner(&row, "NO_KEY"), Some(Yield::Unset));
    assert!(has_problem(&row, "no such key"));
    assert_eq!(winner(&row, "MAYBE"), value("before"));
    assert_eq!(winner(&row, "ELSEWHERE"), opaque(OpaqueReason::Reference));
    assert_eq!(winner(&row, "FIELD"), opaque(OpaqueReason::Reference));
    assert!(!row.elsewhere);
}

#[test]
fn values_expand_what_stands_earlier() {
    let text = format!(
        "{}{}",
        secret("stringData: {K: v$(A)}"),
        deployment(
            "        envFrom: [{secretRef: {name: keys}}]
        env:
        - {name: A, value: a}
        - {name: B, value: \"$(A)-$(K)-$(LATER)-$$(A)\"}
        - {name: LATER, value: x}
        - {name: HOST, value: \"$(API_SERVICE_HOST)\"}
        - {name: EMPTY, value: ''}
"
        )
    );
    let row = row(&text);
    assert_eq!(winner(&row, "B"), value("a-v$(A)-$(LATER)-$(A)"));
    assert_eq!(winner(&row, "HOST"), opaque(OpaqueReason::Reference));
    assert_eq!(winner(&row, "EMPTY"), value(""));
}

#[test]
fn sources_that_are_not_here_leave_the_rest_open() {
    let row = row(&deployment("        envFrom: [{secretRef: {name: vault}}]\n"));
    assert!(row.elsewhere && has_problem(&row, "not among these manifests"));
}

#[test]
fn values_that_are_no_texts_are_refused() {
    let row = row(&deployment("        env:\n        - {name: A, value: 5}\n"));
    let Err(Failure::Refused { refusal, .. }) = row.contents else { panic!("refused") };
    assert_eq!(refusal.position, Some(Position { line: 12, column: 28 }));
}

#[rstest]
#[case("Pod", "spec: {containers: [{name: c, env: [{name: K, value: v}]}]}", "pod/w/c")]
#[case(
    "StatefulSet",
    "spec: {template: {spec: {containers: [{name: c, env: [{name: K, value: v}]}]}}}",
    "sts/w/c"
)]
#[case(
    "Job",
    "spec: {template: {spec: {initContainers: [{name: c, env: [{name: K, value: v}]}]}}}",
    "job/w/c"
)]
#[case(
    "CronJob",
    "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, env: [{name: K, value: v}]}]}}}}}",
    "cronjob/w/c"
)]
fn every_workload_has_containers(#[case] kind: &str, #[case] spec: &str, #[case] name: &str) {
    let row = row(&format!("kind: {kind}\nmetadata: {{name: w}}\n{spec}\n"));
    assert_eq!(row.name, name);
    assert_eq!(winner(&row, "K"), value("v"));
}

#[rstest]
#[case(Some("api"), None, &["deploy/api/web", "deploy/api/proxy"])]
#[case(Some("deployment/api"), Some("proxy"), &["deploy/api/proxy"])]
#[case(Some("Deployments/api"), Some("web"), &["deploy/api/web"])]
#[case(None, Some("work"), &["job/once/work"])]
fn workload_and_container_choose(
    #[case] workload: Option<&str>,
    #[case] container: Option<&str>,
    #[case] expected: &[&str],
) {
    let text = format!(
        "{}      - name: proxy\n---\nkind: Job\nmetadata: {{name: once}}\nspec: {{template: {{spec: {{containers: [{{name: work}}]}}}}}}\n",
        deployment("        env: []\n")
    );
    let request = Request {
        workload: workload.map(str::to_owned),
        container: container.map(str::to_owned),
        ..request(&["all.yaml"])
    };
    let rows = resolve(&request, &mut Memory::of([("all.yaml", &text)])).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, expected);
}

#[rstest]
#[case(Some("web"), None, Failure::NoWorkload)]
#[case(Some("job/api"), None, Failure::NoWorkload)]
#[case(Some("api"), Some("other"), Failure::NoContainer)]
fn what_is_not_there_is_said(
    #[case] workload: Option<&str>,
    #[case] container: Option<&str>,
    #[case] expected: Failure,
) {
    let request = Request {
        workload: workload.map(str::to_owned),
        container: container.map(str::to_owned),
        ..request(&["all.yaml"])
    };
    let text = deployment("        env: []\n");
    assert_eq!(resolve(&request, &mut Memory::of([("all.yaml", &text)])), Err(expected));
}

#[test]
fn lists_documents_and_json_are_objects_too() {
    let list = "kind: List\nitems:\n- kind: Secret\n  metadata: {name: a}\n  stringData: {K: v}\n- {kind: SecretList, items: [{kind: Secret, metadata: {name: b}, stringData: {K: v}}]}\n";
    let json = r#"{"kind":"Secret","metadata":{"name":"c"},"data":{"K":"dg=="}}"#;
    let mut files =
        Memory::of([("k/list.yaml", list), ("k/sub/c.json", json), ("k/notes.txt", "x")]);
    let rows = resolve(&request(&["k"]), &mut files).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["secret/a", "secret/b", "secret/c"]);
    assert!(rows.iter().all(|row| winner(row, "K") == value("v")));
    assert_eq!(rows[2].place.path.as_deref(), Some("k/sub/c.json"));
}

#[test]
fn sealed_and_external_secrets_give_names_only() {
    let text = format!(
        "kind: SealedSecret\nmetadata: {{name: keys}}\nspec: {{encryptedData: {{K: AgBy}}}}\n---\nkind: ExternalSecret\nmetadata: {{name: x}}\nspec: {{target: {{name: more}}, data: [{{secretKey: L}}]}}\n{}",
        deployment("        envFrom: [{secretRef: {name: keys}}, {secretRef: {name: more}}]\n")
    );
    let row = row(&text);
    assert_eq!(winner(&row, "K"), opaque(OpaqueReason::Hidden));
    assert_eq!(winner(&row, "L"), opaque(OpaqueReason::Reference));
    assert!(!row.elsewhere);
}

#[test]
fn namespaces_keep_secrets_apart() {
    let of = |namespace: &str| {
        format!(
            "kind: Secret\nmetadata: {{name: keys, namespace: {namespace}}}\nstringData: {{K: {namespace}}}\n---\n"
        )
    };
    let pod = "kind: Pod\nmetadata: {name: p, namespace: b}\nspec: {containers: [{name: c, envFrom: [{secretRef: {name: keys}}]}]}\n";
    assert_eq!(winner(&row(&format!("{}{}{pod}", of("a"), of("b"))), "K"), value("b"));
    assert!(row(&format!("{}{pod}", of("a"))).elsewhere);
}

#[test]
fn rows_of_one_name_are_told_apart() {
    let pod = |namespace: &str, value: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: p{namespace}}}\nspec: {{containers: [{{name: c, env: [{{name: K, value: {value}}}]}}]}}\n---\n"
        )
    };
    let text = [pod("", "old"), pod(", namespace: a", "a"), pod("", "new")].concat();
    let rows = rows(&text);
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["a/pod/p/c", "pod/p/c"]);
    assert_eq!(winner(&rows[1], "K"), value("new"), "what is applied last");
}

#[test]
fn kustomizations_are_followed_where_they_are_simple() {
    let workload = deployment(
        "        envFrom: [{secretRef: {name: keys}}, {configMapRef: {name: settings}}]\n",
    );
    let mut files = Memory::of([
        (
            "over/kustomization.yaml",
            "resources:\n- ../base\n- https://example.com/x.yaml\npatches:\n- path: p.yaml\nsecretGenerator:\n- name: keys\n  literals:\n  - K='v'\n  envs: [.env.keys]\nconfigMapGenerator:\n- name: settings\n  files: [F=f.txt]\n",
        ),
        ("over/.env.keys", "# keys\n  E=\"kept\"\nBARE\n"),
        ("over/f.txt", "text\n"),
        ("over/stray.yaml", "kind: Secret\nmetadata: {name: stray}\n"),
        ("base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("base/api.yaml", &workload),
    ]);
    let rows = resolve(&request(&["over"]), &mut files).unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(winner(row, "K"), value("v"));
    assert_eq!(winner(row, "E"), value("\"kept\""));
    assert_eq!(winner(row, "BARE"), opaque(OpaqueReason::Elsewhere));
    assert_eq!(winner(row, "F"), value("text\n"));
    assert!(has_problem(row, "network") && has_problem(row, "patches"));
    let places = &row.contents.as_ref().unwrap().occurrences;
    let place = |variable: &str| {
        places.iter().find(|one| one.variable == variable).unwrap().place.to_string()
    };
    assert_eq!(place("K"), "over/kustomization.yaml:9:8");
    assert_eq!(place("E"), "over/.env.keys:2:5");
}

#[test]
fn a_literal_on_several_lines_stands_in_its_file() {
    let text = "secretGenerator:\n- name: g\n  literals: ['a\n    long name=v']\n";
    let mut files = Memory::of([("k/kustomization.yaml", text)]);
    let rows = resolve(&request(&["k"]), &mut files).unwrap();
    let place = rows[0].contents.as_ref().unwrap().occurrences[0].place.to_string();
    assert_eq!(place, "k/kustomization.yaml:3:15");
}

#[rstest]
#[case::literal("literals: [=v]")]
#[case::file("files: [=a.env]")]
#[case::line("envs: [a.env]")]
fn a_value_of_a_generator_needs_a_name(#[case] from: &str) {
    let text = format!("secretGenerator: [{{name: g, {from}}}]\n");
    let mut files =
        Memory::of([("k/kustomization.yaml", text.as_str()), ("k/a.env", "A=1\n =v\n")]);
    let refused = resolve(&request(&["k"]), &mut files).unwrap_err();
    assert!(matches!(refused, Failure::Refused { refusal, .. } if refusal.position.is_some()));
}

#[rstest]
#[case::absent(&[("x.yaml", "a: b")], Failure::Absent { path: "k".into() })]
#[case::nothing(&[("k", "# nothing\n")], Failure::NoObjects)]
#[case::other(&[("k", "a: b\n")], Failure::NoObjects)]
#[case::no_resource(&[("k/kustomization.yaml", "resources: [x.yaml]")], Failure::Absent { path: "k/x.yaml".into() })]
#[case::template(&[("k", "kind: Secret\nmetadata: {name: {{ x }}}\na: {b\n")], Failure::Refused {
    path: "k".into(),
    refusal: Refusal { position: None, reason: "" },
})]
fn broken_manifests_say_where(#[case] files: &[(&str, &str)], #[case] expected: Failure) {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    let mut files = Memory(files.iter().map(owned).collect());
    match (resolve(&request(&["k"]), &mut files).unwrap_err(), expected) {
        (Failure::Refused { path, refusal }, Failure::Refused { path: expected, .. }) => {
            assert_eq!(path, expected);
            assert!(refusal.position.is_some());
        }
        (found, expected) => assert_eq!(found, expected),
    }
}

#[test]
fn folders_that_name_each_other_end() {
    let mut files = Memory::of([
        ("a/kustomization.yaml", "resources: [../b]\n"),
        ("b/kustomization.yaml", "resources: [../a]\n"),
    ]);
    assert_eq!(resolve(&request(&["a"]), &mut files), Err(Failure::NoObjects));
}

#[test]
fn growing_values_are_not_followed() {
    let mut env = String::from("        env:\n        - {name: A0, value: xxxxxxxxxx}\n");
    for level in 1..40 {
        let before = level - 1;
        env.push_str(&format!(
            "        - {{name: A{level}, value: \"$(A{before})$(A{before})\"}}\n"
        ));
    }
    assert_eq!(winner(&row(&deployment(&env)), "A39"), opaque(OpaqueReason::Reference));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let mut files = Memory(BTreeMap::from([("a.yaml".to_owned(), bytes)]));
        let _ = resolve(&request(&["a.yaml"]), &mut files);
    }

    #[test]
    fn damage_anywhere_never_panics(at in 0_usize..2_000, byte: u8) {
        let text = format!(
            "{}{}",
            secret("stringData: {K: v}\ndata: {L: dg==}"),
            deployment("        envFrom: [{secretRef: {name: keys}}]\n        env:\n        - {name: A, value: \"$(K)\"}\n"),
        );
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let mut files = Memory(BTreeMap::from([("a.yaml".to_owned(), bytes)]));
        for row in resolve(&request(&["a.yaml"]), &mut files).unwrap_or_default() {
            for occurrence in row.contents.map(|contents| contents.occurrences).unwrap_or_default() {
                let place = occurrence.place.position.unwrap();
                prop_assert!(place.line as usize <= lines.len());
                prop_assert!(place.column as usize <= lines[place.line as usize - 1].len() + 1);
            }
        }
    }
}

#[test]
fn one_large_object_cannot_be_multiplied() {
    let secret = secret(&format!("stringData: {{K: {}}}", "x".repeat(100_000)));
    let containers: String = (0..2_000)
        .map(|index| format!("  {{name: c{index}, envFrom: [{{secretRef: {{name: keys}}}}]}},\n"))
        .collect();
    let pod =
        format!("---\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [\n{containers}]}}\n");
    let rows = rows(&format!("{secret}{pod}"));
    assert_eq!(rows.len(), 2_000);
    assert!(rows[0].contents.is_ok());
    assert!(matches!(rows[1_999].contents, Err(Failure::Refused { .. })));
}
