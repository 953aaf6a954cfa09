use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::{
    place::Position,
    reading::{OpaqueReason, Yield},
};

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

/// A realistic export of each shape, in which `OPENAI_API_KEY` has the value `%KEY%` (or none).
fn fixture(shape: Shape) -> String {
    let text = match shape {
        Shape::Vercel => {
            r#"{"envs": [
  {"type":"plain","id":"a1","key":"OPENAI_API_KEY","value":"older","target":["preview"],"createdAt":1709251200000,"updatedAt":1709251200000},
  {"type":"encrypted","decrypted":true,"id":"a2","key":"OPENAI_API_KEY","value":"%KEY%","target":["production"],"createdAt":1709251200000,"updatedAt":1772357400000},
  {"type":"sensitive","id":"a3","key":"STRIPE_KEY","target":["production"],"createdAt":1709251200000},
  {"type":"encrypted","id":"a4","key":"LOCKED","value":"eyJ2IjoidjIifQ==","target":["production"]},
  {"type":"plain","id":"a5","key":"PULLED","value":"[SENSITIVE]","target":["production"]},
  {"type":"plain","id":"a6","key":"BLANK","value":"","target":["production"]}],
 "pagination":{"count":6}}"#
        }
        Shape::Netlify => {
            r#"[{"key":"OPENAI_API_KEY","scopes":["builds","functions"],"is_secret":false,"updated_at":"2026-03-01T09:30:00Z",
  "values":[{"id":"1","context":"all","value":"older"},{"id":"2","context":"production","value":"%KEY%"},{"id":"3","context":"dev","value":"dev"}]},
 {"key":"STRIPE_KEY","scopes":["functions"],"is_secret":true,"values":[{"context":"production","value":""}]}]"#
        }
        Shape::Fly => {
            r#"[{"name":"OPENAI_API_KEY","digest":"c1a2b3d4e5f60718","status":"Staged","created_at":"2026-03-01T09:30:00Z"},
 {"name":"STRIPE_KEY","digest":"aaaabbbbccccdddd","status":"Deployed"}]"#
        }
        Shape::Lambda => {
            r#"{"FunctionName":"api","FunctionArn":"arn:aws:lambda:eu-west-1:1:function:api","Runtime":"python3.13","LastModified":"2026-03-01T09:30:00.000+0000",
 "Environment":{"Variables":{"OPENAI_API_KEY":"%KEY%","SEALED":"AQICAHhSealed==","LINK":"arn:aws:secretsmanager:eu-west-1:1:secret:x"}},"Version":"$LATEST"}"#
        }
        Shape::Ecs => {
            r#"{"taskDefinition":{"family":"api","revision":7,"registeredAt":"2026-03-01T10:30:00+01:00","containerDefinitions":[
  {"name":"api","image":"api:1","environment":[{"name":"OPENAI_API_KEY","value":"%KEY%"}],"secrets":[{"name":"STRIPE_KEY","valueFrom":"arn:aws:ssm:eu-west-1:1:parameter/stripe"}]},
  {"name":"proxy","image":"envoy","environment":[],"environmentFiles":[{"value":"arn:aws:s3:::b/api.env","type":"s3"}]}]}}"#
        }
        Shape::Ssm => {
            r#"{"Parameters":[
  {"Name":"/prod/api/OPENAI_API_KEY","Type":"SecureString","Value":"%KEY%","Version":3,"LastModifiedDate":"2026-03-01T10:30:00.000000+01:00"},
  {"Name":"/prod/api/SEALED","Type":"SecureString","Value":"AQICAHhSealed=="}],
 "InvalidParameters":["/prod/api/STRIPE_KEY"]}"#
        }
        Shape::SecretsManager => {
            r#"{"ARN":"arn:aws:secretsmanager:eu-west-1:1:secret:prod/api","Name":"prod/api","VersionId":"v",
 "SecretString":"{\"OTHER\":\"a\\\"b\",\"OPENAI_API_KEY\":\"%KEY%\"}","VersionStages":["AWSPREVIOUS"],"CreatedDate":"2026-03-01T10:30:00.123000+01:00"}"#
        }
        Shape::CloudRun => {
            "apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: gcr.io/p/api
        env:
        - name: OPENAI_API_KEY
          value: %KEY%
        - name: STRIPE_KEY
          valueFrom:
            secretKeyRef:
              key: latest
              name: stripe
        - name: BLANK
  traffic:
  - percent: 100
    revisionName: api-00041
"
        }
        Shape::Doppler => {
            r#"{"OPENAI_API_KEY":{"computed":"%KEY%","computedVisibility":"masked","note":"","raw":"${base}"},
 "STRIPE_KEY":{"computed":null,"computedVisibility":"restricted","note":"","raw":null}}"#
        }
        Shape::Infisical => {
            r#"[{"key":"OPENAI_API_KEY","workspace":"w","value":"%KEY%","type":"personal","_id":"1","secretPath":"/","tags":[]},
 {"key":"OPENAI_API_KEY","workspace":"w","value":"older","type":"shared","_id":"2","secretPath":"/","tags":[]},
 {"key":"MASKED","workspace":"w","value":"<hidden-by-infisical>","type":"shared","_id":"3"}]"#
        }
        Shape::OnePassword => {
            r#"{"id":"x","title":"OpenAI","vault":{"id":"v","name":"prod"},"category":"API_CREDENTIAL","updated_at":"2026-03-01T09:30:00Z",
 "fields":[{"id":"notesPlain","type":"STRING","purpose":"NOTES","label":"notesPlain"},
  {"id":"credential","type":"CONCEALED","label":"credential","value":"%KEY%","reference":"op://prod/OpenAI/credential"},
  {"id":"type","type":"MENU","label":"type","value":"bearer"}]}"#
        }
        Shape::Vault => {
            r#"{"request_id":"r","lease_id":"","lease_duration":0,"renewable":false,
 "data":{"data":{"OPENAI_API_KEY":"%KEY%","OTHER":"x"},"metadata":{"created_time":"2026-03-01T09:30:00.5Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":4}},"warnings":null}"#
        }
        Shape::AzureAppService => {
            r#"[{"name":"OPENAI_API_KEY","slotSetting":false,"value":"%KEY%"},
 {"name":"STRIPE_KEY","slotSetting":true,"value":"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"},
 {"name":"MASKED","slotSetting":false,"value":null}]"#
        }
        Shape::Heroku | Shape::Railway => {
            r#"{"LANG":"en","OPENAI_API_KEY":"%KEY%","MASKED":"********"}"#
        }
        Shape::Json => r#"{"api":{"keys":{"OPENAI_API_KEY":"%KEY%","retries":3}}}"#,
        Shape::Yaml => "api:\n  keys:\n    OPENAI_API_KEY: '%KEY%'\n    link: op://prod/x/y\n",
        Shape::Toml => "[api.keys]\nretries = 3\nOPENAI_API_KEY = \"%KEY%\"\n",
    };
    text.replace("%KEY%", &key("A"))
}

