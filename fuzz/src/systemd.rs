//! systemd units with their drop-ins and environment files.

use stalekey::formats::systemd::{Failure, Machine, Request, Scope, resolve};

use super::{
    holds::{Sheets, same},
    input::{Input, environment},
    seeds,
};

const NAMES: [&str; 5] = [
    "/etc/systemd/system/api.service",
    "/etc/api.env",
    "/etc/systemd/system/api.service.d/10.conf",
    "/etc/systemd/system/service.d/20.conf",
    "/home/user/.config/systemd/user/api.service",
];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let mut request = Request {
        unit: input.choose(&[Some("api"), Some("api.service"), None]).map(str::to_owned),
        scope: input.choose(&[Scope::System, Scope::User]),
        files: Vec::new(),
    };
    if request.unit.is_none() {
        request.files = [NAMES[0], NAMES[2]].map(str::to_owned).into();
    }
    let machine = Machine {
        home: Some("/home/user".to_owned()),
        host: Some("host".to_owned()),
        runtime: Some("/run/user/1000".to_owned()),
        environment: environment(),
    };
    let mut folder = input.folder(&NAMES);
    let resolved = same(|| resolve(&request, &machine, &mut folder));
    let sheets = Sheets::several(folder.files());
    match resolved {
        Ok(unit) => {
            sheets.place(&unit.place);
            sheets.named(&unit.contents);
        }
        Err(Failure::Refused { path, refusal }) => sheets.refusal(&path, &refusal),
        Err(Failure::Absent | Failure::Masked { .. } | Failure::Unreadable { .. }) => {}
    }
}

/// Every file has something to say.
const FOLDER: &str = "\
[Unit]
Description=x
[Service]
Environment=\"A=1 2\" B=%i C=$A 'D=\\x41'
EnvironmentFile=-/etc/*.env
PassEnvironment=PARENT
UnsetEnvironment=B D=1
\x1e# comment
K=\"v\" # c
A='w'
\x1e[Service]
Environment=
Environment=K=dropped
\x1e[Service]
EnvironmentFile=
\x1e[Service]
Environment=HOME_OF=%h
";

pub fn seeds() -> Vec<Vec<u8>> {
    let mut files = seeds::literals("src/formats/systemd");
    files.extend(
        seeds::texts("corpus/dotenv_matrix.json", "text")
            .into_iter()
            .map(|file| [b"[Service]\nEnvironmentFile=/etc/api.env\n\x1e", &*file].concat()),
    );
    files.extend(vec![FOLDER.as_bytes().to_vec(); 3]);
    seeds::chosen(&files, &[vec![0, 0], vec![2, 0], vec![1, 1]])
}
