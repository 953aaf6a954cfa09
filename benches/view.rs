//! One frame of a large dashboard; the budget is 2 ms for 10 000 rows at 200x50 columns and lines.

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "../tests/support/dashboard.rs"]
mod support;

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::{Terminal, backend::TestBackend};
use stalekey::tui::{Options, message::Message, update::update, view::view};
use support::{dashboard, large, press};

fn frames(criterion: &mut Criterion) {
    for rows in [300, 10_000] {
        let mut model = dashboard(Options::default(), 200, 50, large(rows));
        let mut terminal = Terminal::new(TestBackend::new(200, 50)).expect("a buffer");
        criterion.bench_function(&format!("frame of {rows} rows at 200x50"), |bencher| {
            bencher.iter(|| {
                terminal.draw(|frame| view(black_box(&model), frame)).expect("a buffer");
            });
        });
        criterion.bench_function(&format!("next problem and a frame of {rows} rows"), |bencher| {
            bencher.iter(|| {
                press(&mut model, "n");
                terminal.draw(|frame| view(black_box(&model), frame)).expect("a buffer");
            });
        });
    }
}

fn pictures(criterion: &mut Criterion) {
    let snapshot = Arc::new(large(10_000));
    let mut model = dashboard(Options::default(), 200, 50, large(10));
    criterion.bench_function("take a picture of 10000 rows", |bencher| {
        bencher.iter(|| update(&mut model, Message::Snapshot(Arc::clone(&snapshot))));
    });
    criterion.bench_function("one keystroke of a filter over 10000 rows", |bencher| {
        bencher.iter(|| press(&mut model, "/ w esc"));
    });
}

criterion_group!(benches, frames, pictures);
criterion_main!(benches);
