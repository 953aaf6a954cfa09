//! Reading, comparing and reporting 1 000 `.env` files of 31 lines: what `check --offline` does for
//! each layer of a large inventory. `side_by_side.py` compares the whole program with ripgrep.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hint::black_box,
    path::Path,
    sync::Arc,
};

use criterion::{Criterion, criterion_group, criterion_main};
use stalekey::{
    domain::{fingerprint::FingerprintKey, snapshot::Snapshot},
    engine::{self, Setup},
    formats::{
        Environment, Wanted,
        dotenv::{Dialect, read_wanted},
    },
    inventory::{self, Inventory},
    providers::Catalogue,
    report,
};

const LAYERS: usize = 1000;

fn key(number: usize) -> String {
    let filler: String = format!("{number:04}").repeat(19).chars().take(74).collect();
    format!("sk-proj-{filler}T3BlbkFJ{filler}")
}

fn file(key: &str) -> String {
    let mut lines: Vec<String> = (0..27).map(|number| format!("SETTING_{number}=8080")).collect();
    lines.insert(3, "# settings of this service".to_owned());
    lines.insert(9, "GREETING=\"hello, world\"".to_owned());
    lines.insert(14, String::new());
    lines.insert(20, format!("OPENAI_API_KEY={key}"));
    lines.join("\n") + "\n"
}

fn text(dialect: &str) -> String {
    let mut text = String::from(
        "version = 1\n[credentials.openai]\nprovider = \"openai\"\n[environments.production]\n",
    );
    for number in 0..LAYERS {
        text.push_str(&format!(
            "[[layers]]\nname = \"service {number}\"\nenvironment = \"production\"\n\
             kind = \"dotenv\"\npath = \"{number}.env\"\n{dialect}\n"
        ));
    }
    text
}

fn parse(text: &str, folder: &Path, catalogue: &Catalogue) -> Inventory {
    inventory::parse(text, "stalekey.toml", folder, catalogue).expect("a valid inventory")
}

fn check(inventory: &Inventory, catalogue: &Arc<Catalogue>) -> Arc<Snapshot> {
    let setup = Setup {
        inventory: inventory.clone(),
        catalogue: Arc::clone(catalogue),
        shell: Environment::new(),
        home: None,
        fingerprint_key: FingerprintKey::salt([7; 32]),
        offline: true,
        endpoints: BTreeMap::new(),
        environments: BTreeSet::new(),
        credentials: BTreeSet::new(),
        rotations: stalekey::engine::RotationSetup::default(),
        trust: Arc::new(stalekey::inventory::trust::Trust::All),
        tour: None,
    };
    engine::check(setup, |_| {}).expect("a runtime")
}

fn passes(criterion: &mut Criterion) {
    let catalogue = Arc::new(Catalogue::embedded());
    for keys in [5, LAYERS] {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..LAYERS {
            let path = folder.path().join(format!("{number}.env"));
            fs::write(path, file(&key(number % keys))).expect("a file");
        }
        for dialect in ["dialect = \"python-dotenv\"", ""] {
            let inventory = parse(&text(dialect), folder.path(), &catalogue);
            let named = if dialect.is_empty() { "no dialect" } else { "a dialect" };
            criterion.bench_function(
                &format!("check {LAYERS} layers, {keys} keys, {named}"),
                |b| {
                    b.iter(|| check(black_box(&inventory), &catalogue));
                },
            );
        }
    }
}

fn parts(criterion: &mut Criterion) {
    let catalogue = Arc::new(Catalogue::embedded());
    let text = text("dialect = \"python-dotenv\"");
    criterion.bench_function(&format!("inventory of {LAYERS} layers"), |bencher| {
        bencher.iter(|| parse(black_box(&text), Path::new("."), &catalogue));
    });
    let wanted = Wanted::new(BTreeSet::from(["OPENAI_API_KEY".to_owned()]));
    let (plain, odd) = (file(&key(1)), file(&key(1)) + "ODD = 1\n");
    for (name, bytes) in [("lines that stand for themselves", &plain), ("an odd line", &odd)] {
        for dialect in [Dialect::PythonDotenv, Dialect::NodeDotenv] {
            let title = format!("one file of {name}, {}", dialect.name());
            criterion.bench_function(&title, |bencher| {
                let bytes = black_box(bytes.as_bytes());
                bencher.iter(|| read_wanted(&[dialect], &[bytes], &Environment::new(), &wanted));
            });
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..LAYERS {
        let path = folder.path().join(format!("{number}.env"));
        fs::write(path, file(&key(number % 5))).expect("a file");
    }
    let snapshot = check(&parse(&text, folder.path(), &catalogue), &catalogue);
    for (name, format) in [("people", report::Format::Human), ("programs", report::Format::Json)] {
        criterion.bench_function(&format!("report of {LAYERS} rows for {name}"), |bencher| {
            let style = report::Style::default();
            bencher.iter(|| {
                let mut out = std::io::sink();
                report::write(black_box(&snapshot), format, style, 0, &mut out).expect("a sink");
            });
        });
    }
}

criterion_group!(benches, passes, parts);
criterion_main!(benches);
