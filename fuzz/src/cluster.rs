//! What a cluster answers: workloads and pods, a Secret, the times of others; and what `kubectl` says.

use stalekey::formats::kubernetes::{
    kubectl::trouble,
    live::{Live, LiveRow, Request},
};

use super::{
    holds::same,
    input::{END_OF_FILE, Input},
    seeds,
};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let request = Request {
        workload: input.choose(&[None, Some("api"), Some("deploy/api")]).map(str::to_owned),
        container: input.choose(&[None, Some("web")]).map(str::to_owned),
    };
    assert!(request.resources().is_some());
    let mut answers = input.rest().split(|byte| *byte == END_OF_FILE);
    let workloads = answers.next().unwrap_or_default();
    let secrets = answers.next().unwrap_or_default();
    let times = answers.next().unwrap_or_default();
    same(|| trouble(workloads));
    let rows: Option<Vec<LiveRow>> = same(|| {
        let mut live = Live::read(&request, workloads).ok()?;
        live.add_values(secrets).ok()?;
        live.add_times(times).ok()?;
        Some(live.rows())
    });
    for row in rows.iter().flatten() {
        let Ok(contents) = &row.row.contents else { continue };
        for occurrence in &contents.occurrences {
            assert!(occurrence.place.path.is_some() && occurrence.place.position.is_none());
        }
        for variable in row.updated_at.keys() {
            assert!(contents.winner(variable).is_some());
        }
    }
}

/// Every answer has something to say.
const ANSWERS: &str = r#"{"kind":"List","items":[
{"kind":"Deployment","metadata":{"name":"api","generation":2},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"api"}},
"template":{"spec":{"containers":[{"name":"web","env":[{"name":"K","valueFrom":{"secretKeyRef":{"name":"s","key":"K"}}}]}]}}},
"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":1}},
{"kind":"Pod","metadata":{"name":"api-1","labels":{"app":"api"},"ownerReferences":[{"kind":"ReplicaSet","name":"api-7d","controller":true}]},
"spec":{"containers":[{"name":"web","envFrom":[{"secretRef":{"name":"t"}}],"env":[{"name":"K","valueFrom":{"secretKeyRef":{"name":"s","key":"K"}}},{"name":"L","value":"v"}]}]},
"status":{"phase":"Running","containerStatuses":[{"name":"web","state":{"running":{"startedAt":"2026-01-02T00:00:00Z"}}}]}},
{"kind":"Pod","metadata":{"name":"one"},"spec":{"containers":[{"name":"web"}]},
"status":{"phase":"Pending","containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ErrImagePull"}}}]}}
]}"#;
const SECRET: &str = r#"{"kind":"Secret","metadata":{"name":"s","creationTimestamp":"2026-01-01T00:00:00Z",
"managedFields":[{"time":"2026-01-03T00:00:00Z","fieldsV1":{"f:data":{".":{},"f:K":{}}}}]},"data":{"K":"dg=="}}"#;
const TIMES: &str = "\t\t\nt\t2026-01-01T00:00:00Z\t[{\"time\":\"2026-01-01T00:00:00Z\",\"fieldsV1\":{\"f:data\":{\"f:M\":{}}}}]\n";

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/kubernetes/kubectl.rs");
    let answers = format!("{ANSWERS}\x1e{SECRET}\x1e{TIMES}").into_bytes();
    files.extend(vec![answers; 3 * files.len()]);
    seeds::chosen(&files, &[vec![0, 0], vec![2, 0], vec![1, 1]])
}
