//! Names, folders and links that want to break something.

use std::{
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, chown, symlink},
    },
};

use super::{every_layer_is_a_row, layers, names};
use crate::context::{TestContext, permit};

#[test]
fn names_of_files_cannot_break_the_inventory() {
    let context = TestContext::new();
    let key = context.key("one");
    let folders = [
        "a\"]\n[[layers]]\nname = \"x",
        "b'''\"\"\"",
        "c\\n\\",
        "d]#= .",
        "e\u{202e}gnp\u{1b}[31m",
        "f\r\tg",
        "-rf",
        "naïve 名前",
    ];
    for folder in folders {
        context.write(&format!("{folder}/.env"), format!("OPENAI_API_KEY={key}\n"));
        context.write(
            &format!("{folder}/compose.yaml"),
            "services: {web: {image: x, env_file: .env}}\n",
        );
    }
    let odd = context.path("").join(std::ffi::OsStr::from_bytes(b"odd\xff.env"));
    fs::write(odd, format!("OPENAI_API_KEY={key}\n")).unwrap();
    let run = context.init(&[]);
    let text = context.written();
    assert_eq!(layers(&text).len(), 2 * folders.len(), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\t']), "{text:?}");
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}', '\r', '\t']), "{run:?}");
    assert!(run.stdout.contains("1 entry with a name that is not UTF-8"), "{run:?}");
    every_layer_is_a_row(&context);
}

#[test]
fn links_lead_neither_out_nor_round() {
    let context = TestContext::new();
    context.write("a/.env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    symlink(context.path(""), context.path("a/loop")).unwrap();
    symlink("/etc/environment", context.path("a/far.env")).unwrap();
    symlink("self.env", context.path("self.env")).unwrap();
    let run = context.init(&[]);
    assert!(run.stdout.contains("not followed: a/far.env, self.env"), "{run:?}");
    let found = layers(&context.written());
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a .env"]);
}

#[test]
fn what_may_not_be_read_is_told() {
    let context = TestContext::new();
    for path in ["a/.env", "closed/.env", "secret.env"] {
        context.write(path, format!("OPENAI_API_KEY={}\n", context.key(path)));
    }
    for path in ["closed", "secret.env"] {
        permit(&context.path(path), 0o000);
    }
    if rustix::process::geteuid().is_root() {
        // The superuser may read everything, so somebody else owns it.
        for path in ["", "a", "a/.env", "closed", "secret.env"] {
            chown(context.path(path), Some(65534), Some(65534)).unwrap();
        }
    }
    let Some(command) = context.command_without_rights(&["init", "--yes"]) else { return };
    let run = context.finish(command, "");
    permit(&context.path("closed"), 0o700);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(layers(&context.written()).keys().collect::<Vec<_>>(), ["a .env"]);
    assert!(run.stdout.contains("no permission to look into: closed"), "{run:?}");
    assert!(run.stdout.contains("secret.env: permission denied"), "{run:?}");
}

#[test]
fn what_is_no_file_does_not_hold_it_up() {
    let context = TestContext::new();
    let fifo = |name: &str| {
        let kind = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, context.path(name), kind, mode, 0).unwrap();
    };
    for name in [".env", "compose.yaml", "deployment.yaml", "api.service", ".gitlab-ci.yml"] {
        fifo(name);
    }
    let run = context.run(&["init", "--yes"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stdout.contains("FIFO") && run.stdout.contains("No layer was found"), "{run:?}");
}

#[test]
fn a_folder_that_others_can_write_gets_no_inventory() {
    let context = TestContext::new();
    context.write("shared/.env", "OPENAI_API_KEY=value\n");
    permit(&context.path("shared"), 0o777);
    let mut command = context.command(&["init", "--yes"]);
    command.current_dir(context.path("shared"));
    let run = context.finish(command, "");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("chmod o-w"), "{run:?}");
    assert_eq!(names(&context.path("shared")), [".env"]);
}

#[test]
fn others_cannot_write_what_is_written() {
    let context = TestContext::new();
    context.write(".env", "OPENAI_API_KEY=value\n");
    context.init(&[]);
    let mode = context.path("stalekey.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "{mode:o}");
    assert_eq!(names(&context.path("")), [".env", "stalekey.toml"]);
}

#[test]
fn no_value_is_in_what_is_written() {
    let context = TestContext::new();
    let key = context.key("one");
    for name in [".env", "web/.env.production"] {
        context.write(name, format!("OPENAI_API_KEY={key}\nACME_API_KEY={key}\n"));
    }
    context.write("home/.zshrc", format!("export OPENAI_API_KEY={key}\n"));
    let context = context.with("ANTHROPIC_API_KEY", "a value of this shell");
    let run = context.init(&["--running"]);
    let text = context.written();
    for part in key.as_bytes().windows(6) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!text.contains(part) || part.starts_with("sk-pr"), "{part}: {text}");
    }
    assert!(!text.contains("a value of") && !run.stdout.contains("a value of"), "{text}");
    let found = layers(&text);
    assert_eq!(found["this shell"], "shell development anthropic");
    assert_eq!(found["~/.zshrc"], "shell-file development openai");
    assert!(text.contains("# variables = [\"ACME_API_KEY\"]"), "{text}");
    assert!(run.stdout.contains("READ  ~/.zshrc"), "{run:?}");
}
