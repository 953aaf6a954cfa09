//! Files that describe pipelines.

use rstest::rstest;

use super::*;

fn gitlab() -> String {
    let (top, job) = (key("A"), key("B"));
    format!(
        r#"stages: [test, deploy]
variables:
  OPENAI_API_KEY: {top}
  OCTAL: 012345
  PASSED: $PROJECT_KEY
  DESCRIBED:
    value: "p$OCTAL"
    description: asked for
  RAW: {{value: "p$OCTAL", expand: false}}
workflow:
  rules:
    - if: $CI_COMMIT_TAG
      variables: {{TAGGED: "yes"}}
.base:
  variables:
    REGION: eu
    OPENAI_API_KEY: base
test:
  script: [make test]
deploy:
  extends: .base
  script: [make deploy]
  variables:
    OPENAI_API_KEY: "{job}"
bare:
  script: [make]
  variables: {{}}
picky:
  script: [make]
  inherit: {{variables: [OCTAL]}}
ruled:
  script: [make]
  variables:
    COPY: !reference [.base, variables, REGION]
  rules:
    - if: $CI_COMMIT_BRANCH
      variables:
        OPENAI_API_KEY: ruled
"#
    )
}

fn workflow() -> String {
    let (top, job, step) = (key("A"), key("B"), key("C"));
    format!(
        r"name: deploy
on: [push]
env:
  OPENAI_API_KEY: {top}
  NUMBER: 1.10
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make
  deploy:
    runs-on: ubuntu-latest
    environment: production
    env:
      OPENAI_API_KEY: '{job}'
      FROM_VARIABLES: ${{{{ vars.MODEL_KEY }}}}
    steps:
      - uses: actions/checkout@v4
      - name: smoke test
        run: ./smoke
        env:
          OPENAI_API_KEY: ${{{{ secrets.OPENAI_KEY_PROD }}}}
      - run: ./own
        env:
          OPENAI_API_KEY: {step}
          COPY: ${{{{ env.OPENAI_API_KEY }}}}
          HEADER: Bearer ${{{{ secrets['OTHER_KEY'] }}}}
          EITHER: ${{{{ secrets.FIRST || 'none' }}}}
          LITERAL: ${{{{ 'it''s' }}}}
  called:
    uses: ./.github/workflows/other.yml
    secrets:
      OPENAI_API_KEY: ${{{{ secrets.OPENAI_KEY_PROD }}}}
"
    )
}

fn buildkite() -> String {
    let (top, step) = (key("A"), key("B"));
    format!(
        r#"env:
  OPENAI_API_KEY: {top}
  OCTAL: 012
  UPLOADED: $SOMEWHERE
  KEPT: $$HOME
steps:
  - label: test
    command: make test
  - wait
  - group: release
    steps:
      - key: deploy
        command: make deploy
        env:
          OPENAI_API_KEY: "{step}"
          COPY: $OPENAI_API_KEY
        secrets:
          - CLUSTER_KEY
"#
    )
}

fn jenkinsfile() -> String {
    let (top, stage, inner) = (key("A"), key("B"), key("C"));
    format!(
        r#"#!groovy
// the pipeline's own
pipeline {{
  agent any
  environment {{
    OPENAI_API_KEY = '{top}'
    MODEL = "gpt-${{params.SIZE}}"
    TOKEN = credentials('openai-token')
    COMPUTED = sh(script: 'cat "key"', returnStdout: true).trim() /* not run */
  }}
  stages {{
    stage('build') {{
      steps {{ sh "make 'all'" }}
    }}
    stage('deploy') {{
      environment {{
        OPENAI_API_KEY = "{stage}"
      }}
      steps {{
        withEnv(['OTHER={inner}', "DYNAMIC=${{x}}"]) {{ sh './deploy' }}
        withCredentials([string(credentialsId: 'prod-key', variable: 'BOUND')]) {{ sh './deploy' }}
      }}
    }}
  }}
}}
"#
    )
}

