//! Three projects, laid out as public ones are.

use super::{every_layer_is_a_row, expected, layers};
use crate::context::TestContext;

/// A monorepo of Node: an application on Next.js, a server on dotenv, compose for both, workflows.
fn node(context: &TestContext) {
    let key = |name: &str| context.key(name);
    context.write("package.json", r#"{"private": true, "workspaces": ["apps/*", "packages/*"]}"#);
    context.write("turbo.json", r#"{"tasks": {"build": {"env": ["OPENAI_API_KEY"]}}}"#);
    context.write(".env", format!("OPENAI_API_KEY={}\nPOSTGRES_PASSWORD=x\n", key("root")));
    context.write(".env.example", "OPENAI_API_KEY=\nANTHROPIC_API_KEY=\n");
    context.write("apps/web/package.json", r#"{"dependencies": {"next": "15.1.0"}}"#);
    context.write("apps/web/.env", "OPENAI_API_KEY=\nNEXT_PUBLIC_SITE=https://web.example\n");
    context.write("apps/web/.env.local", format!("OPENAI_API_KEY={}\n", key("local")));
    context.write("apps/web/.env.production", format!("OPENAI_API_KEY={}\n", key("web")));
    context.write("apps/web/env.d.ts", "declare namespace NodeJS { OPENAI_API_KEY: string }");
    context.write("apps/server/package.json", r#"{"dependencies": {"dotenv": "^16.4.5"}}"#);
    context.write("apps/server/.env", format!("OPENAI_API_KEY='{}'\nPORT=1\n", key("server")));
    context.write("apps/server/.env.test", "PORT=2\n");
    context.write("packages/ai/src/index.ts", "process.env.OPENAI_API_KEY\n");
    context.write("apps/web/node_modules/x/.env", format!("OPENAI_API_KEY={}\n", key("other")));
    context.write("dist/.env", format!("OPENAI_API_KEY={}\n", key("built")));
    context.write(
        "docker-compose.yml",
        "services:\n  server:\n    build: apps/server\n    environment:\n      \
         OPENAI_API_KEY: ${OPENAI_API_KEY}\n  db:\n    image: postgres:16\n    environment:\n      \
         POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}\n",
    );
    context.write(
        ".github/workflows/deploy.yml",
        "name: Deploy\non: {push: {branches: [main]}}\njobs:\n  test:\n    runs-on: ubuntu-latest\n    \
         steps:\n      - uses: actions/checkout@v4\n  preview:\n    runs-on: ubuntu-latest\n    \
         environment: Preview\n    env:\n      OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}\n    \
         steps: [{run: pnpm build}]\n  production:\n    runs-on: ubuntu-latest\n    environment:\n      \
         name: production\n      url: https://web.example\n    steps:\n      - run: pnpm build\n        \
         env:\n          OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}\n          \
         SENTRY_AUTH_TOKEN: ${{ secrets.SENTRY_AUTH_TOKEN }}\n",
    );
    context.write(
        ".github/workflows/release.yml",
        "on: push\njobs:\n  release:\n    runs-on: ubuntu-latest\n    env:\n      \
         GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n    steps: [{run: pnpm changeset publish}]\n",
    );
}

#[test]
fn a_monorepo_of_node() {
    let context = TestContext::new();
    node(&context);
    let run = context.init(&[]);
    let found = layers(&context.written());
    let wanted = expected(&[
        (".env", "dotenv development openai"),
        ("server .env", "dotenv development openai"),
        ("web .env files (development)", "dotenv development openai"),
        ("web .env files (production)", "dotenv production openai"),
        ("docker-compose.yml server", "compose development openai < .env"),
        ("deploy.yml preview", "ci preview openai"),
        ("deploy.yml production", "ci production openai+sentry"),
    ]);
    assert_eq!(found, wanted);
    every_layer_is_a_row(&context);
    let text = context.written();
    let files = "[\"apps/web/.env.local\", \"apps/web/.env.production\", \"apps/web/.env\"]";
    assert!(text.contains(files), "the order of Next.js: {text}");
    assert!(run.stdout.contains("node_modules") && run.stdout.contains("dist"), "{run:?}");
    assert!(run.stdout.contains(".env.example"), "{run:?}");
}

/// A service on Django: one compose file for each environment, its variables in files without the
/// usual names, another CI.
fn django(context: &TestContext) {
    for (environment, other) in [("local", ""), ("production", "SENTRY_AUTH_TOKEN=\n")] {
        let key = context.key(environment);
        context.write(
            &format!(".envs/.{environment}/.django"),
            format!("DJANGO_DEBUG=1\nOPENAI_API_KEY={key}\nSENDGRID_API_KEY=\n{other}"),
        );
        context.write(&format!(".envs/.{environment}/.postgres"), "POSTGRES_USER=x\n");
        context.write(
            &format!("docker-compose.{environment}.yml"),
            format!(
                "services:\n  django: &django\n    build:\n      context: .\n    env_file:\n      - \
                 ./.envs/.{environment}/.django\n      - ./.envs/.{environment}/.postgres\n    \
                 command: /start\n  postgres:\n    image: postgres:16\n    env_file:\n      - \
                 ./.envs/.{environment}/.postgres\n  celeryworker:\n    <<: *django\n    \
                 command: /start-celeryworker\n"
            ),
        );
    }
    context.write("requirements/base.txt", "django==5.1\ndjango-environ==0.11\n");
    context.write("config/settings/base.py", "env('OPENAI_API_KEY')\n");
    context.write("manage.py", "");
    context.write(
        ".gitlab-ci.yml",
        format!(
            "stages: [test, deploy]\nvariables:\n  POSTGRES_USER: x\npytest:\n  stage: test\n  \
             script: [pytest]\ndeploy:\n  stage: deploy\n  environment: production\n  variables:\n    \
             OPENAI_API_KEY: {}\n  script: [./deploy]\n",
            context.key("pipeline")
        ),
    );
}

#[test]
fn a_service_on_django_with_compose() {
    let context = TestContext::new();
    django(&context);
    let run = context.init(&[]);
    let wanted = expected(&[
        (".local .django", "dotenv development openai"),
        (".production .django", "dotenv production openai"),
        (".gitlab-ci.yml", "ci production openai"),
        ("docker-compose.local.yml django", "compose development openai < .local .django"),
        ("docker-compose.local.yml celeryworker", "compose development openai < .local .django"),
        ("docker-compose.production.yml django", "compose production openai < .production .django"),
        (
            "docker-compose.production.yml celeryworker",
            "compose production openai < .production .django",
        ),
    ]);
    assert_eq!(layers(&context.written()), wanted);
    every_layer_is_a_row(&context);
    let reason = "names it as env_file of `celeryworker`, `django`";
    assert!(context.written().contains(reason), "{}", context.written());
    let blank = "defined, and empty everywhere: SENDGRID_API_KEY, SENTRY_AUTH_TOKEN";
    assert!(run.stdout.contains(blank), "{run:?}");
}

/// A service in Go: kustomize with a base and two overlays, plain manifests, a chart, a unit.
fn go(context: &TestContext) {
    context.write("go.mod", "module example.com/api\n\nrequire github.com/joho/godotenv v1.5.1\n");
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("go")));
    let deployment = |name: &str, secret: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    \
             spec:\n      containers:\n        - name: {name}\n          image: api\n          env:\n            \
             - name: OPENAI_API_KEY\n              valueFrom:\n                secretKeyRef:\n                  \
             name: {secret}\n                  key: openai\n        - name: proxy\n          image: envoy\n"
        )
    };
    context.write("deploy/base/deployment.yaml", deployment("api", "keys"));
    context.write("deploy/base/kustomization.yaml", "resources:\n  - deployment.yaml\n");
    for environment in ["staging", "production"] {
        context.write(
            &format!("deploy/overlays/{environment}/kustomization.yaml"),
            "resources:\n  - ../../base\n  - secret.yaml\n",
        );
        context.write(
            &format!("deploy/overlays/{environment}/secret.yaml"),
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\nstringData:\n  openai: {}\n",
                context.key(environment)
            ),
        );
    }
    context.write("jobs/cronjob.yaml", format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: digest\nspec:\n  schedule: '0 0 * * *'\n  \
         jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n            - \
         name: digest\n              image: digest\n              env:\n                - name: \
         MISTRAL_API_KEY\n                  value: {}\n", context.key("digest")));
    context.write(
        "charts/api/templates/secret.yaml",
        "apiVersion: v1\nkind: Secret\nstringData:\n  OPENAI_API_KEY: {{ .Values.key }}\n",
    );
    context.write("charts/api/values.yaml", "key: x\n");
    context.write(
        "init/api.service",
        format!(
            "[Unit]\nDescription=API\n[Service]\nEnvironment=OPENAI_API_KEY={}\nExecStart=/srv/api\n",
            context.key("unit")
        ),
    );
    context.write("config.yaml", "kind: api\nversion: 1\n");
    context.write("cmd/api/main.go", "os.Getenv(\"OPENAI_API_KEY\")\n");
}

