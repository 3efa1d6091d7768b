//! What people use now, asked about the same faults: the logic of a diagnostic script of
//! eight checks (`script`), `nc -z`, and checks of ports, names and URLs as goss makes
//! them. Written anew from what they document, so that the comparison needs none of them.
//!
//! *Rules*: each is asked only what it can be asked ([`Ask`]). It *notices* a fault when
//! it complains about something that it did not complain about before. It *names* the
//! cause when the new complaint says what the cause is; what its words may mean is
//! written down in [`words`], and in doubt counts for it.

mod page;
mod tools;
mod words;

pub use page::compare_with_page;
pub use tools::answer;

use crate::faults::{Outcome, World};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a tool can be asked that knows ports, names and URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Whether a port takes connections.
    Tcp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Whether a port takes datagrams.
    Udp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Whether a name resolves.
    Name {
        /// The name.
        name: String,
    },
    /// Whether a URL answers with a status below 400.
    Http {
        /// The URL.
        url: String,
    },
}

impl Ask {
    /// Name and port of a multiaddr, or of `host:port`.
    #[must_use]
    pub fn of_peer(address: &str) -> Vec<Ask> {
        let parts: Vec<&str> = address.split('/').collect();
        let (host, port, udp, named) = match parts.as_slice() {
            ["", kind, host, transport, port, ..] => {
                (*host, port.parse().ok(), *transport == "udp", kind.starts_with("dns"))
            }
            _ => match address.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().ok(), false, false),
                None => return Vec::new(),
            },
        };
        let Some(port) = port else { return Vec::new() };
        let host = host.to_owned();
        let mut asks = Vec::new();
        if named {
            asks.push(Ask::Name { name: host.clone() });
        }
        asks.push(if udp { Ask::Udp { host, port } } else { Ask::Tcp { host, port } });
        asks
    }
}

/// What a tool complained about, by name of the tool.
pub type Complaints = BTreeMap<String, Vec<String>>;

/// What a tool thinks of a fault.
#[derive(Clone, Debug, Serialize)]
pub struct Opinion {
    /// Its name.
    pub tool: String,
    /// It complained where nothing was wrong.
    pub false_alarm: bool,
    /// It complains about something new.
    pub noticed: bool,
    /// And says what it is.
    pub named: bool,
    /// What it says.
    pub said: Vec<String>,
}

/// Asks all of them, where the runner is.
///
/// # Errors
/// They cannot be started there.
pub fn opinions(world: &World) -> Result<Complaints> {
    let asks = serde_json::to_string(&world.asks())?;
    let told = world.beside(world.server(), &["rivals", &asks])?;
    serde_json::from_str(&told).with_context(|| format!("they said {told:?}"))
}

impl Opinion {
    /// What is new in the complaints of each.
    #[must_use]
    pub fn compare(before: &Complaints, after: &Complaints, causes: &[&str]) -> Vec<Self> {
        let new = |(tool, lines): (&String, &Vec<String>)| {
            let had = before.get(tool).map(Vec::as_slice).unwrap_or_default();
            let said: Vec<String> = lines.iter().filter(|line| !had.contains(line)).cloned().collect();
            let named = causes.iter().all(|cause| said.iter().any(|line| words::name(cause, line)));
            let noticed = !said.is_empty();
            Self { tool: tool.clone(), false_alarm: !had.is_empty(), noticed, named: noticed && named, said }
        };
        after.iter().map(new).collect()
    }
}

/// Noticed and named, by tool, over some outcomes; seaworthy comes first.
#[must_use]
pub fn rates(outcomes: &[&Outcome]) -> Vec<(String, usize, usize)> {
    let right = outcomes.iter().filter(|outcome| outcome.is_right()).count();
    let noticed = outcomes.iter().filter(|outcome| !outcome.named.is_empty()).count();
    let mut rates: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for opinion in outcomes.iter().flat_map(|outcome| &outcome.rivals) {
        let entry = rates.entry(&opinion.tool).or_default();
        entry.0 += usize::from(opinion.noticed);
        entry.1 += usize::from(opinion.named);
    }
    let all = rates.into_iter().map(|(tool, (noticed, named))| (tool.to_owned(), noticed, named));
    std::iter::once(("seaworthy".to_owned(), noticed, right)).chain(all).collect()
}

/// The rates, and each scene, in Markdown.
#[must_use]
pub fn table(outcomes: &[&Outcome]) -> String {
    let all = outcomes.len();
    let mut text = "| tool | noticed | named the cause |\n|---|---|---|\n".to_owned();
    for (tool, noticed, named) in rates(outcomes) {
        let _ = writeln!(text, "| {tool} | {noticed} of {all} | {named} of {all} |");
    }
    text += "\n| scene | cause | seaworthy | script | nc -z | goss |\n|---|---|---|---|---|---|\n";
    for outcome in outcomes {
        let mark = |tool: &str| match outcome.rivals.iter().find(|opinion| opinion.tool == tool) {
            Some(opinion) if opinion.named => "named",
            Some(opinion) if opinion.noticed => "noticed",
            _ => "-",
        };
        let ours = match outcome.is_right() {
            true => "named",
            false if outcome.named.is_empty() => "-",
            false => "noticed",
        };
        let cause = outcome.expected.first().map_or("", String::as_str);
        let marks = [mark("script"), mark("nc -z"), mark("goss")].join(" | ");
        let _ = writeln!(text, "| {} | {cause} | {ours} | {marks} |", outcome.scene);
    }
    text
}