pub(super) fn samples() -> Vec<String> {
    vec![gitlab(), workflow(), buildkite(), jenkinsfile(), circleci_config(), azure_pipeline()]
}

#[test]
fn gitlab_jobs_win_over_the_pipeline() {
    let file = file(&gitlab(), None);
    assert_eq!((file.platform, file.is_export), (Platform::Gitlab, false));
    let names: Vec<_> = file.rows.iter().filter_map(|row| row.name.as_deref()).collect();
    assert_eq!(names, ["test", "deploy", "bare", "picky", "ruled"]);
    assert_eq!(winner(row(&file, "test"), "OPENAI_API_KEY"), value(key("A")));
    assert_eq!(line_of(row(&file, "test"), "OPENAI_API_KEY"), 3);
    let deploy = row(&file, "deploy");
    assert_eq!(winner(deploy, "OPENAI_API_KEY"), value(key("B")));
    assert_eq!(origin(deploy, "OPENAI_API_KEY"), "job deploy");
    assert_eq!(winner(deploy, "REGION"), value("eu"));
    assert!(deploy.elsewhere);
    let at = deploy.contents.winner("OPENAI_API_KEY").unwrap().place.clone();
    let problem = deploy.contents.problems.iter().find(|problem| problem.place == at).unwrap();
    assert!(problem.text.contains("wins over this one"));
    assert!(row(&file, "bare").contents.occurrences.is_empty());
    assert!(row(&file, "picky").contents.winner("OPENAI_API_KEY").is_none());
    assert_eq!(winner(row(&file, "picky"), "OCTAL"), value("5349"));
}

