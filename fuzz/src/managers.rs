//! What process managers print and keep: supervisord's configuration, PM2's lists, `systemctl show`.

use std::collections::BTreeSet;

use stalekey::formats::{
    pm2::{App, dump, jlist},
    supervisor::{self, Failure},
    systemd::{Machine, Scope, Shown},
};

use super::{
    holds::{Sheets, same},
    input::{Input, environment},
    seeds,
};

const NAMES: [&str; 3] = ["/etc/supervisord.conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    match input.choose(&["supervisor", "jlist", "dump", "shown"]) {
        "supervisor" => configuration(input),
        "jlist" => apps(input.rest(), jlist),
        "dump" => apps(input.rest(), dump),
        _ => shown(input.rest()),
    }
}

fn configuration(mut input: Input<'_>) {
    let environment = environment();
    let daemon = input.choose(&[None, Some(&environment)]);
    let mut folder = input.folder(&NAMES);
    let answer = same(|| {
        supervisor::read(NAMES[0], "host", &mut folder).and_then(|config| {
            let _ = (config.pid_file(), config.names());
            config.programs(None, daemon)
        })
    });
    let sheets = Sheets::several(folder.files());
    match answer {
        Ok(programs) => programs.iter().for_each(|program| {
            sheets.named(&program.contents);
            assert!(!program.target().is_empty());
        }),
        Err(Failure::Refused { path, refusal }) => sheets.refusal(&path, &refusal),
        Err(Failure::Absent | Failure::Unreadable { .. }) => {}
    }
}

type Reader = fn(&[u8], &BTreeSet<&str>) -> Result<Vec<App>, stalekey::formats::Refusal>;

fn apps(bytes: &[u8], read: Reader) {
    let wanted = BTreeSet::from(["K", "OTHER"]);
    // A line of several is read; a place in it is one of that line.
    if let Ok(apps) = same(|| read(bytes, &wanted)) {
        let sheets = Sheets::one(bytes);
        for app in &apps {
            sheets.named(&app.contents);
        }
    }
}

fn shown(bytes: &[u8]) {
    let Some(shown) = Shown::parse(bytes) else { return };
    assert!(!shown.id.is_empty());
    let mut none = Input::of(b"").folder(&[]);
    let _ = same(|| shown.environment(Scope::User, &Machine::default(), &mut none));
}

const CONFIGURATION: &str = "\
[supervisord]
environment=SHARED=\"a\",K=b
pidfile=%(here)s/s.pid
[include]
files = conf.d/*.conf
[program:api]
command=x ; remark
numprocs=2
process_name=%(program_name)s_%(process_num)02d
environment=
  K=\"%(ENV_PARENT)s,1%%\",
  OTHER='w' # remark
\x1e[group:g]
programs=api,web
\x1e[program:web]
command: y
environment: K=v,
";

const LIST: &str = r#"banner
[{"pid":7,"name":"api","pm_id":0,"pm2_env":{"env":{"K":"v"},"K":"w","PM2_JSON_PROCESSING":"true"}},{"name":"m","pm2_env":{"pmx_module":true}}]
"#;

const SHOWN: &str = "Id=api.service\nMainPID=7\nEnvironment=K=v \"A=b \\\"c\\\" \\$d 5%\"\n\
    EnvironmentFiles=/x (ignore_errors=yes)\nUnsetEnvironment=A\nNeedDaemonReload=yes\n\
    DropInPaths=/a/b \"/c d\"\n";

pub fn seeds() -> Vec<Vec<u8>> {
    let of = |start: &[u8], files: Vec<Vec<u8>>| seeds::chosen(&files, &[start.to_vec()]);
    let mut all = of(&[0, 1], vec![CONFIGURATION.as_bytes().to_vec(); 2]);
    all.extend(of(&[0, 0], seeds::literals("src/formats/supervisor")));
    all.extend(of(&[1], vec![LIST.as_bytes().to_vec(); 4]));
    all.extend(of(&[2], vec![LIST.trim_start_matches("banner\n").as_bytes().to_vec(); 4]));
    all.extend(of(&[3], vec![SHOWN.as_bytes().to_vec(); 4]));
    all
}
