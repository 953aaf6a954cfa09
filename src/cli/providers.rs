//! `stalekey providers`: who can be asked, how, and what this inventory would send.

mod one;

use std::io::{self, BufWriter, Write as _};

use clap::{Args, ValueEnum};

use super::{
    Exit, Failure, complain,
    setting::{self, RunArguments},
    trust,
};
use crate::{
    domain::outcome::Confidence,
    engine,
    providers::{Catalogue, Provider},
    report,
};

/// What to show.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Options {
    /// Its id, e.g. openai
    #[arg(conflicts_with = "plan")]
    pub id: Option<String>,
    /// Every request that this inventory would send, without sending any
    #[arg(long)]
    pub plan: bool,
    /// How to write the plan
    #[arg(long, value_enum, default_value_t, requires = "plan")]
    pub format: Format,
}

/// The formats of the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A page for people
    #[default]
    Human,
    /// For programs
    Json,
}

pub(super) fn run(options: &Options, arguments: &RunArguments) -> Result<Exit, Failure> {
    if options.plan {
        return plan(options.format, arguments);
    }
    if *arguments != RunArguments::default() {
        return Err(Failure::Message(
            "error: The inventory is looked at for a plan only\n\nhint: `stalekey providers --plan`"
                .to_owned(),
        ));
    }
    let catalogue = setting::user()?.catalogue;
    let mut out = BufWriter::new(io::stdout().lock());
    match &options.id {
        None => list(&catalogue, &mut out)?,
        Some(id) => {
            let provider = catalogue.provider(id).ok_or_else(|| unknown(&catalogue))?;
            out.write_all(one::page(provider).as_str().as_bytes())?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn plan(format: Format, arguments: &RunArguments) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let setup = setting::setup(arguments, &user)?;
    let planned = engine::planned_requests(setup)
        .map_err(|_| Failure::Message("error: The system gives no runtime".to_owned()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Human => report::requests::write(&planned, &mut out)?,
        Format::Json => report::requests::write_json(&planned, &mut out)?,
    }
    out.flush()?;
    match &planned.untrusted {
        Some(untrusted) => {
            complain(&trust::notice(untrusted, arguments));
            Ok(Exit::Untrusted)
        }
        None => Ok(Exit::Success),
    }
}

fn unknown(catalogue: &Catalogue) -> Failure {
    let known: Vec<&str> = catalogue.ids().collect();
    let mut page = report::page::Page::default();
    page.paragraph(&format!("hint: known are {}", known.join(", ")));
    Failure::Message(format!("error: There is no such provider\n\n{}", page.as_str().trim_end()))
}

/// One line for each; what is not sure or not asked says so.
fn list(catalogue: &Catalogue, out: &mut dyn io::Write) -> io::Result<()> {
    for provider in catalogue.providers() {
        let line = format!(
            "{:<17} {:<20} {:<24} ",
            provider.id(),
            provider.name(),
            short_variables(provider)
        );
        writeln!(out, "{}", format!("{line}{}", remark(provider)).trim_end())?;
    }
    writeln!(out, "\n`stalekey providers openai` shows one of them.")
}

/// The first variable, and how many others there are.
fn short_variables(provider: &Provider) -> String {
    match provider.variables() {
        [] => String::new(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} +{}", more.len()),
    }
}

fn remark(provider: &Provider) -> &'static str {
    if provider.probe().is_none() {
        "not asked"
    } else if provider.confidence() == Confidence::Low {
        "low confidence"
    } else {
        ""
    }
}
