//! What platforms answer with.

use rstest::rstest;

use super::*;

pub(super) fn gitlab() -> String {
    let (old, new) = (key("A"), key("B"));
    format!(
        r#"Exporting variables from the acme/api project:
[
  {{"key": "OPENAI_API_KEY", "value": "{old}", "variable_type": "env_var", "protected": false,
    "masked": true, "hidden": false, "raw": true, "environment_scope": "*", "description": null}},
  {{"key": "OPENAI_API_KEY", "value": "{new}", "variable_type": "env_var", "protected": true,
    "masked": true, "hidden": false, "raw": true, "environment_scope": "production"}},
  {{"key": "OPENAI_API_KEY", "value": "review", "variable_type": "env_var",
    "raw": true, "environment_scope": "review/*"}},
  {{"key": "HIDDEN", "value": null, "masked": true, "hidden": true, "environment_scope": "*"}},
  {{"key": "CONFIG", "value": "[a]\nb=c\n", "variable_type": "file", "environment_scope": "*"}},
  {{"key": "HEADER", "value": "Bearer $OPENAI_API_KEY", "raw": false, "environment_scope": "*"}},
  {{"key": "TAIL", "value": "p$ssw0rd$$x", "raw": false, "environment_scope": "*"}},
  {{"key": "URL", "value": "$CI_API_V4_URL/x", "raw": false, "environment_scope": "*"}},
  {{"key": "LOOP", "value": "$POOL", "raw": false, "environment_scope": "*"}},
  {{"key": "POOL", "value": "${{LOOP}}", "raw": false, "environment_scope": "*"}}
]
"#
    )
}

fn gitlab_graphql() -> String {
    let (group, project) = (key("A"), key("B"));
    format!(
        r#"{{"data": {{"project": {{
  "inheritedCiVariables": {{"nodes": [
    {{"id": "gid://gitlab/Ci::GroupVariable/1", "key": "OPENAI_API_KEY", "value": "{group}", "raw": true,
      "variableType": "ENV_VAR", "environmentScope": "production", "groupCiCdSettingsPath": "/groups/acme/-/settings/ci_cd"}}]}},
  "ciVariables": {{"nodes": [
    {{"id": "gid://gitlab/Ci::Variable/2", "key": "OPENAI_API_KEY", "value": "{project}", "raw": true,
      "variableType": "ENV_VAR", "environmentScope": "*"}}]}}
}}}}}}"#
    )
}

fn gitlab_levels() -> String {
    let (instance, group, project) = (key("A"), key("B"), key("C"));
    format!(
        r#"{{"project": [{{"key": "ONLY", "value": "{project}", "environment_scope": "staging"}}],
"group": [{{"key": "OPENAI_API_KEY", "value": "{group}", "environment_scope": "*", "raw": true}},
  {{"key": "ONLY", "value": "group", "environment_scope": "*"}}],
"instance": [{{"key": "OPENAI_API_KEY", "value": "{instance}", "raw": true}}]}}"#
    )
}

fn github_variables() -> String {
    let key = key("C");
    format!(
        r#"[{{"name":"OPENAI_API_KEY","updatedAt":"2026-03-01T09:30:00Z","value":"{key}","visibility":""}},
{{"name":"OPENAI_API_KEY","updatedAt":"2025-03-01T09:30:00Z","value":"older","visibility":"all"}}]"#
    )
}

fn github_levels() -> String {
    let key = key("D");
    format!(
        r#"{{"organization": {{"total_count": 1, "variables": [{{"name": "K", "value": "wide", "updated_at": "2026-01-01T00:00:00Z", "visibility": "all"}}]}},
"environment": [{{"name": "K", "value": "{key}", "updatedAt": "2026-03-01T00:00:00Z"}}],
"repository": [{{"name": "K", "value": "middle", "updatedAt": "2026-02-01T00:00:00Z"}}]}}"#
    )
}