#[test]
fn a_service_in_go_with_manifests() {
    let context = TestContext::new();
    go(&context);
    let run = context.init(&[]);
    let wanted = expected(&[
        (".env", "dotenv development openai"),
        ("deploy/overlays/production deploy/api/api", "kubernetes production openai"),
        ("deploy/overlays/staging deploy/api/api", "kubernetes staging openai"),
        ("jobs", "kubernetes production mistral"),
        ("api.service", "systemd production openai"),
    ]);
    assert_eq!(layers(&context.written()), wanted);
    every_layer_is_a_row(&context);
    assert!(
        run.stdout.contains("templates of Helm") && run.stdout.contains("charts/api"),
        "{run:?}"
    );
}

#[test]
fn the_same_folder_gives_the_same_layers() {
    for project in [node, django, go] {
        let context = TestContext::new();
        project(&context);
        context.init(&[]);
        let first = context.written();
        std::fs::remove_file(context.path("stalekey.toml")).expect("the inventory");
        context.init(&[]);
        let second = context.written();
        let without_salt = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with("salt"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(without_salt(&first), without_salt(&second));
        assert_ne!(first, second, "every inventory has a salt of its own");
        // What is written is found again, as what is there already.
        let run = context.init(&["--update"]);
        assert!(run.stdout.contains("Nothing is new"), "{run:?}");
        assert_eq!(context.written(), second);
    }
}

#[test]
fn programs_of_supervisord_that_are_given_a_key() {
    let context = TestContext::new();
    let text = format!(
        "[supervisord]\n[program:worker]\ncommand=/srv/worker\nenvironment=OPENAI_API_KEY=\"{}\"\n\
         [program:idle]\ncommand=/srv/idle\n",
        context.key("worker")
    );
    context.write("deploy/supervisord.conf", text);
    let run = context.init(&[]);
    let wanted = expected(&[("deploy supervisord.conf worker", "supervisor production openai")]);
    assert_eq!(layers(&context.written()), wanted, "{run:?}");
    context.trust(&[]);
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    assert!(report.rows().iter().any(|row| row["state"] == "found"), "{report:?}");
    assert!(context.init(&["--update"]).stdout.contains("Nothing is new"));
}