fn pointer(shape: Shape) -> Option<&'static str> {
    matches!(shape, Shape::Json | Shape::Yaml | Shape::Toml).then_some("/api/keys")
}

fn read(shape: Shape) -> Part {
    let export = parse(Some(shape), pointer(shape), fixture(shape).as_bytes()).unwrap();
    assert_eq!(export.shape, shape);
    export.parts.into_iter().next().unwrap()
}

fn winner(part: &Part, variable: &str) -> Yield<SecretValue> {
    part.contents.winner(variable).unwrap_or_else(|| panic!("{variable}")).yields.clone()
}

fn value(text: impl Into<Vec<u8>>) -> Yield<SecretValue> {
    Yield::Value(SecretValue::new(text))
}

fn opaque(reason: OpaqueReason) -> Yield<SecretValue> {
    Yield::Opaque(reason)
}

#[test]
fn every_shape_gives_its_value_and_place() {
    for shape in Shape::ALL.iter().copied().filter(|shape| *shape != Shape::Fly) {
        let (part, text) = (read(shape), fixture(shape));
        let variable = if shape == Shape::OnePassword { "credential" } else { "OPENAI_API_KEY" };
        assert_eq!(winner(&part, variable), value(key("A")), "{shape:?}");
        for occurrence in &part.contents.occurrences {
            let at = occurrence.place.position.unwrap();
            let line = text.split('\n').nth(at.line as usize - 1).unwrap().as_bytes();
            if let Yield::Value(value) = &occurrence.yields
                && !value.expose().contains(&b'"')
            {
                let rest = &line[at.column as usize - 1..];
                assert!(rest.starts_with(value.expose()), "{shape:?} {}", occurrence.variable);
            }
        }
    }
}