const GITHUB_SECRETS: &str =
    r#"[{"name":"K","numSelectedRepos":0,"updatedAt":"2026-03-01T09:30:00Z","visibility":""}]"#;
const GITHUB_REST: &str = r#"{"total_count":1,"secrets":[{"name":"K","created_at":"2025-01-01T00:00:00Z","updated_at":"2026-03-01T09:30:00Z"}]}"#;

const CIRCLECI_PROJECT: &str = r#"{
  "items": [
    {"name": "OPENAI_API_KEY", "value": "xxxxf3A9", "created-at": "2026-03-01T09:30:00Z"}
  ],
  "next_page_token": null
}"#;
const CIRCLECI_CONTEXT: &str = r#"{"items": [
  {"variable": "OPENAI_API_KEY", "context_id": "9c1e", "created_at": "2025-03-01T09:30:00Z",
   "updated_at": "2026-03-01T09:30:00Z"}], "next_page_token": "abc"}"#;

fn bitbucket() -> String {
    let key = key("E");
    format!(
        r#"{{"page": 1, "pagelen": 10, "size": 2, "values": [
  {{"type": "pipeline_variable", "uuid": "{{1}}", "key": "OPENAI_API_KEY", "value": "{key}", "secured": false}},
  {{"type": "pipeline_variable", "uuid": "{{2}}", "key": "SECURED", "secured": true}}
]}}"#
    )
}

fn azure() -> String {
    let key = key("F");
    format!(
        r#"[
  {{"authorized": false, "id": 7, "name": "api production", "type": "Vsts", "modifiedOn": "2026-03-01T09:30:00.5Z",
    "variables": {{
      "openai.api.key": {{"isReadOnly": null, "isSecret": null, "value": "{key}"}},
      "SECRET": {{"isReadOnly": null, "isSecret": true, "value": null}},
      "HEADER": {{"isSecret": null, "value": "Bearer $(OpenAI.api.key)"}},
      "UNMAPPED": {{"isSecret": null, "value": "$(NOBODY)"}},
      "COPY": {{"isSecret": null, "value": "$(SECRET)"}},
      "LOOP": {{"isSecret": null, "value": "$(LOOP)$(LOOP)"}}
    }}}},
  {{"id": 8, "name": "vault", "type": "AzureKeyVault", "variables": {{"K": {{"enabled": true, "value": null}}}}}}
]"#
    )
}

const BUILDKITE_SECRETS: &str = r#"[
  {"id": "0195", "graphql_id": "Q2x1", "key": "OPENAI_API_KEY", "description": "used by deploy",
   "policy": "- pipeline_slug: api", "created_at": "2025-03-01T09:30:00Z",
   "updated_at": "2026-03-01T09:30:00Z", "last_read_at": null}
]"#;

fn jenkins() -> String {
    let key = key("G");
    format!(
        r#"<?xml version='1.1' encoding='UTF-8'?>
<com.cloudbees.plugins.credentials.SystemCredentialsProvider plugin="credentials@1319">
  <domainCredentialsMap class="hudson.util.CopyOnWriteMap$Hash">
    <entry>
      <java.util.concurrent.CopyOnWriteArrayList>
        <org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl>
          <scope>GLOBAL</scope>
          <id>openai-api-key</id>
          <description/>
          <secret>{{AQAAABAAAAAw}}</secret>
        </org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl>
        <com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>
          <id>PLAIN</id>
          <username>api</username>
          <password>{key}</password>
        </com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>
      </java.util.concurrent.CopyOnWriteArrayList>
    </entry>
  </domainCredentialsMap>
</com.cloudbees.plugins.credentials.SystemCredentialsProvider>
"#
    )
}

pub(super) fn samples() -> Vec<String> {
    let texts =
        [GITHUB_SECRETS, GITHUB_REST, CIRCLECI_PROJECT, CIRCLECI_CONTEXT, BUILDKITE_SECRETS];
    let mut samples = texts.map(str::to_owned).to_vec();
    samples.extend([
        gitlab(),
        gitlab_graphql(),
        gitlab_levels(),
        github_variables(),
        github_levels(),
        bitbucket(),
        azure(),
        jenkins(),
    ]);
    samples
}

