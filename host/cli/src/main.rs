//! The `seaworthy` command: argv in, exit code out. Everything it does is a call
//! into one of the host crates; this crate parses, wires and prints.

mod args;
mod bundle;
mod cache;
mod compare;
mod configuration;
mod embedded;
mod error;
mod explain;
mod fix;
mod init;
mod inside;
mod library;
mod listing;
mod log;
mod output;
mod pack;
mod peer;
mod plugin;
mod progress;
mod run;
mod schema;
mod signals;
mod stdout;
mod vantage;

use clap::Parser as _;
use std::process::ExitCode;

/// The static binary would otherwise use musl's allocator, which costs a system
/// call for almost every allocation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let log_format = arguments.global.log_format;
    let code = match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            log::failure(log_format, &error);
            error.exit_code()
        }
    };
    ExitCode::from(code.code())
}

/// A panic is a bug of ours: said as such, with its own exit code.
fn panics_are_bugs() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default(panic);
        eprintln!("this is a bug in seaworthy; please report it with the lines above");
        std::process::exit(i32::from(seaworthy_model::ExitCode::Bug.code()));
    }));
}

/// One command, one function.
fn dispatch(arguments: args::Arguments) -> Result<seaworthy_model::ExitCode, error::CliError> {
    use args::Command as C;
    log::init(&arguments.global, matches!(&arguments.command, Some(C::Peer(peer)) if peer.action.is_none()));
    panics_are_bugs();
    match arguments.command {
        None => run::run(&arguments.global, &arguments.run),
        Some(C::Run(run)) => run::run(&arguments.global, &run),
        Some(C::Peer(peer)) => peer::peer(*peer),
        Some(C::Fix(fix)) => fix::fix(&arguments.global, &fix),
        Some(C::Bundle(bundle)) => bundle::bundle(&arguments.global, &bundle),
        Some(C::Cache(cache)) => cache::cache(&arguments.global, cache),
        Some(C::Plugin(plugin)) => plugin::plugin(&arguments.global, plugin),
        Some(C::Compare(compare)) => compare::compare(&arguments.global, &compare),
        Some(C::Validate(config)) => configuration::validate(&config),
        Some(C::ShowConfig(config)) => configuration::show(&config),
        Some(C::List(list)) => listing::list(&list),
        Some(C::Explain(explain)) => explain::explain(&explain),
        Some(C::Init(init)) => init::init(&init),
        Some(C::Schema(schema)) => schema::schema(schema),
        Some(C::Pack(pack)) => pack::pack(&pack),
        Some(C::Completions { shell }) => schema::completions(shell),
    }
}
