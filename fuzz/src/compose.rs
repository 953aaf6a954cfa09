//! Compose projects of several files.

use stalekey::formats::compose::{Failure, Request, resolve};

use super::{
    holds::{Sheets, same},
    input::{Input, environment},
    seeds,
};

const NAMES: [&str; 6] =
    ["compose.yaml", ".env", "compose.override.yaml", "app.env", "base.yaml", "sub/compose.yaml"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let request = Request {
        folder: String::new(),
        files: texts(input.choose(&[&[][..], &["compose.yaml"], &["base.yaml", "compose.yaml"]])),
        env_files: texts(input.choose(&[&[][..], &["app.env"]])),
        profiles: texts(input.choose(&[&[][..], &["debug"]])),
        service: input.choose(&[None, Some("s"), Some("api")]).map(str::to_owned),
        variables: Vec::new(),
    };
    let environment = environment();
    let mut folder = input.folder(&NAMES);
    let resolved = same(|| resolve(&request, &environment, &mut folder));
    let sheets = Sheets::several(folder.files());
    match resolved {
        Ok(project) => {
            for service in &project.services {
                sheets.named(&service.contents);
            }
            project.problems.iter().for_each(|problem| sheets.place(&problem.place));
        }
        Err(Failure::Refused { path: Some(path), refusal }) => sheets.refusal(&path, &refusal),
        Err(Failure::Refused { path: None, refusal }) => assert_eq!(refusal.position, None),
        Err(Failure::Unreadable { .. }) => {}
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut projects = seeds::literals("src/formats/compose");
    projects.extend(seeds::projects("corpus/compose_scenarios.json", &NAMES));
    seeds::chosen(&projects, &[vec![0, 0, 0, 0], vec![1, 0, 1, 1], vec![2, 1, 1, 0]])
}