#[test]
fn gitlab_values_are_typed_and_expanded() {
    let file = file(&gitlab(), Some("test"));
    assert_eq!(file.rows.len(), 1);
    let test = &file.rows[0];
    assert_eq!(winner(test, "DESCRIBED"), value("p5349"));
    assert_eq!(winner(test, "RAW"), value("p$OCTAL"));
    assert_eq!(winner(test, "PASSED"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(test, "PASSED"), "$PROJECT_KEY");
    assert_eq!(winner(test, "TAGGED"), OPAQUE(OpaqueReason::Conditional));
    let file = self::file(&gitlab(), Some("ruled"));
    assert_eq!(winner(&file.rows[0], "OPENAI_API_KEY"), OPAQUE(OpaqueReason::Conditional));
    assert_eq!(winner(&file.rows[0], "COPY"), value("eu"));
}

#[test]
fn a_file_of_variables_alone_is_one_row() {
    let file = file("include: other.yml\nvariables:\n  K: v\n", None);
    assert_eq!(winner(&file.rows[0], "K"), value("v"));
    assert_eq!(file.rows[0].name, None);
}

#[test]
fn a_step_wins_over_its_job_and_the_workflow() {
    let file = file(&workflow(), None);
    assert_eq!((file.platform, file.is_export), (Platform::Github, false));
    let names: Vec<_> = file.rows.iter().filter_map(|row| row.name.as_deref()).collect();
    assert_eq!(names, ["build", "deploy", "deploy/smoke test", "deploy/step 3", "called"]);
    let expected = [("build", "A", 4), ("deploy", "B", 15), ("deploy/step 3", "C", 25)];
    for (name, letter, line) in expected {
        assert_eq!(winner(row(&file, name), "OPENAI_API_KEY"), value(key(letter)));
        assert_eq!(line_of(row(&file, name), "OPENAI_API_KEY"), line);
    }
    assert_eq!(winner(row(&file, "build"), "NUMBER"), value("1.1"));
    let shadowed = row(&file, "deploy/step 3").contents.occurrences.iter();
    assert_eq!(shadowed.filter(|occurrence| occurrence.variable == "OPENAI_API_KEY").count(), 3);
}

#[rstest]
#[case("deploy/smoke test", "OPENAI_API_KEY", "secrets.OPENAI_KEY_PROD")]
#[case("deploy", "FROM_VARIABLES", "vars.MODEL_KEY")]
#[case("deploy/step 3", "HEADER", "secrets.OTHER_KEY")]
#[case("deploy/step 3", "EITHER", "secrets.FIRST")]
#[case("called", "OPENAI_API_KEY", "secrets.OPENAI_KEY_PROD")]
fn expressions_name_what_they_take(
    #[case] name: &str,
    #[case] variable: &str,
    #[case] expected: &str,
) {
    let file = file(&workflow(), None);
    let row = row(&file, name);
    assert_eq!(winner(row, variable), OPAQUE(OpaqueReason::Reference));
    assert_eq!(row.contents.winner(variable).unwrap().origin, Origin::CiReference(expected.into()));
}

#[test]
fn expressions_that_need_no_run_have_values() {
    let file = file(&workflow(), Some("deploy/step 3"));
    assert_eq!(file.rows.len(), 1);
    assert_eq!(winner(&file.rows[0], "LITERAL"), value("it's"));
    assert_eq!(winner(&file.rows[0], "COPY"), value(key("B")));
}

#[test]
fn the_scope_names_a_job_and_its_steps() {
    let file = file(&workflow(), Some("deploy"));
    assert_eq!(file.rows.len(), 3);
    assert_eq!(read(None, Some("dep"), workflow().as_bytes()).unwrap_err().reason, NO_ROW);
}

#[test]
fn a_container_of_a_job_gives_way_and_services_have_their_own() {
    let text = "on: push\nenv: {K: workflow}\njobs:\n  a:\n    runs-on: x\n    container:\n      \
        image: i\n      env: {K: container, L: container}\n    services:\n      db:\n        env: {K: service}\n";
    let file = file(text, None);
    assert_eq!(winner(row(&file, "a"), "K"), value("workflow"));
    assert_eq!(winner(row(&file, "a"), "L"), value("container"));
    assert_eq!(winner(row(&file, "a/db"), "K"), value("service"));
}

#[test]
fn a_buildkite_step_wins_over_the_pipeline() {
    let file = file(&buildkite(), None);
    assert_eq!((file.platform, file.rows.len()), (Platform::Buildkite, 2));
    let whole = &file.rows[0];
    assert_eq!((whole.name.as_deref(), winner(whole, "OCTAL")), (None, value("10")));
    assert_eq!(winner(whole, "OPENAI_API_KEY"), value(key("A")));
    assert_eq!(winner(whole, "UPLOADED"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(whole, "UPLOADED"), "$SOMEWHERE");
    assert_eq!(winner(whole, "KEPT"), value("$HOME"));
    let step = row(&file, "deploy");
    assert_eq!(winner(step, "OPENAI_API_KEY"), value(key("B")));
    assert_eq!(line_of(step, "OPENAI_API_KEY"), 15);
    assert_eq!(winner(step, "CLUSTER_KEY"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(step, "CLUSTER_KEY"), "secret CLUSTER_KEY");
}

#[test]
fn an_upload_knows_the_env_of_the_pipeline_only() {
    let file = file(&buildkite(), Some("deploy"));
    assert_eq!(winner(&file.rows[0], "COPY"), value(key("A")));
}

#[test]
fn a_stage_wins_over_the_jenkins_pipeline() {
    let file = file(&jenkinsfile(), None);
    assert_eq!((file.platform, file.is_export), (Platform::Jenkins, false));
    let whole = &file.rows[0];
    assert_eq!(whole.name, None);
    assert_eq!(winner(whole, "OPENAI_API_KEY"), value(key("A")));
    assert_eq!(line_of(whole, "OPENAI_API_KEY"), 6);
    assert_eq!(winner(whole, "MODEL"), OPAQUE(OpaqueReason::Dynamic));
    assert_eq!(winner(whole, "COMPUTED"), OPAQUE(OpaqueReason::Dynamic));
    assert_eq!(winner(whole, "TOKEN"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(whole, "TOKEN"), "the credential openai-token");
    let deploy = row(&file, "deploy");
    assert_eq!(winner(deploy, "OPENAI_API_KEY"), value(key("B")));
    assert_eq!(winner(deploy, "OTHER"), value(key("C")));
    assert_eq!(winner(deploy, "DYNAMIC"), OPAQUE(OpaqueReason::Dynamic));
    assert_eq!(winner(deploy, "BOUND"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(deploy, "BOUND"), "the credential prod-key");
}

#[test]
fn quotes_in_patterns_and_long_texts_mislead_nobody() {
    let text = "node('linux') {\n  def m = (name =~ /it's/)\n  sh '''\n    echo \"it's\"\n  '''\n  \
        withEnv([\"K=v\"]) { sh 'x' }\n}\n";
    assert_eq!(winner(&file(text, None).rows[0], "K"), value("v"));
}

#[rstest]
#[case::gitlab_switch(gitlab().replace("012345", "yes"), 4)]
#[case::gitlab_list(gitlab().replace("REGION: eu", "REGION: [eu]"), 16)]
#[case::gitlab_no_yaml(gitlab().replace("test:\n", "test: x: y\n"), 18)]
#[case::workflow_list(workflow().replace("NUMBER: 1.10", "NUMBER: [1]"), 5)]
#[case::workflow_text(workflow().replace("env:\n          OPENAI_API_KEY: ${{ secrets.OPENAI_KEY_PROD }}", "env: none"), 21)]
#[case::buildkite_map(buildkite().replace("OCTAL: 012", "OCTAL: {a: b}"), 3)]
#[case::circleci_list(circleci_config().replace("OCTAL: 012", "OCTAL: [1]"), 17)]
#[case::circleci_text(circleci_config().replace("environment:\n            - REGION: us", "environment: none"), 22)]
#[case::azure_item(azure_pipeline().replace("- name: OPENAI_API_KEY\n  value", "- nothing: x\n  value"), 4)]
#[case::azure_list(azure_pipeline().replace("value: small", "value: [a]"), 7)]
#[case::jenkins_text(jenkinsfile().replace("T3BlbkFJ", "'"), 6)]
#[case::jenkins_block(jenkinsfile().trim_end().trim_end_matches('}').to_owned(), 3)]
fn damaged_pipelines_are_refused_at_their_place(#[case] text: String, #[case] line: u32) {
    let refusal = read(None, None, text.as_bytes()).unwrap_err();
    assert_eq!(refusal.position.unwrap().line, line, "{refusal:?}");
}

#[test]
fn deep_extension_and_references_end() {
    let mut text =
        String::from("a: {script: x, extends: [b, b], variables: !reference [a, variables]}\n");
    text.push_str(
        "b: {script: x, extends: [a, a], variables: {K: !reference [b, variables, K]}}\n",
    );
    let file = file(&text, None);
    assert_eq!(winner(row(&file, "b"), "K"), OPAQUE(OpaqueReason::Reference));
}

#[test]
fn variables_times_jobs_are_bounded() {
    let mut text = String::from("variables:\n");
    for index in 0..1_000 {
        text.push_str(&format!("  K{index}: v\n"));
    }
    for index in 0..300 {
        text.push_str(&format!("j{index}: {{script: x}}\n"));
    }
    let refusal = read(None, None, text.as_bytes()).unwrap_err();
    assert!(refusal.reason.contains("250000") && refusal.position.is_some());
}

fn circleci_config() -> String {
    let (image, job, step) = (key("A"), key("B"), key("C"));
    format!(
        r"version: 2.1
executors:
  node:
    docker: [{{image: 'cimg/node:22', environment: {{OPENAI_API_KEY: {image}, REGION: eu}}}}]
commands:
  smoke:
    steps:
      - run: {{name: smoke, command: ./smoke, environment: {{OPENAI_API_KEY: {step}}}}}
jobs:
  build:
    executor: node
    steps: [checkout]
  deploy:
    executor: {{name: node}}
    environment:
      OPENAI_API_KEY: {job}
      OCTAL: 012
    steps:
      - smoke
      - run:
          command: make
          environment:
            - REGION: us
workflows:
  all:
    jobs:
      - build
      - deploy: {{context: [shared]}}
"
    )
}

#[test]
fn circleci_jobs_and_steps_are_rows() {
    let text = circleci_config();
    let file = file(&text, None);
    assert_eq!(file.platform, Platform::Circleci);
    assert!(!file.is_export);
    let names: Vec<_> = file.rows.iter().map(|row| row.name.clone().unwrap()).collect();
    assert_eq!(names, ["build", "deploy", "deploy/smoke", "deploy/step 2"]);
    let key_of = |name: &str| winner(row(&file, name), "OPENAI_API_KEY");
    assert_eq!(key_of("build"), value(key("A")));
    assert_eq!(key_of("deploy"), value(key("B")));
    assert_eq!(key_of("deploy/smoke"), value(key("C")));
    assert_eq!(line_of(row(&file, "deploy"), "OPENAI_API_KEY"), 16);
    assert_eq!(winner(row(&file, "deploy/step 2"), "REGION"), value("us".to_owned()));
    let deploy = row(&file, "deploy");
    assert!(deploy.elsewhere, "contexts and the project may give more");
    assert_eq!(deploy.contents.problems.len(), 1, "the context");
    assert_eq!(deploy.contents.traps.len(), 1);
    assert_eq!(deploy.contents.traps[0].1.trap.name(), "yaml-retyped");
    assert!(file.rows[0].contents.problems.is_empty());
}

fn azure_pipeline() -> String {
    let (top, stage, job) = (key("A"), key("B"), key("C"));
    format!(
        r"trigger: [main]
variables:
- group: shared
- name: OPENAI_API_KEY
  value: {top}
- name: model.name
  value: small
stages:
- stage: test
  variables: {{OPENAI_API_KEY: {stage}}}
  jobs:
  - job: unit
    steps:
    - script: make
- stage: release
  jobs:
  - deployment: web
    variables:
      OPENAI_API_KEY: {job}
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: ./deploy
            displayName: go live
            env:
              OPENAI_API_KEY: $(OPENAI_SECRET)
              COPY: $(OPENAI_API_KEY)
"
    )
}

#[test]
fn azure_jobs_and_steps_are_rows() {
    let text = azure_pipeline();
    let file = file(&text, None);
    assert_eq!(file.platform, Platform::Azure);
    let names: Vec<_> = file.rows.iter().map(|row| row.name.clone().unwrap()).collect();
    assert_eq!(names, ["test/unit", "release/web", "release/web/go live"]);
    assert_eq!(winner(row(&file, "test/unit"), "OPENAI_API_KEY"), value(key("B")));
    assert_eq!(winner(row(&file, "test/unit"), "MODEL_NAME"), value("small".to_owned()));
    assert_eq!(winner(row(&file, "release/web"), "OPENAI_API_KEY"), value(key("C")));
    assert_eq!(line_of(row(&file, "release/web"), "OPENAI_API_KEY"), 19);
    let step = row(&file, "release/web/go live");
    assert_eq!(winner(step, "OPENAI_API_KEY"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(origin(step, "OPENAI_API_KEY"), "$(OPENAI_SECRET)");
    assert_eq!(winner(step, "COPY"), value(key("C")));
    assert!(step.elsewhere && step.contents.problems[0].text.contains("group"));
}

#[test]
fn includes_of_gitlab_are_told() {
    let text = "include:\n  - local: /ci/base.yml\n  - template: Auto.yml\ntest: {script: x}\n";
    let file = file(text, None);
    let of_include = |problem: &&crate::domain::reading::Problem| problem.text.contains("included");
    let problems: Vec<_> = file.rows[0].contents.problems.iter().filter(of_include).collect();
    assert_eq!(problems.len(), 2);
    assert!(problems[0].text.contains("not read") && problems[1].text.contains("elsewhere"));
}
