//! Everything that the dashboard can show of a picture, and everything that it copies.

use stalekey::{
    domain::snapshot::Snapshot,
    tui::{
        Options,
        message::{Effect, Message},
        update::update,
    },
};

use super::{
    dashboard::{dashboard, press, screen},
    gate::Gate,
};

const SIZES: [(u16, u16); 3] = [(40, 12), (100, 30), (220, 60)];

/// Opens every screen and overlay, at three sizes, on every row.
pub(crate) fn look_at_everything(gate: &mut Gate, name: &str, snapshot: &Snapshot) {
    gate.saw(format!("{name}: Debug of the snapshot"), format!("{snapshot:?}"));
    gate.saw(format!("{name}: Debug of the snapshot, pretty"), format!("{snapshot:#?}"));
    for (number, (width, height)) in SIZES.into_iter().enumerate() {
        let options = Options { ascii: number == 1, ..Options::default() };
        let mut model = dashboard(options, width, height, snapshot.clone());
        let mut step = |keys: &str| {
            let effects = press(&mut model, keys);
            for effect in &effects {
                if let Effect::Copy(text) = effect {
                    gate.saw(format!("{name}: copied by {keys}"), text.as_bytes());
                }
            }
            gate.saw(format!("{name}: {width}x{height} after {keys}"), screen(&model));
        };
        step("g");
        for row in 0..snapshot.rows.len() {
            // All of every row is in the Debug of the picture; the screens take turns.
            let keys: &[&str] = match (number, row % 24) {
                (2, 0 | 5 | 11 | 17) => &["enter", "y", "Y", "=", "esc", "j"],
                (_, 0) => &["enter", "y", "Y", "ctrl-d", "G", "=", "esc", "j"],
                _ => &["j"],
            };
            for keys in keys {
                step(keys);
            }
        }
        for keys in [
            "t", "x", "enter", "pgdn", "esc", "?", "j", "y", "esc", "/ openai", "enter", "esc",
            "b", "b", "b", "n", "N",
        ] {
            step(keys);
        }
        for _ in 0..8 {
            step("s");
        }
        step("S");
        step("R");
        for keys in ["M", "esc", "M", "enter", "M", "M"] {
            step(keys);
        }
        step("r");
        for (wide, high) in [(30, 8), (80, 24), (300, 90)] {
            update(&mut model, Message::Resize(wide, high));
            gate.saw(format!("{name}: resized to {wide}x{high}"), screen(&model));
            press(&mut model, "enter");
            gate.saw(format!("{name}: details at {wide}x{high}"), screen(&model));
            press(&mut model, "esc");
        }
        update(&mut model, Message::EngineStopped);
        gate.saw(format!("{name}: the engine stopped"), screen(&model));
    }
}
