//! Generic probes of any target: `net/tcp`, `net/dns`, `net/http`.
//!
//! None of them is in the default suite; a policy lists them with its own targets, and
//! judges their facts (`connect-ms`, `resolve-ms`, `total-ms`) with `expect`.

mod dns;
mod http;
mod tcp;

use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::{Check, Context, Evidence, Findings, Outcome};

seaworthy_check_sdk::descriptor!();

struct Net;

impl Check for Net {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(id: &str, context: Context) -> Result<Outcome, String> {
        if context.targets.iter().all(|target| target.addresses.is_empty()) {
            // Asking for nothing is an observation too: the check ran and had no target.
            let seen = vars::read(&[]);
            return Ok(Findings::new().not_configured("the check's targets hold no address", Evidence::one(seen.id)));
        }
        match id {
            "net/tcp" => tcp::run(&context),
            "net/dns" => dns::run(&context),
            "net/http" => http::run(&context),
            other => Err(["this component has no check `", other, "`"].concat()),
        }
    }
}

seaworthy_check_sdk::export_check!(Net);
