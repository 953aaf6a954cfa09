//! The words of a first start, when there is no inventory.

/// One way on, and the command that goes it.
const WAYS: [(&str, &str); 3] = [
    ("stalekey init", "finds the layers below this folder, and writes an inventory of them"),
    ("stalekey demo", "shows everything on a sample environment, with no network and no keys"),
    ("stalekey --config FILE", "names an inventory; config.example.toml is one to begin with"),
];

/// For standard error.
pub(super) fn without_inventory(looked_in: &[String]) -> String {
    let looked: Vec<String> = looked_in.iter().map(|place| format!("  {place}")).collect();
    let hints = WAYS.map(|(command, does)| format!("hint: `{command}` {does}"));
    format!("error: No inventory found. Looked for:\n{}\n\n{}", looked.join("\n"), hints.join("\n"))
}

/// For the dashboard, a line each.
pub(super) fn screen(looked_in: &[String]) -> Vec<String> {
    let mut lines = vec!["No inventory found. Looked for:".to_owned(), String::new()];
    lines.extend(looked_in.iter().map(|place| format!("  {place}")));
    lines.push(String::new());
    lines.extend(WAYS.map(|(command, does)| format!("`{command}` {does}")));
    lines.push(String::new());
    lines.push(
        "An inventory names the layers that hold your keys; it never holds a key.".to_owned(),
    );
    lines
}