#[test]
fn every_shape_is_recognised() {
    for shape in Shape::ALL.iter().copied() {
        let named = parse(Some(shape), pointer(shape), fixture(shape).as_bytes()).unwrap();
        let found = parse(None, pointer(shape), fixture(shape).as_bytes()).unwrap();
        assert_eq!(found.parts, named.parts, "{shape:?}");
        let expected =
            if shape.is_nameless() && shape.syntax().is_none() { Shape::Json } else { shape };
        assert_eq!(found.shape, expected);
        assert_eq!(Shape::from_name(shape.name()), Some(shape));
    }
}

#[rstest]
#[case(Shape::Vercel, "STRIPE_KEY", OpaqueReason::WriteOnly)]
#[case(Shape::Vercel, "LOCKED", OpaqueReason::Hidden)]
#[case(Shape::Vercel, "PULLED", OpaqueReason::Hidden)]
#[case(Shape::Vercel, "BLANK", OpaqueReason::Hidden)]
#[case(Shape::Netlify, "STRIPE_KEY", OpaqueReason::WriteOnly)]
#[case(Shape::Fly, "OPENAI_API_KEY", OpaqueReason::WriteOnly)]
#[case(Shape::Lambda, "SEALED", OpaqueReason::Hidden)]
#[case(Shape::Lambda, "LINK", OpaqueReason::Reference)]
#[case(Shape::Ecs, "STRIPE_KEY", OpaqueReason::Reference)]
#[case(Shape::Ssm, "SEALED", OpaqueReason::Hidden)]
#[case(Shape::CloudRun, "STRIPE_KEY", OpaqueReason::Reference)]
#[case(Shape::Doppler, "STRIPE_KEY", OpaqueReason::WriteOnly)]
#[case(Shape::Infisical, "MASKED", OpaqueReason::Hidden)]
#[case(Shape::AzureAppService, "STRIPE_KEY", OpaqueReason::Reference)]
#[case(Shape::AzureAppService, "MASKED", OpaqueReason::Hidden)]
#[case(Shape::Heroku, "MASKED", OpaqueReason::Hidden)]
#[case(Shape::Yaml, "link", OpaqueReason::Reference)]
fn what_a_platform_hides_is_no_key(
    #[case] shape: Shape,
    #[case] variable: &str,
    #[case] reason: OpaqueReason,
) {
    assert_eq!(winner(&read(shape), variable), opaque(reason));
}

#[rstest]
#[case(Shape::Vercel)]
#[case(Shape::Netlify)]
#[case(Shape::Fly)]
#[case(Shape::Lambda)]
#[case(Shape::Ecs)]
#[case(Shape::Ssm)]
#[case(Shape::SecretsManager)]
#[case(Shape::OnePassword)]
#[case(Shape::Vault)]
fn times_are_those_of_the_export(#[case] shape: Shape) {
    let part = read(shape);
    let variable = if shape == Shape::OnePassword { "credential" } else { "OPENAI_API_KEY" };
    let expected: Timestamp = "2026-03-01T09:30:00Z".parse().unwrap();
    assert_eq!(part.updated_at[variable].as_second(), expected.as_second());
}

#[rstest]
#[case(Shape::Fly, "staged")]
#[case(Shape::Ssm, "InvalidParameters")]
#[case(Shape::SecretsManager, "AWSCURRENT")]
#[case(Shape::CloudRun, "revision")]
#[case(Shape::Infisical, "personal")]
#[case(Shape::Vercel, "several targets")]
fn what_a_person_should_know_is_said(#[case] shape: Shape, #[case] text: &str) {
    let part = read(shape);
    assert!(part.contents.problems.iter().any(|problem| problem.text.contains(text)));
}

#[test]
fn a_parameter_that_does_not_exist_is_not_set() {
    assert_eq!(winner(&read(Shape::Ssm), "STRIPE_KEY"), Yield::Unset);
}

#[test]
fn an_empty_value_of_cloud_run_is_empty() {
    assert_eq!(winner(&read(Shape::CloudRun), "BLANK"), value(""));
}

#[test]
fn containers_are_parts() {
    let export = parse(None, None, fixture(Shape::Ecs).as_bytes()).unwrap();
    let names: Vec<_> = export.parts.iter().map(|part| part.name.as_deref()).collect();
    assert_eq!(names, [Some("api"), Some("proxy")]);
    assert!(!export.parts[0].elsewhere && export.parts[1].elsewhere);
    assert_eq!(read(Shape::CloudRun).name, None);
}

