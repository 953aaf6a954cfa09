//! Layers of the kinds export, kubernetes and systemd, from the inventory to the reading.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use rstest::rstest;
use stalekey::{
    domain::{
        credential::CredentialFacts,
        held::Held,
        layer::Instance,
        reading::{MissingReason, OpaqueReason, Reading, State, UnreadableKind},
        secret::SecretValue,
    },
    formats::Environment,
    inventory,
    layers::{self, Surroundings},
};

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

/// What the one layer of an inventory yields for `OPENAI_API_KEY`.
fn read(folder: &Path, layer: &str) -> Vec<Reading<SecretValue>> {
    let text = format!(
        "version = 1\n[credentials.openai]\nvariables = [\"OPENAI_API_KEY\"]\n[environments.prod]\n[[layers]]\nname = \"l\"\nenvironment = \"prod\"\n{layer}\n"
    );
    let providers = BTreeMap::<String, Vec<String>>::new();
    let inventory = inventory::parse(&text, "stalekey.toml", folder, &providers)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let credential = CredentialFacts {
        id: "openai".to_owned(),
        variables: vec!["OPENAI_API_KEY".to_owned()],
        ..CredentialFacts::default()
    };
    let surroundings = Surroundings::new(
        folder,
        None,
        Environment::new(),
        Arc::default(),
        Arc::new(stalekey::inventory::trust::Trust::All),
    );
    let readings = layers::read(&inventory.layers[0], &[&credential], &surroundings);
    readings.into_iter().map(|reading| reading.map(secret)).collect()
}

/// These layers are read here.
fn secret(held: Held) -> SecretValue {
    match held {
        Held::Secret(secret) => secret,
        Held::Told(told) => panic!("{told:?}"),
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn place(reading: &Reading<SecretValue>) -> String {
    reading.place.as_ref().unwrap().to_string()
}

#[test]
fn an_export_says_when_its_values_changed() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"{{"Parameter": {{"Name": "/prod/openai", "Type": "SecureString", "Value": "{}", "LastModifiedDate": "2026-03-01T09:30:00Z"}}}}"#,
        key("A")
    );
    write(folder.path(), "parameter.json", &text);
    let reading = read(folder.path(), "kind = \"export\"\npath = \"parameter.json\"").remove(0);
    assert_eq!(reading.state, State::Found(SecretValue::new(key("A"))));
    assert_eq!(place(&reading), "parameter.json:1:74");
    assert_eq!(reading.evidence.changed(), "2026-03-01T09:30:00Z".parse().ok());
    assert_eq!(reading.evidence.reader.as_deref(), Some("ssm"));
}

#[test]
fn every_container_has_a_row() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "k8s/kustomization.yaml",
        "resources: [api.yaml]\nsecretGenerator:\n- name: keys\n  envs: [keys.env]\n",
    );
    write(folder.path(), "k8s/keys.env", &format!("OPENAI_API_KEY={}\n", key("B")));
    write(
        folder.path(),
        "k8s/api.yaml",
        "kind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [\n  {name: web, envFrom: [{secretRef: {name: keys}}]},\n  {name: proxy, envFrom: [{secretRef: {name: others}}]},\n  {name: log}]}}}\n",
    );
    let layer = "kind = \"kubernetes\"\npaths = [\"k8s\"]\nworkload = \"deployment/api\"";
    let readings = read(folder.path(), layer);
    let states: Vec<_> = readings.iter().map(|reading| reading.state.clone()).collect();
    assert_eq!(
        states,
        [
            State::Found(SecretValue::new(key("B"))),
            State::Opaque(OpaqueReason::Elsewhere),
            State::Missing(MissingReason::NotDefined),
        ]
    );
    assert_eq!(readings[0].instance, Some(Instance::Container("deploy/api/web".to_owned())));
    assert_eq!(place(&readings[0]), "k8s/keys.env:1:16");
    assert_eq!(readings[0].evidence.files.len(), 3);
}

#[test]
fn a_units_file_goes_before_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "host/etc/systemd/system/api.service",
        "[Service]\nEnvironmentFile=-/etc/api.env\nEnvironment=OPENAI_API_KEY=shadowed\n",
    );
    write(folder.path(), "host/etc/api.env", &format!("OPENAI_API_KEY='{}'\n", key("C")));
    let layer = "kind = \"systemd\"\nfiles = [\"host/etc/systemd/system/api.service\"]";
    let reading = read(folder.path(), layer).remove(0);
    assert_eq!(reading.state, State::Found(SecretValue::new(key("C"))));
    assert_eq!(place(&reading), "host/etc/api.env:1:17");
    assert_eq!(reading.occurrences.len(), 2);
    assert!(reading.problems.iter().any(|problem| problem.text.contains("D-Bus")));
}

#[rstest]
#[case::export("kind = \"export\"\npath = \"none.json\"")]
#[case::kubernetes("kind = \"kubernetes\"\npaths = [\"none\"]")]
#[case::systemd("kind = \"systemd\"\nfiles = [\"none.service\"]")]
#[case::unit("kind = \"systemd\"\nunit = \"there-is-no-such-unit-here\"")]
fn what_does_not_exist_is_missing(#[case] layer: &str) {
    let folder = tempfile::tempdir().unwrap();
    let reading = read(folder.path(), layer).remove(0);
    assert_eq!(reading.state, State::Missing(MissingReason::FileAbsent));
}

#[rstest]
#[case::export("kind = \"export\"\npath = \"x\"", "{\"a\": [", UnreadableKind::WrongFormat)]
#[case::kubernetes("kind = \"kubernetes\"\npaths = [\"x\"]", "a: {b", UnreadableKind::Refused)]
#[case::systemd("kind = \"systemd\"\nfiles = [\"x\"]", "[Service", UnreadableKind::Refused)]
fn what_is_damaged_is_unreadable_at_its_place(
    #[case] layer: &str,
    #[case] text: &str,
    #[case] kind: UnreadableKind,
) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "x", text);
    let reading = read(folder.path(), layer).remove(0);
    let State::Unreadable(why) = reading.state else { panic!("{:?}", reading.state) };
    assert_eq!(why.kind, kind);
    let place = why.place.unwrap();
    assert_eq!(place.path.as_deref(), Some("x"));
    assert!(place.position.is_some());
}

#[test]
fn fifos_are_refused_without_a_hang() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo.yaml");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for layer in [
        "kind = \"export\"\npath = \"fifo.yaml\"",
        "kind = \"kubernetes\"\npaths = [\".\"]",
        "kind = \"systemd\"\nfiles = [\"fifo.yaml\"]",
    ] {
        let State::Unreadable(why) = read(folder.path(), layer).remove(0).state else {
            panic!("unreadable")
        };
        assert_eq!(why.kind, UnreadableKind::NotAFile);
    }
}
