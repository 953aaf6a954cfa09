//! `stalekey init`: finds layers and writes the inventory.

mod file;
mod picking;

use std::{
    env,
    io::{self, BufRead as _, BufWriter, IsTerminal as _, Write},
    path::Path,
};

use clap::Args;

use super::{Exit, Failure, setting, terminal, trust};
use crate::{
    domain::inert::inert,
    inventory::{
        self, Inventory,
        discovery::{self, FILE_NAME, InventoryFile, VARIABLE},
    },
    providers::Catalogue,
    survey::{self, Request, Survey},
};
use picking::{Picked, pick};

/// What to look at, and what to write.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Options {
    /// Take everything that is found, without a question
    #[arg(long)]
    yes: bool,
    /// Add what is new to the stalekey.toml that is here, and change nothing else of it
    #[arg(long)]
    update: bool,
    /// Look at the environments of your running processes and containers, too; only names of variables
    /// are kept
    #[arg(long)]
    running: bool,
    /// Take .env.example and its like for layers
    #[arg(long)]
    templates: bool,
}

/// What is said where nothing could be asked.
const NOT_ASKED: &str = "Nothing was written: this is no terminal, so nobody can pick.\n\n\
                         hint: `stalekey init --yes` takes all of it";

pub(super) fn run(options: Options) -> Result<Exit, Failure> {
    let folder = setting::current_folder()?;
    let path = folder.join(FILE_NAME);
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && !options.yes;
    let user = setting::user()?;
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !options.update && !may_update(interactive)? {
        return Ok(Exit::Usage);
    }
    let present = if is_there { Some(Present::read(&user.catalogue)?) } else { None };
    let inventory = present.as_ref().map(|present| &present.inventory);
    let running = options.running || (interactive && ask(RUNNING)?);
    let home = setting::home();
    let request = Request {
        folder: &folder,
        home: home.clone(),
        shell: setting::shell_environment(),
        running,
        templates: options.templates,
    };
    let survey = survey::survey(request, &user.catalogue, inventory);
    show(&survey, inventory, home.as_deref())?;
    if survey.proposals.is_empty() {
        return nothing_to_write(present.is_some());
    }
    let Some(survey) = choose(survey, options, interactive)? else { return Ok(Exit::Usage) };
    let text = match &present {
        Some(Present { file, inventory }) => {
            format!("{}{}", file.text, survey::added(&survey, inventory, &file.text))
        }
        None => survey::whole(&survey, &salt()?),
    };
    // It is read as it will be read, before anything is written.
    let written = inventory::parse(&text, FILE_NAME, &folder, &*user.catalogue)
        .map_err(|mistakes| not_valid(present.is_some(), &mistakes.to_string()))?;
    match &present {
        Some(present) => file::replace(&present.file, &text)?,
        None => file::create(&path, &text)?,
    }
    tell(&survey, &written, inventory)?;
    accept_effects(&path)?;
    Ok(Exit::Success)
}

/// The inventory that is here already.
struct Present {
    file: InventoryFile,
    inventory: Inventory,
}

impl Present {
    fn read(catalogue: &Catalogue) -> Result<Self, Failure> {
        let file = discovery::read(Path::new(FILE_NAME))
            .map_err(|refusal| Failure::Message(refusal.to_string()))?;
        let inventory =
            file.parse(catalogue).map_err(|mistakes| Failure::Message(mistakes.to_string()))?;
        Ok(Self { file, inventory })
    }
}

const RUNNING: &str = "Look at your running processes and containers, too? Only names of \
                       variables are kept. [y/N] ";

/// An inventory is never written over.
fn may_update(interactive: bool) -> Result<bool, Failure> {
    if interactive {
        let question = format!(
            "{FILE_NAME} is here already. Add what is new to it, and change nothing else? [y/N] "
        );
        return ask(&question);
    }
    Err(Failure::Message(format!(
        "error: {FILE_NAME} is here already, and is not written over\n\nhint: `stalekey init \
         --update` adds what is new, and changes nothing else of it"
    )))
}