#[rstest]
#[case::concealed(fixture(Shape::OnePassword), None, true)]
#[case::variable(fixture(Shape::Vault), None, false)]
#[case::one_field(r#"{"lease_id":"","data":{"value":"%KEY%"}}"#.replace("%KEY%", &key("A")), None, true)]
#[case::parameter(r#"{"Parameter":{"Name":"/prod/openai","Value":"%KEY%"}}"#.replace("%KEY%", &key("A")), None, true)]
#[case::parameter_with_name(r#"{"Parameter":{"Name":"/prod/DATABASE_URL","Value":"x"}}"#.to_owned(), None, false)]
#[case::secret(format!(r#"{{"Name":"prod/OPENAI","SecretString":"{}"}}"#, key("A")), None, true)]
#[case::secret_object(fixture(Shape::SecretsManager), None, false)]
#[case::pointed(fixture(Shape::Json), Some("/api/keys/OPENAI_API_KEY"), true)]
#[case::map_of_one(r#"{"DATABASE_URL":"x"}"#.to_owned(), None, false)]
fn a_value_without_a_name_is_told(
    #[case] text: String,
    #[case] pointer: Option<&str>,
    #[case] expected: bool,
) {
    let part = parse(None, pointer, text.as_bytes()).unwrap().parts.remove(0);
    assert_eq!(part.bare.is_some(), expected);
    if let Some(bare) = part.bare {
        assert_eq!(bare.yields, value(key("A")));
        assert!(bare.wins);
    }
}

#[test]
fn other_forms_of_the_same_platforms() {
    let doppler = r#"{"DOPPLER_CONFIG":"prd","DOPPLER_PROJECT":"api","K":"v"}"#;
    let netlify = r#"{"NETLIFY":"true","K":"v"}"#;
    let lambda = r#"{"Configuration":{"FunctionName":"f","Version":"3","Environment":{"Variables":{"K":"v"}}},"Code":{}}"#;
    let task =
        r#"{"family":"f","containerDefinitions":[{"environment":[{"name":"K","value":"v"}]}]}"#;
    let batch = r#"{"SecretValues":[{"Name":"a","SecretString":"{\"K\":\"v\"}"},{"Name":"b","SecretString":"{\"L\":\"w\"}"}],"Errors":[]}"#;
    let fly = r#"[{"Name":"K","Digest":"d","CreatedAt":"2026-03-01T09:30:00Z"}]"#;
    let vault = r#"{"request_id":"r","data":{"K":"v"}}"#;
    let run = r#"{"name":"projects/p/locations/l/services/api","updateTime":"2026-03-01T09:30:00Z","template":{"containers":[{"env":[{"name":"K","value":"v"},{"name":"S","valueSource":{"secretKeyRef":{"secret":"s","version":"latest"}}}]}]}}"#;
    let pairs = r#"{"env":[{"name":"K","value":"v"}]}"#;
    for (text, pointer, shape) in [
        (doppler, None, Shape::Doppler),
        (netlify, None, Shape::Netlify),
        (lambda, None, Shape::Lambda),
        (task, None, Shape::Ecs),
        (batch, None, Shape::SecretsManager),
        (vault, None, Shape::Vault),
        (run, None, Shape::CloudRun),
        (pairs, Some("/env"), Shape::Json),
    ] {
        let export = parse(None, pointer, text.as_bytes()).unwrap();
        assert_eq!(export.shape, shape);
        assert_eq!(winner(&export.parts[0], "K"), value("v"), "{shape:?}");
    }
    let export = parse(None, None, fly.as_bytes()).unwrap();
    assert!(export.parts[0].updated_at.contains_key("K"));
}

#[test]
fn deleted_secrets_of_vault_have_no_values() {
    let text = r#"{"request_id":"r","data":{"data":null,"metadata":{"created_time":"2026-03-01T09:30:00Z","deletion_time":"2026-03-02T09:30:00Z","destroyed":false,"version":2}}}"#;
    let part = parse(None, None, text.as_bytes()).unwrap().parts.remove(0);
    assert!(part.contents.occurrences.is_empty());
    assert_eq!(part.contents.problems.len(), 1);
}

