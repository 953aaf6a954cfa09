//! Keys in what process managers print and keep, and in what they say when they fail.

use std::{fs, os::unix::fs::PermissionsExt as _, os::unix::net::UnixListener};

use serde_json::{Map, Value, json};
use stalekey::engine;

use super::{
    canary::{Canary, Format},
    gate::Gate,
    layers::{PLAIN, head, keys, lines, setup, variables},
    screens::look_at_everything,
    world::{Variables, Waiting, World},
};

fn stand_in(world: &World, name: &str, script: &str) {
    let file = format!("bin/{name}");
    world.write(&file, format!("#!/bin/sh\n{script}\n"));
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(world.work().join(file), mode).expect("a program");
}

fn layers() -> String {
    let layer = |name: &str, rest: &str| {
        format!("[[layers]]\nname = \"{name}\"\nenvironment = \"production\"\n{rest}\n")
    };
    layer("unit", "kind = \"systemd\"\nunit = \"api\"\nscope = \"user\"")
        + &layer("apps", "kind = \"pm2\"\nhome = \"pm2\"")
        + &layer("programs", "kind = \"supervisor\"\nconfig = \"s.conf\"")
}

fn environment(keys: &[(&str, Canary)]) -> Map<String, Value> {
    keys.iter().map(|(name, key)| ((*name).to_owned(), key.text().into())).collect()
}

fn app(name: &str, pid: u32, keys: &[(&str, Canary)]) -> Value {
    let mut settings = environment(keys);
    settings.insert("env".to_owned(), environment(keys).into());
    settings.insert("name".to_owned(), name.into());
    json!({"pid": pid, "name": name, "pm_id": 0, "pm2_env": settings})
}

struct Scene {
    world: World,
    inventory: String,
    shell: Variables,
    shown: Vec<Canary>,
    _waiting: Vec<Waiting>,
    _socket: UnixListener,
}

impl Scene {
    /// Each place has keys of its own; a process of each manager has others again.
    fn new(gate: &mut Gate) -> Self {
        let world = World::new();
        let mut shown = Vec::new();
        let mut keys_in = |place: &str| {
            let all = keys(gate, place);
            all.into_iter().take(PLAIN).collect::<Vec<_>>()
        };
        let process = keys_in("a managed process");
        let handed = keys_in("the environment of supervisord");
        let waiting = vec![
            Waiting::start(b"managed", &[], &variables(&process)),
            Waiting::start(b"PM2 v7.0.4: God Daemon (/h/.pm2)", &[], &variables(&process)),
            Waiting::start(b"supervisord", &[], &variables(&handed)),
        ];
        let pid = waiting[0].pid();

        let (loaded, unit) = (keys_in("a loaded unit"), keys_in("a file of a unit"));
        let words = lines(&loaded, |name, key| format!("\"{name}={}\" ", key.text()));
        let printed = format!(
            "Id=api.service\nLoadState=loaded\nActiveState=active\nMainPID={pid}\n\
             NeedDaemonReload=yes\nEnvironment={words}\n"
        );
        world.write("shown", printed);
        stand_in(
            &world,
            "systemctl",
            &format!("exec /bin/cat '{}'", world.work().join("shown").display()),
        );
        let file = lines(&unit, |name, key| format!("Environment=\"{name}={}\"\n", key.text()));
        let units = world.home().join(".config/systemd/user");
        fs::create_dir_all(&units).expect("folders");
        fs::write(units.join("api.service"), format!("[Service]\n{file}")).expect("a unit");

        let (copy, saved) = (keys_in("a copy of PM2"), keys_in("a dump of PM2"));
        world.write("pm2/pm2.pid", waiting[1].pid().to_string());
        let socket = UnixListener::bind(world.work().join("pm2/rpc.sock")).expect("a socket");
        world.write("jlist", format!("a banner\n{}\n", json!([app("api", pid, &copy)])));
        stand_in(
            &world,
            "pm2",
            &format!("exec /bin/cat '{}'", world.work().join("jlist").display()),
        );
        let mut dump = environment(&saved);
        dump.insert("name".to_owned(), "api".into());
        world.write("pm2/dump.pm2", json!([dump]).to_string());

        let own = keys_in("a program of supervisord");
        let pairs = lines(&own, |name, key| format!(" {name}=\"{}\",\n", key.text()));
        world.write(
            "s.conf",
            format!("[supervisord]\npidfile=%(here)s/s.pid\n[program:api]\ncommand=x\nenvironment=\n{pairs}[program:bare]\ncommand=x\n"),
        );
        world.write("s.pid", waiting[2].pid().to_string());

        for keys in [&unit, &copy, &own, &handed] {
            // The last is no key that is known by its form.
            shown.extend(keys[..PLAIN - 1].iter().map(|(_, key)| key.clone()));
        }
        let inventory = head() + &layers();
        world.write("stalekey.toml", &inventory);
        let path = world.work().join("bin").into_os_string().into_encoded_bytes();
        let shell = vec![("PATH".to_owned(), path)];
        Self { world, inventory, shell, shown, _waiting: waiting, _socket: socket }
    }
}

#[test]
fn what_managers_keep_is_masked_everywhere() {
    let mut gate = Gate::new();
    let scene = Scene::new(&mut gate);
    for run in [&["check", "--offline"][..], &["check", "--offline", "--format", "json"]] {
        let mut shell = scene.shell.clone();
        // The user's manager looks below the home of its user.
        shell.push(("XDG_CONFIG_HOME".to_owned(), b"/none".to_vec()));
        scene.world.run(&mut gate, run, &shell);
    }
    let setup = setup(&scene.world, &scene.inventory, &scene.shell);
    let snapshot = engine::check(setup, |_| {}).expect("a pass");
    gate.saw("Debug of the picture", format!("{snapshot:?}"));
    look_at_everything(&mut gate, "managers", &snapshot);
    for key in &scene.shown {
        gate.assert_shown(key);
    }
    gate.verdict();
}

/// What a command says when it fails, and what cannot be read, is never quoted.
#[test]
fn what_managers_say_when_they_fail_is_not_quoted() {
    let mut gate = Gate::new();
    let scene = Scene::new(&mut gate);
    let key = gate.key(Format::OpenaiProject, "words of a failure");
    let text = key.text();
    let scripts = [
        format!("echo 'Failed to parse {text}' >&2; echo '{text}'; exit 1"),
        format!("echo '[{{\"name\": \"{text}'; echo 'Id'; exit 0"),
        format!("echo 'Access denied: {text}' >&2; exit 4"),
    ];
    let configurations = [
        format!("[supervisord]\n[program:api]\ncommand=x\nenvironment=OPENAI_API_KEY=\"{text}\n"),
        format!("[supervisord]\n[program:api]\ncommand=x\nenvironment=OPENAI_API_KEY={text}%\n"),
        format!("{text}\n"),
    ];
    for (script, configuration) in scripts.iter().zip(&configurations) {
        stand_in(&scene.world, "systemctl", script);
        stand_in(&scene.world, "pm2", script);
        scene.world.write("s.conf", configuration);
        scene.world.write("pm2/dump.pm2", format!("[{{\"OPENAI_API_KEY\": \"{text}\""));
        scene.world.run(&mut gate, &["check", "--offline"], &scene.shell);
        scene.world.run(&mut gate, &["check", "--offline", "--format", "json"], &scene.shell);
    }
    gate.verdict();
}
