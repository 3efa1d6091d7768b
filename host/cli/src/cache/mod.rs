//! `seaworthy cache`: the configured cache, by hand. One file a command; all of them
//! go through the same tiers, adapters and grants as checks do.

mod args;
mod bench;
mod counted;
mod failure;
mod get;
mod list;
mod opened;
mod proxy;
mod put;
mod recording;
mod rm;
pub(crate) mod shown;
mod stat;
mod stats;

pub(crate) use args::CacheArgs;

use crate::args::Global;
use crate::configuration::on_runtime;
use crate::error::CliError;
use args::CacheCommand;
use seaworthy_model::ExitCode;

pub(crate) fn cache(global: &Global, arguments: CacheArgs) -> Result<ExitCode, CliError> {
    use CacheCommand as C;
    on_runtime(async {
        match arguments.command {
            C::Get(arguments) => get::get(global, &arguments).await,
            C::Put(arguments) => put::put(global, arguments).await,
            C::Rm(arguments) => rm::rm(global, &arguments).await,
            C::Stat(arguments) => stat::stat(global, &arguments).await,
            C::List(arguments) => list::list(global, &arguments).await,
            C::Stats(arguments) => stats::stats(global, &arguments).await,
            C::Bench(arguments) => bench::bench(global, &arguments).await,
            C::Proxy(arguments) => proxy::proxy(global, &arguments).await,
        }
    })
}
