//! `stalekey trust`: what an inventory asks for, and a person's answer (SECURITY T6, T7).

use std::{
    io::{self, BufRead as _, BufWriter, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::Args;

use super::{
    Exit, Failure,
    setting::{self, RunArguments, User},
};
use crate::{
    domain::{
        inert::{inert, quoted},
        trust::{Ask, Untrusted},
    },
    engine::{self, Setup},
    inventory::{
        Inventory,
        discovery::state_folder,
        trust::{self, Effect, Ledger, Survey, Trust},
    },
};

/// The word that trusts; nothing shorter does.
const WORD: &str = "trust";

/// What to do about it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Options {
    /// The inventory [default: $STALEKEY_CONFIG, ./stalekey.toml, the user's config folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Accept exactly what this digest stands for, without a question; several with commas between
    #[arg(long, value_name = "DIGEST")]
    pub accept: Vec<String>,
    /// Forget all that was accepted for this inventory
    #[arg(long, conflicts_with = "accept")]
    pub revoke: bool,
    /// Every inventory that something was accepted for, and what
    #[arg(long, conflicts_with_all = ["accept", "revoke", "config"])]
    pub list: bool,
}

/// What an inventory asks for now.
struct Look {
    name: String,
    inventory: Inventory,
    ledger: std::sync::Arc<Trust>,
}

pub(super) fn run(options: &Options) -> Result<Exit, Failure> {
    if options.list {
        return list();
    }
    let user = setting::user()?;
    let look = Look::at(options, &user)?;
    let Trust::Only(ledger) = &*look.ledger else { return Ok(Exit::Success) };
    if options.revoke {
        return revoke(ledger, &look.name);
    }
    if !options.accept.is_empty() {
        let digests = trust::digests_in(&options.accept.join(","))
            .map_err(|why| Failure::Message(format!("error: `--accept`: {why}")))?;
        return accept(&look, ledger, &digests);
    }
    show(options, &user, &look.name, &ledger.survey(&look.inventory))
}

/// Shows everything, and asks where a person sits.
fn show(options: &Options, user: &User, name: &str, first: &Survey) -> Result<Exit, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    write_survey(name, first, &mut out)?;
    if first.lines.iter().all(|line| line.accepted) {
        out.flush()?;
        return Ok(Exit::Success);
    }
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        write_ways(options, &first.digests, &mut out)?;
        out.flush()?;
        return Ok(Exit::Untrusted);
    }
    let mut digests = first.digests.clone();
    loop {
        write!(out, "\nType `{WORD}` to accept this; Enter alone only looks: ")?;
        out.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() != WORD {
            writeln!(out, "Nothing was accepted, and nothing of it happens.")?;
            out.flush()?;
            return Ok(Exit::Untrusted);
        }
        let look = Look::at(options, user)?;
        let Trust::Only(ledger) = &*look.ledger else { return Ok(Exit::Success) };
        let count = ledger.accept_digests(&look.inventory, &digests).map_err(|why| failed(&why))?;
        writeln!(out, "{}", accepted(count, name))?;
        // What may be read now may name other files.
        let look = Look::at(options, user)?;
        let Trust::Only(ledger) = &*look.ledger else { return Ok(Exit::Success) };
        let survey = ledger.survey(&look.inventory);
        if survey.lines.iter().all(|line| line.accepted) {
            out.flush()?;
            return Ok(Exit::Success);
        }
        writeln!(out, "\nReading that, more was found:\n")?;
        write_lines(survey.lines.iter().filter(|line| !line.accepted).map(|it| &it.ask), &mut out)?;
        digests.clone_from(&survey.digests);
    }
}

fn accept(look: &Look, ledger: &Ledger, digests: &[String]) -> Result<Exit, Failure> {
    let count = ledger.accept_digests(&look.inventory, digests).map_err(|why| failed(&why))?;
    writeln!(io::stdout().lock(), "{}", accepted(count, &look.name))?;
    let left = ledger.survey(&look.inventory);
    let done = left.lines.iter().all(|line| line.accepted || line.found);
    Ok(if done { Exit::Success } else { Exit::Untrusted })
}

fn revoke(ledger: &Ledger, name: &str) -> Result<Exit, Failure> {
    let was = ledger.revoke().map_err(|why| failed(&why))?;
    let text = if was {
        format!("Nothing is trusted any more for {name}.")
    } else {
        format!("Nothing was trusted for {name}.")
    };
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(Exit::Success)
}