/// Only a plain yes is one.
fn ask(question: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What was found, and what was not looked at.
fn show(
    survey: &Survey,
    inventory: Option<&Inventory>,
    home: Option<&Path>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    picking::list(survey, terminal::speaks_utf8(), &mut out)?;
    for note in &survey.notes {
        writeln!(out, "note: {note}")?;
    }
    let gone = inventory.map(|inventory| survey::vanished(inventory, home)).unwrap_or_default();
    for (name, paths) in gone {
        writeln!(out, "gone: the layer `{name}` is in {FILE_NAME}, and {paths} is not there")?;
    }
    out.flush()?;
    Ok(())
}

fn nothing_to_write(updates: bool) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    if updates {
        writeln!(out, "Nothing is new: {FILE_NAME} is as it was.")?;
        return Ok(Exit::Success);
    }
    writeln!(
        out,
        "No layer was found here: no file that `stalekey` can read defines a variable of the \
         catalogue\n(`stalekey providers` lists them). Nothing was written.\n\n\
         hint: run it in the folder above all that uses your keys; `--running` looks at \
         processes and containers, too"
    )?;
    Ok(Exit::Unproven)
}

/// What a person, or `--yes`, takes of it; `None`: nothing.
fn choose(survey: Survey, options: Options, interactive: bool) -> Result<Option<Survey>, Failure> {
    if options.yes {
        return Ok(Some(survey));
    }
    if !interactive {
        return Err(Failure::Message(NOT_ASKED.to_owned()));
    }
    let input = io::stdin();
    Ok(match pick(survey.proposals.len(), &mut input.lock(), &mut io::stdout().lock())? {
        Picked::These(numbers) => Some(survey.only(&numbers)),
        Picked::Nothing => {
            writeln!(io::stdout().lock(), "Nothing was written.")?;
            None
        }
    })
}

fn salt() -> Result<[u8; 32], Failure> {
    let mut salt = [0_u8; 32];
    getrandom::fill(&mut salt)
        .map_err(|_| Failure::Message("error: The system gives no random numbers".to_owned()))?;
    Ok(salt)
}

fn not_valid(updates: bool, mistakes: &str) -> Failure {
    let hint = if updates {
        format!(
            "hint: what was found cannot stand behind what is in {FILE_NAME}; write \
             `[credentials.NAME]` and `[environments.NAME]` there as headers"
        )
    } else {
        "hint: this is a mistake of `stalekey init`; please report it".to_owned()
    };
    Failure::Message(format!("{mistakes}\n\nNothing was written.\n{hint}"))
}

/// What was written, and the next step.
fn tell(survey: &Survey, written: &Inventory, before: Option<&Inventory>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let layers = survey.proposals.len();
    let layers = if layers == 1 { "1 layer".to_owned() } else { format!("{layers} layers") };
    match before {
        None => writeln!(out, "\nWrote {FILE_NAME}: {layers}. It holds names, no key.")?,
        Some(before) => {
            writeln!(out, "\nAdded {layers} at the end of {FILE_NAME}; the rest is as it was.")?;
            let all = before.layers.iter().filter(|layer| layer.credentials.is_none());
            let all: Vec<String> = all.map(|layer| format!("`{}`", inert(&layer.name))).collect();
            if written.credentials.len() > before.credentials.len() && !all.is_empty() {
                writeln!(
                    out,
                    "note: these layers name no `credentials`, so they are looked at for the new \
                     ones, too: {}",
                    all.join(", ")
                )?;
            }
        }
    }
    if env::var_os(VARIABLE).is_some_and(|path| !path.is_empty()) {
        writeln!(out, "note: {VARIABLE} names another inventory, and that one is used")?;
    }
    writeln!(out, "next: `stalekey check --offline` compares, and sends nothing; then `stalekey`")?;
    Ok(())
}

/// Shows what the inventory makes stalekey do beyond looking at its own folder, and asks for trust in
/// the same step (SECURITY T6). Whoever is not asked can decide later.
fn accept_effects(path: &Path) -> Result<(), Failure> {
    writeln!(io::stdout())?;
    let options = trust::Options { config: Some(path.to_owned()), ..trust::Options::default() };
    trust::run(&options).map(drop)
}
