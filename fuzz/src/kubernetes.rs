//! Kubernetes manifests in a folder, with and without a kustomization.

use stalekey::formats::kubernetes::{Failure, Request, resolve};

use super::{
    holds::{Sheets, same},
    input::Input,
    seeds,
};

const NAMES: [&str; 5] = [
    "k8s/deployment.yaml",
    "k8s/secret.json",
    "k8s/app.env",
    "k8s/base/kustomization.yaml",
    "k8s/kustomization.yaml",
];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let paths: &[&str] = input.choose(&[&["k8s"][..], &["k8s/deployment.yaml", "k8s/secret.json"]]);
    let request = Request {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        workload: input.choose(&[None, Some("api"), Some("deployment/api")]).map(str::to_owned),
        container: input.choose(&[None, Some("web")]).map(str::to_owned),
    };
    let mut folder = input.folder(&NAMES);
    let resolved = same(|| resolve(&request, &mut folder));
    let sheets = Sheets::several(folder.files());
    let failed = |failure: &Failure| {
        if let Failure::Refused { path, refusal } = failure {
            sheets.refusal(path, refusal);
        }
    };
    match resolved {
        Ok(rows) => {
            assert!(!rows.is_empty());
            for row in &rows {
                sheets.place(&row.place);
                match &row.contents {
                    Ok(contents) => sheets.named(contents),
                    Err(failure) => failed(failure),
                }
            }
        }
        Err(failure) => failed(&failure),
    }
}

/// Every file of the folder has something to say.
const FOLDER: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      initContainers: [{name: first, env: [{name: A, value: x}]}]
      containers:
      - name: web
        envFrom: [{configMapRef: {name: c}}, {prefix: P_, secretRef: {name: s, optional: true}}]
        env:
        - {name: K, valueFrom: {secretKeyRef: {name: s, key: K}}}
        - {name: A, value: \"$(K)/$$(K)\"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {A: '1'}
\x1e{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\
\"data\":{\"K\":\"dg==\"},\"stringData\":{\"A\":\"w\"}}\x1eA=1
B
\x1eresources: [../deployment.yaml]
namePrefix: x-
\x1eresources: [base, secret.json]
namespace: n
secretGenerator: [{name: g, envs: [app.env], literals: [K=v]}]
configMapGenerator: [{name: c, behavior: merge, literals: ['A=2']}]
";

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/kubernetes");
    files.extend(vec![FOLDER.as_bytes().to_vec(); 3]);
    seeds::chosen(&files, &[vec![0, 0, 0], vec![1, 0, 0], vec![0, 1, 1]])
}