fn list() -> Result<Exit, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let stored = state_folder().map(|folder| trust::stored(&folder)).unwrap_or_default();
    if stored.is_empty() {
        writeln!(out, "No inventory is trusted with more than to look at its own folder.")?;
    }
    let mut damaged = false;
    for (number, entry) in stored.into_iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        match entry {
            Ok((inventory, lines)) => {
                writeln!(out, "{inventory}")?;
                for line in lines {
                    let date = line.at.strftime("%F");
                    writeln!(out, "  {date}  {}", line.text)?;
                }
            }
            Err(why) => {
                damaged = true;
                writeln!(out, "{why}")?;
            }
        }
    }
    out.flush()?;
    Ok(if damaged { Exit::Usage } else { Exit::Success })
}

impl Look {
    /// Reads what may be read, sends nothing and runs nothing: only files tell which others they
    /// name.
    fn at(options: &Options, user: &User) -> Result<Self, Failure> {
        let arguments = RunArguments { config: options.config.clone(), ..RunArguments::default() };
        let setup = setting::setup(&arguments, user)?;
        let name = setup
            .inventory
            .path
            .as_ref()
            .map_or_else(|| "this inventory".to_owned(), |path| inert(&path.to_string_lossy()));
        let (inventory, ledger) = (setup.inventory.clone(), std::sync::Arc::clone(&setup.trust));
        let mut only_files = inventory.clone();
        only_files.layers.retain(|layer| {
            trust::of_layer(layer, &inventory.folder).iter().all(Effect::is_of_files)
        });
        engine::planned_requests(Setup { inventory: only_files, ..setup })
            .map_err(|_| Failure::Message("error: The system gives no runtime".to_owned()))?;
        Ok(Self { name, inventory, ledger })
    }
}

fn write_survey(name: &str, survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    let new: Vec<&Ask> =
        survey.lines.iter().filter(|line| !line.accepted).map(|line| &line.ask).collect();
    let old: Vec<&Ask> =
        survey.lines.iter().filter(|line| line.accepted).map(|line| &line.ask).collect();
    if survey.lines.is_empty() {
        return writeln!(out, "{name} asks for nothing but to look at its own folder.");
    }
    if !new.is_empty() {
        writeln!(out, "{name} asks for more than to look at its own folder:\n")?;
        write_lines(new.iter().copied(), out)?;
        if !old.is_empty() {
            writeln!(out)?;
        }
    }
    if !old.is_empty() {
        writeln!(out, "Accepted for {name}:\n")?;
        write_lines(old.iter().copied(), out)?;
    }
    Ok(())
}

fn write_lines<'a>(asks: impl Iterator<Item = &'a Ask>, out: &mut dyn Write) -> io::Result<()> {
    let mut last = None;
    for ask in asks {
        // The same words may stand for two pins; a person reads them once.
        if last != Some(ask) {
            writeln!(out, "  {ask}")?;
        }
        last = Some(ask);
    }
    Ok(())
}

fn write_ways(options: &Options, digests: &[String], out: &mut dyn Write) -> io::Result<()> {
    let digests = digests.join(",");
    let config = config(options.config.as_ref());
    writeln!(out, "\nNobody was asked, since this is no terminal. To accept exactly this:\n")?;
    writeln!(out, "  stalekey trust{config} --accept {digests}")
}

fn config(config: Option<&PathBuf>) -> String {
    config.map_or_else(String::new, |path| {
        format!(" --config {}", quoted(&inert(&path.to_string_lossy())))
    })
}

/// What a run without a person says about what was not done (SECURITY T7), for standard error.
pub(super) fn notice(untrusted: &Untrusted, arguments: &RunArguments) -> String {
    let lines: Vec<String> = untrusted.asks.iter().map(|ask| format!("  {ask}\n")).collect();
    let typed = if arguments.trust.is_empty() && std::env::var_os(setting::TRUST).is_none() {
        ""
    } else {
        "\nThe digest that was given stands for something else.\n"
    };
    format!(
        "untrusted: the inventory asks for more than to look at its own folder. This was not \
         done:\n\n{}{typed}\nlook and decide:   stalekey trust{}\nfor one run:       --trust \
         {digests}\n                   (or STALEKEY_TRUST)",
        lines.concat(),
        config(arguments.config.as_ref()),
        digests = untrusted.digests.join(",")
    )
}

fn accepted(count: usize, name: &str) -> String {
    let lines = if count == 1 { "line was" } else { "lines were" };
    format!("{count} {lines} accepted for {name}.")
}

fn failed(why: &str) -> Failure {
    Failure::Message(format!("error: {why}\n\nhint: `stalekey trust` shows what it asks for now"))
}