fn only_row(text: &str, scope: Option<&str>) -> Row {
    let mut file = file(text, scope);
    assert_eq!(file.rows.len(), 1);
    file.rows.remove(0)
}

#[rstest]
#[case::none(None, key("A"))]
#[case::exact(Some("production"), key("B"))]
#[case::wildcard(Some("review/feature"), "review".to_owned())]
#[case::other(Some("staging"), key("A"))]
fn gitlab_scopes_decide(#[case] scope: Option<&str>, #[case] expected: String) {
    let row = only_row(&gitlab(), scope);
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value(expected.clone()));
    assert_eq!(winner(&row, "HEADER"), value(format!("Bearer {expected}")));
    let wins = |name: &str| {
        row.contents.occurrences.iter().filter(|o| o.variable == name && o.wins).count()
    };
    assert_eq!(wins("OPENAI_API_KEY"), 1);
}

#[test]
fn gitlab_values_that_nobody_can_know() {
    let row = only_row(&gitlab(), None);
    assert_eq!(winner(&row, "HIDDEN"), OPAQUE(OpaqueReason::Hidden));
    assert_eq!(winner(&row, "CONFIG"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(winner(&row, "URL"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(winner(&row, "LOOP"), value("$POOL"));
    assert_eq!(winner(&row, "TAIL"), value("p$x"));
}

#[test]
fn gitlab_entries_have_places_scopes_and_protection() {
    let row = only_row(&gitlab(), None);
    let first = &row.contents.occurrences[0];
    assert_eq!(first.origin, Origin::CiScope("*".to_owned()));
    assert_eq!(first.place.position, Some(Position { line: 3, column: 39 }));
    let protected = &row.contents.problems[0];
    assert_eq!(protected.place.position.unwrap().line, 5);
    assert!(protected.text.contains("protected branches and tags"));
}

#[test]
fn a_job_without_environment_sees_no_scoped_variable() {
    let text = r#"[{"key": "K", "value": "v", "environment_scope": "production"}]"#;
    let row = only_row(text, None);
    assert!(row.contents.winner("K").is_none());
    assert_eq!(row.contents.problems.len(), 1);
    assert!(only_row(text, Some("production")).contents.problems.is_empty());
}

#[test]
fn a_gitlab_project_wins_over_its_groups_whatever_the_scope() {
    let row = only_row(&gitlab_graphql(), Some("production"));
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value(key("B")));
    let group = &row.contents.occurrences[0];
    assert_eq!(group.origin, Origin::CiScope("production of the group".to_owned()));
    assert_eq!(line_of(&row, "OPENAI_API_KEY"), 6);
}

#[test]
fn a_gitlab_group_wins_over_the_instance() {
    let row = only_row(&gitlab_levels(), Some("production"));
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value(key("B")));
    assert_eq!(winner(&row, "ONLY"), value("group"));
}

#[test]
fn a_full_first_page_is_suspicious() {
    let items = vec![r#"{"key": "K", "value": "v"}"#; 20].join(",\n");
    let row = only_row(&format!("[{items}]"), None);
    assert!(row.contents.problems[0].text.contains("per_page"));
}

#[test]
fn github_variables_have_values_and_times() {
    let row = only_row(&github_variables(), None);
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value(key("C")));
    assert_eq!(row.updated_at.get("OPENAI_API_KEY").copied(), "2026-03-01T09:30:00Z".parse().ok());
    assert_eq!(origin(&row, "OPENAI_API_KEY"), "repository");
    let other = &row.contents.occurrences[1].origin;
    assert_eq!(*other, Origin::CiScope("organization".to_owned()));
}

#[rstest]
#[case::none(None, "repository")]
#[case::organization(Some("organization"), "organization")]
#[case::environment(Some("production"), "production")]
fn the_scope_says_what_a_github_list_was_made_of(
    #[case] scope: Option<&str>,
    #[case] expected: &str,
) {
    assert_eq!(origin(&only_row(GITHUB_SECRETS, scope), "K"), expected);
}

#[test]
fn a_github_environment_wins_over_repository_and_organization() {
    let row = only_row(&github_levels(), None);
    assert_eq!(winner(&row, "K"), value(key("D")));
    assert_eq!(row.contents.occurrences.len(), 3);
    assert_eq!(line_of(&row, "K"), 2);
}

#[rstest]
#[case::command(GITHUB_SECRETS)]
#[case::interface(GITHUB_REST)]
fn github_secrets_are_write_only_but_dated(#[case] text: &str) {
    let row = only_row(text, None);
    assert_eq!(row.updated_at.get("K").copied(), "2026-03-01T09:30:00Z".parse().ok());
    assert_eq!(winner(&row, "K"), OPAQUE(OpaqueReason::WriteOnly));
}

#[test]
fn circleci_masks_projects_and_hides_contexts() {
    let project = file(CIRCLECI_PROJECT, None);
    assert_eq!(project.platform, Platform::Circleci);
    assert_eq!(winner(&project.rows[0], "OPENAI_API_KEY"), OPAQUE(OpaqueReason::Hidden));
    assert_eq!(line_of(&project.rows[0], "OPENAI_API_KEY"), 3);
    assert!(project.rows[0].contents.problems.is_empty());
    let context = only_row(CIRCLECI_CONTEXT, None);
    assert_eq!(winner(&context, "OPENAI_API_KEY"), OPAQUE(OpaqueReason::WriteOnly));
    let updated = context.updated_at.get("OPENAI_API_KEY").copied();
    assert_eq!(updated, "2026-03-01T09:30:00Z".parse().ok());
    assert_eq!(context.contents.problems.len(), 1, "there is a next page");
    let both = format!("{{\"context\": {CIRCLECI_CONTEXT}, \"project\": {CIRCLECI_PROJECT}}}");
    let both = only_row(&both, None);
    assert_eq!(winner(&both, "OPENAI_API_KEY"), OPAQUE(OpaqueReason::WriteOnly));
}

#[test]
fn bitbucket_gives_what_is_not_secured() {
    let file = file(&bitbucket(), None);
    assert_eq!(file.platform, Platform::Bitbucket);
    assert_eq!(winner(&file.rows[0], "OPENAI_API_KEY"), value(key("E")));
    assert_eq!(winner(&file.rows[0], "SECURED"), OPAQUE(OpaqueReason::WriteOnly));
    let deployment = bitbucket().replace(&key("E"), "deployment");
    let levels = format!("{{\"deployment\": {deployment}, \"workspace\": {}}}", bitbucket());
    let row = only_row(&levels, Some("production"));
    assert_eq!(winner(&row, "OPENAI_API_KEY"), value("deployment"));
    assert_eq!(origin(&row, "OPENAI_API_KEY"), "production");
}

#[test]
fn azure_groups_are_rows_with_macros() {
    let file = file(&azure(), None);
    assert_eq!(file.platform, Platform::Azure);
    let row = row(&file, "api production");
    assert_eq!(winner(row, "OPENAI_API_KEY"), value(key("F")));
    assert_eq!(winner(row, "HEADER"), value(format!("Bearer {}", key("F"))));
    assert_eq!(winner(row, "SECRET"), OPAQUE(OpaqueReason::WriteOnly));
    assert_eq!(winner(row, "UNMAPPED"), value("$(NOBODY)"));
    assert_eq!(winner(row, "COPY"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(winner(row, "LOOP"), OPAQUE(OpaqueReason::Reference));
    assert!(row.updated_at.contains_key("SECRET"));
    let problems: Vec<&str> = row.contents.problems.iter().map(|problem| problem.text).collect();
    assert!(problems.iter().any(|text| text.contains("maps it")));
    assert!(problems.iter().any(|text| text.contains("stays as it is written")));
    assert_eq!(only_row(&azure(), Some("vault")).name.as_deref(), Some("vault"));
    assert_eq!(read(None, Some("nobody"), azure().as_bytes()).unwrap_err().reason, NO_ROW);
}

#[test]
fn buildkite_secrets_are_dated() {
    let file = file(BUILDKITE_SECRETS, None);
    assert_eq!(file.platform, Platform::Buildkite);
    assert_eq!(winner(&file.rows[0], "OPENAI_API_KEY"), OPAQUE(OpaqueReason::WriteOnly));
    assert!(file.rows[0].updated_at.contains_key("OPENAI_API_KEY"));
    assert_eq!(line_of(&file.rows[0], "OPENAI_API_KEY"), 2);
}

#[test]
fn jenkins_encrypts_its_credentials() {
    let file = file(&jenkins(), None);
    assert_eq!(file.platform, Platform::Jenkins);
    assert_eq!(winner(&file.rows[0], "OPENAI_API_KEY"), OPAQUE(OpaqueReason::Hidden));
    assert_eq!(line_of(&file.rows[0], "OPENAI_API_KEY"), 10);
    assert_eq!(winner(&file.rows[0], "PLAIN"), value(key("G")));
}

#[rstest]
#[case::gitlab_cut_off(gitlab().split_at(700).0.to_owned(), 6)]
#[case::gitlab_graphql(gitlab_graphql().replace("\"key\": \"OPENAI_API_KEY\"", "\"key\": null"), 3)]
#[case::github_cut_off(r#"[{"name":"K","updatedAt":"2026-"#.to_owned(), 1)]
#[case::number(r#"[{"key":"K","value":5,"environment_scope":"*"}]"#.to_owned(), 1)]
#[case::no_name("[{\"name\":\"K\",\"value\":\"v\"},\n{\"name\":\"\",\"value\":\"v\"}]".to_owned(), 2)]
#[case::mixed("[{\"name\":\"K\",\"value\":\"v\"},\n{\"key\":\"K\",\"value\":\"v\"}]".to_owned(), 2)]
#[case::circleci(CIRCLECI_PROJECT.replace("\"xxxxf3A9\"", "[]"), 3)]
#[case::circleci_context(CIRCLECI_CONTEXT.replace("\"OPENAI_API_KEY\"", "\"\""), 2)]
#[case::bitbucket(bitbucket().replace("\"SECURED\"", "7 7"), 3)]
#[case::azure(azure().replace("{\"isReadOnly\": null, \"isSecret\": true, \"value\": null}", "null"), 5)]
#[case::buildkite(BUILDKITE_SECRETS.replace("\"OPENAI_API_KEY\"", "null"), 2)]
#[case::jenkins(jenkins().replace("</secret>", ""), 11)]
#[case::jenkins_cut_off(jenkins().split_at(jenkins().find("<username>").unwrap()).0.to_owned(), 12)]
#[case::other_shape("\n[{\"id\": 1}]".to_owned(), 2)]
#[case::texts("[\"a\"]".to_owned(), 1)]
#[case::object("{\"a\": 1}".to_owned(), 1)]
fn damaged_lists_are_refused_at_their_place(#[case] text: String, #[case] line: u32) {
    let refusal = read(None, None, text.as_bytes()).unwrap_err();
    assert_eq!(refusal.position.unwrap().line, line, "{refusal:?}");
}

#[test]
fn references_cannot_grow_without_end() {
    let mut text = String::from("[{\"key\":\"A0\",\"value\":\"xxxxxxxxxx\"}");
    for level in 1..60 {
        let before = level - 1;
        text.push_str(&format!(",{{\"key\":\"A{level}\",\"value\":\"$A{before}$A{before}\"}}"));
    }
    text.push(']');
    let row = only_row(&text, None);
    assert_eq!(winner(&row, "A59"), OPAQUE(OpaqueReason::Reference));
    assert_eq!(winner(&row, "A1"), value("x".repeat(20)));
}