#[rstest]
#[case::vercel(Shape::Vercel, r#""target":["preview"],"#, "", 1)]
#[case::vercel_key(Shape::Vercel, r#""id":"a3","key":"STRIPE_KEY""#, r#""id":"a3","key":"""#, 4)]
#[case::netlify(Shape::Netlify, r#"{"key":"STRIPE_KEY""#, r#"{"kex":"STRIPE_KEY""#, 3)]
#[case::fly(Shape::Fly, r#""name":"STRIPE_KEY""#, r#""label":"STRIPE_KEY""#, 2)]
#[case::lambda(
    Shape::Lambda,
    r#""Environment":{"Variables""#,
    r#""Environment":{"Error":{"ErrorCode":"AccessDeniedException","Message":"KMS"},"Variables""#,
    2
)]
#[case::ecs(Shape::Ecs, r#"[{"name":"STRIPE_KEY","#, "[{,", 2)]
#[case::ssm(Shape::Ssm, r#""Name":"/prod/api/SEALED","#, "", 3)]
#[case::secrets_manager(
    Shape::SecretsManager,
    r#""SecretString":"#,
    r#""SecretString":null,"SecretBinary":"#,
    1
)]
#[case::cloud_run(Shape::CloudRun, "containers:", "container:", 1)]
#[case::cloud_run_broken(Shape::CloudRun, "          value:", "         value:", 12)]
#[case::doppler(Shape::Doppler, r#""computed":null,"#, "", 2)]
#[case::infisical(
    Shape::Infisical,
    r#"{"key":"MASKED","workspace":"w","value""#,
    r#"{"key":"MASKED","workspace":"w","val""#,
    3
)]
#[case::one_password(Shape::OnePassword, r#""value":""#, r#""valu":""#, 1)]
#[case::vault(Shape::Vault, r#""data":{"data":"#, r#""data":["data",{"data":"#, 2)]
#[case::azure(Shape::AzureAppService, r#","value":null"#, "", 3)]
#[case::heroku(Shape::Heroku, r#""LANG":"en""#, r#""LANG":["en"]"#, 1)]
#[case::railway(Shape::Railway, r#""en","#, r#""en""#, 1)]
#[case::json(Shape::Json, r#"{"api":"#, r#"{"ap":"#, 0)]
#[case::yaml(Shape::Yaml, "  keys:", "   - keys:", 3)]
#[case::toml(Shape::Toml, "retries = 3", "retries = three", 2)]
fn damaged_exports_are_refused_at_their_place(
    #[case] shape: Shape,
    #[case] what: &str,
    #[case] damage: &str,
    #[case] line: u32,
) {
    let text = fixture(shape);
    let damaged = text.replace(what, damage);
    assert_ne!(damaged, text);
    let refusal = parse(Some(shape), pointer(shape), damaged.as_bytes()).unwrap_err();
    assert_eq!(refusal.position.map_or(0, |at| at.line), line, "{refusal:?}");
    assert!(!refusal.reason.contains("sk-"));
}

#[test]
fn an_unknown_shape_is_told_what_is_known() {
    let refusal = parse(None, None, b"\n{\"a\": {\"b\": 1}}").unwrap_err();
    assert_eq!(refusal.position, Some(Position { line: 2, column: 1 }));
    for shape in Shape::ALL.iter().filter(|shape| shape.syntax().is_none()) {
        assert!(refusal.reason.contains(shape.name()), "{shape:?}");
    }
    assert!(refusal.reason.contains("pointer"));
}

#[rstest]
#[case::no_slash("api", NO_POINTER)]
#[case::bad_escape("/a~2", NO_POINTER)]
#[case::nothing("/api/key", NOTHING_THERE)]
fn pointers_to_nothing_are_refused(#[case] pointer: &str, #[case] reason: &str) {
    let refusal = parse(None, Some(pointer), fixture(Shape::Json).as_bytes()).unwrap_err();
    assert_eq!(refusal.reason, reason);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = parse(None, None, &bytes);
        let _ = parse(None, Some("/a"), &bytes);
    }

    #[test]
    fn damage_anywhere_never_panics(
        shape in 0..Shape::ALL.len(),
        at in 0_usize..2_000,
        byte: u8,
        named: bool,
    ) {
        let shape = Shape::ALL[shape];
        let mut bytes = fixture(shape).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        let inside = |position: Position| {
            position.line as usize <= lines.len()
                && position.column as usize <= lines[position.line as usize - 1].len() + 1
        };
        match parse(named.then_some(shape), pointer(shape), &bytes) {
            Ok(export) => for occurrence in export.parts.iter().flat_map(|part| &part.contents.occurrences) {
                prop_assert!(inside(occurrence.place.position.unwrap()));
            },
            Err(refusal) => prop_assert!(refusal.position.is_none_or(inside)),
        }
    }
}
