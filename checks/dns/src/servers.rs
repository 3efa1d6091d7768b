//! Each name server by itself: whether it answers, over both transports, and truthfully.

use crate::codes;
use crate::world::{About, Asked, Heard, World};
use seaworthy_check_sdk::{CitedFinding, Evidence};
use std::net::IpAddr;

/// Servers that anybody may ask. Networks that force their own servers block these first.
const PUBLIC: [&str; 14] = [
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
    "208.67.220.220",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "2620:fe::fe",
    "2620:fe::9",
];

/// What the servers themselves are found to be.
pub struct Servers {
    /// The findings.
    pub found: Vec<CitedFinding>,
    /// None of those in resolv.conf answers, so that nothing can be said about names.
    pub dark: bool,
}

/// Judges every server.
#[must_use]
pub fn judge(world: &World) -> Servers {
    let configured: Vec<usize> = world.configured().filter(|at| world.over_udp(*at).next().is_some()).collect();
    let silent: Vec<usize> = configured.iter().copied().filter(|at| world.is_silent(*at)).collect();
    // Without a route nobody here reaches it; for any other reason it may be one that answers.
    let hopeless = world.unreached().all(|(_, kind)| kind == "network-unreachable");
    let dark = !silent.is_empty() && silent.len() == configured.len() && hopeless;
    let mut found = silence(world, &silent, dark);
    for server in configured.iter().copied().filter(|at| !silent.contains(at)) {
        found.extend(refusing(world, server));
        found.extend(inventing(world, server));
        found.extend(without_tcp(world, server));
    }
    Servers { found, dark }
}

fn silence(world: &World, silent: &[usize], dark: bool) -> Vec<CitedFinding> {
    let other = (0..world.servers.len()).find(|at| world.answers(*at));
    if other.is_none() && !dark {
        // Those that could not be asked may be the ones that answer.
        return Vec::new();
    }
    let failing: Vec<&str> =
        world.names.iter().filter(|name| name.fails()).flat_map(|name| &name.targets).map(String::as_str).collect();
    let mut found = Vec::new();
    for server in silent.iter().copied() {
        let address = world.servers[server].address.as_str();
        let public = PUBLIC.contains(&address);
        let questions: Vec<&Asked> = world.asked.iter().filter(|one| one.server == server).collect();
        let Ok(evidence) = Evidence::of(questions.iter().map(|one| one.id)) else { continue };
        let kind = questions.iter().find_map(|one| match &one.heard {
            Heard::Silent(kind) if !one.tcp => Some(kind.as_str()),
            _ => None,
        });
        let kind = kind.unwrap_or("timeout");
        let tcp = questions.iter().filter(|one| one.tcp).map(|one| one.heard.is_said()).max();
        let over_tcp = match tcp {
            Some(true) => "answers",
            Some(false) => "silent",
            None => "not-asked",
        };
        let (code, what) = match other {
            Some(other) if public => {
                let other = &world.servers[other].address;
                (
                    codes::DNS_PUBLIC_SERVER_BLOCKED,
                    format!("the public name server {address} does not answer from here ({kind}), and {other} does"),
                )
            }
            _ if dark => (codes::DNS_NO_SERVER_ANSWERS, format!("the name server {address} does not answer ({kind})")),
            _ => (
                codes::DNS_SERVER_SILENT,
                format!(
                    "the name server {address} does not answer ({kind}), and others of the list do: programs that ask it first wait for it at every look-up"
                ),
            ),
        };
        let what = if over_tcp == "answers" { format!("{what}; over TCP it does") } else { what };
        // With an answering one beside it, names resolve after a wait; else nothing does.
        let level = if dark && !failing.is_empty() { "fail" } else { "warn" };
        let about: Vec<&str> = if level == "fail" { failing.clone() } else { vec![address] };
        for target in about {
            let mut finding = code
                .at(target)
                .message(what.clone())
                .level(level)
                .observed(kind)
                .detail("server", address)
                .detail("kind", kind)
                .detail("tcp", over_tcp);
            if let Some(other) = other {
                finding = finding.detail("other", &world.servers[other].address);
            }
            found.push(finding.cite_all(&evidence));
        }
    }
    found
}

/// A server that says SERVFAIL or REFUSED to whatever it is asked. *Behaviour*: a warning, as
/// a name that fails for it is told of that name.
fn refusing(world: &World, server: usize) -> Option<CitedFinding> {
    let said: Vec<&Asked> = world.over_udp(server).filter(|one| one.heard.is_said()).collect();
    let Heard::Fails(code) = &said.first()?.heard else { return None };
    let all = said.iter().all(|one| matches!(one.heard, Heard::Fails(_)));
    let names_fail = world.names.iter().any(crate::world::Name::fails);
    if !all || said.len() < 2 || names_fail {
        return None;
    }
    let address = &world.servers[server].address;
    let finding = codes::DNS_SERVER_FAILS
        .at(address)
        .message(format!("the name server {address} answers everything with {code}"))
        .level("warn")
        .observed(code)
        .detail("server", address)
        .detail("code", code);
    Some(finding.cite_all(&Evidence::of(said.iter().map(|one| one.id)).ok()?))
}

/// Addresses of names that cannot exist: of a server that never says "no such name".
fn inventing(world: &World, server: usize) -> Vec<CitedFinding> {
    let invented: Vec<&Asked> = world
        .over_udp(server)
        .filter(|one| one.about == About::Invented && !one.heard.addresses().is_empty())
        .collect();
    let Ok(evidence) = Evidence::of(invented.iter().map(|one| one.id)) else { return Vec::new() };
    let addresses: Vec<IpAddr> = invented.iter().flat_map(|one| one.heard.addresses()).copied().collect();
    let address = &world.servers[server].address;
    let shown = addresses.first().map(ToString::to_string).unwrap_or_default();
    // A target that gets the very same address does not exist either.
    let caught: Vec<&str> = world
        .names
        .iter()
        .filter(|name| name.found().is_some_and(|(found, _)| found.iter().any(|ip| addresses.contains(ip))))
        .flat_map(|name| &name.targets)
        .map(String::as_str)
        .collect();
    let level = if caught.is_empty() { "warn" } else { "fail" };
    let about = if caught.is_empty() { vec![address.as_str()] } else { caught };
    let tell = |target: &str| {
        codes::DNS_INVENTED_ANSWERS
            .at(target)
            .message(format!("the name server {address} says {shown} for names that do not exist"))
            .level(level)
            .observed(&shown)
            .expected("NXDOMAIN")
            .detail("server", address)
            .detail("address", &shown)
            .cite_all(&evidence)
    };
    about.into_iter().map(tell).collect()
}

/// An answer that does not fit into a datagram has to be asked for over TCP (RFC 7766).
fn without_tcp(world: &World, server: usize) -> Vec<CitedFinding> {
    let address = &world.servers[server].address;
    let mut found = Vec::new();
    let mut quiet = Vec::new();
    for (at, name) in world.names.iter().enumerate() {
        let silent =
            |one: &&Asked| one.server == server && one.about == About::Name(at) && one.tcp && !one.heard.is_said();
        let Some(tcp) = world.asked.iter().find(silent) else { continue };
        quiet.push(tcp);
        let Some(cut) = world.of(server, at).find(|one| one.truncated) else { continue };
        let Heard::Silent(kind) = &tcp.heard else { continue };
        // It may have resolved by another server, or by a C library that takes larger datagrams.
        let level = if name.fails() { "fail" } else { "info" };
        for target in &name.targets {
            let finding = codes::DNS_TCP_FILTERED
                .at(target)
                .message(format!(
                    "the answer for {} does not fit into a datagram, and {address} cannot be asked over TCP ({kind})",
                    name.text
                ))
                .level(level)
                .observed(kind)
                .detail("server", address)
                .detail("name", &name.text)
                .detail("kind", kind);
            found.push(finding.cite(tcp.id).and(cut.id));
        }
    }
    let any = world.asked.iter().any(|one| one.server == server && one.tcp && one.heard.is_said());
    if found.is_empty() && !any && !quiet.is_empty() {
        let Heard::Silent(kind) = &quiet[0].heard else { return found };
        let finding = codes::DNS_TCP_FILTERED
            .at(address)
            .message(format!("{address} cannot be asked over TCP ({kind}); no answer here is large enough to need it"))
            .level("info")
            .observed(kind)
            .detail("server", address)
            .detail("kind", kind);
        found.push(finding.cite(quiet[0].id));
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::world::{LookUp, Name, Server, Unasked};
    use seaworthy_check_sdk::Findings;

    /// Code, level and target of each finding.
    pub(crate) fn codes_of(found: Vec<CitedFinding>) -> Vec<(String, String, String)> {
        let mut findings = Findings::new();
        found.into_iter().for_each(|finding| findings.add(finding));
        let outcome = findings.conclude("", Evidence::one(1));
        outcome.findings.into_iter().map(|f| (f.code, f.level, f.target.unwrap_or_default())).collect()
    }

    pub(crate) fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    pub(crate) fn look_up(elapsed: u64, found: Result<&[&str], &str>) -> LookUp {
        let outcome = found.map(|all| (all.iter().map(|one| ip(one)).collect(), false)).map_err(str::to_owned);
        LookUp { id: 9, elapsed, outcome }
    }

    pub(crate) fn name(text: &str, fails: bool) -> Name {
        let written = if fails { look_up(5_000_000, Err("dns-failure")) } else { look_up(900, Ok(&["10.0.0.7"])) };
        let dotted = Some(written.clone());
        Name { text: text.into(), targets: vec![format!("{text}:1")], written: vec![written], dotted }
    }

    pub(crate) fn asked(server: usize, about: About, heard: Heard) -> Asked {
        Asked { id: 20, server, about, v6: false, tcp: false, truncated: false, heard }
    }

    pub(crate) fn yes() -> Heard {
        Heard::Addresses(vec![ip("10.0.0.7")])
    }

    pub(crate) fn no() -> Heard {
        Heard::Silent("timeout".into())
    }

    fn servers(all: &[(&str, bool)]) -> Vec<Server> {
        all.iter().map(|(address, configured)| Server { address: (*address).into(), configured: *configured }).collect()
    }

    /// Each server of the list says the same to both questions about the one name.
    fn world(all: &[(&str, bool, Heard)], fails: bool) -> World {
        let list: Vec<(&str, bool)> = all.iter().map(|(address, configured, _)| (*address, *configured)).collect();
        let both = |at: usize, heard: &Heard| {
            [
                asked(at, About::Name(0), heard.clone()),
                asked(
                    at,
                    About::Invented,
                    match heard {
                        Heard::Addresses(_) => Heard::NoSuchName,
                        other => other.clone(),
                    },
                ),
            ]
        };
        World {
            servers: servers(&list),
            names: vec![name("cache.test", fails)],
            asked: all.iter().enumerate().flat_map(|(at, (_, _, heard))| both(at, heard)).collect(),
            ..World::default()
        }
    }

    fn triple(code: &str, level: &str, target: &str) -> (String, String, String) {
        (code.into(), level.into(), target.into())
    }

    #[test]
    fn silence_is_told_by_who_else_answers() {
        let fails = Heard::Fails("SERVFAIL".into());
        for (all, failing, expected) in [
            (vec![("127.0.0.11", true, yes())], false, vec![]),
            (vec![("10.0.0.2", true, no())], true, vec![triple("dns.no-server-answers", "fail", "cache.test:1")]),
            (
                vec![("10.0.0.2", true, no()), ("10.0.0.3", true, yes())],
                false,
                vec![triple("dns.server-silent", "warn", "10.0.0.2")],
            ),
            (
                vec![("8.8.8.8", true, no()), ("10.0.0.3", true, yes())],
                false,
                vec![triple("dns.public-server-blocked", "warn", "8.8.8.8")],
            ),
            // Only the gateway, which is not in the list, answers.
            (
                vec![("8.8.8.8", true, no()), ("172.17.0.1", false, yes())],
                true,
                vec![triple("dns.public-server-blocked", "fail", "cache.test:1")],
            ),
            // No way out at all looks the same from the server's side, and is not called a block.
            (
                vec![("8.8.8.8", true, no()), ("172.17.0.1", false, no())],
                true,
                vec![triple("dns.no-server-answers", "fail", "cache.test:1")],
            ),
            (
                vec![("10.0.0.2", true, fails.clone()), ("10.0.0.3", true, yes())],
                false,
                vec![triple("dns.server-fails", "warn", "10.0.0.2")],
            ),
        ] {
            let world = world(&all, failing);
            assert_eq!(codes_of(judge(&world).found), expected, "{all:?}");
        }
    }

    #[test]
    fn who_could_not_be_asked_is_not_silent() {
        // The second server of the list was not asked.
        let with = |first: Heard, kind: &str, fails: bool| {
            let mut world = world(&[("10.0.0.2", true, first)], fails);
            world.servers.push(Server { address: "2001:4860:4860::8888".into(), configured: true });
            world.unasked.push(Unasked { server: 1, kind: kind.into() });
            let judged = judge(&world);
            (codes_of(judged.found), judged.dark)
        };
        assert_eq!(with(yes(), "network-unreachable", false), (vec![], false), "no IPv6 here");
        assert_eq!(with(no(), "invalid", false), (vec![], false), "the other one may answer");
        assert_eq!(with(no(), "too-many-open-files", true), (vec![], false));
        let dark = vec![triple("dns.no-server-answers", "fail", "cache.test:1")];
        assert_eq!(with(no(), "network-unreachable", true), (dark, true), "nobody reaches the other one");
    }

    #[test]
    fn tcp_matters_where_an_answer_is_cut() {
        let mut world = world(&[("10.0.0.2", true, yes())], true);
        world.asked.push(Asked { tcp: true, ..asked(0, About::Name(0), no()) });
        assert_eq!(codes_of(judge(&world).found), [triple("dns.tcp-filtered", "info", "10.0.0.2")]);
        world.asked[0].truncated = true;
        assert_eq!(codes_of(judge(&world).found), [triple("dns.tcp-filtered", "fail", "cache.test:1")]);
        let resolved = World { names: vec![name("cache.test", false)], ..world.clone() };
        assert_eq!(codes_of(judge(&resolved).found), [triple("dns.tcp-filtered", "info", "cache.test:1")]);
        world.asked.pop();
        world.asked.push(Asked { tcp: true, ..asked(0, About::Name(0), yes()) });
        assert!(judge(&world).found.is_empty());
    }

    #[test]
    fn an_invented_answer_is_no_wildcard() {
        let mut world = world(&[("10.0.0.2", true, yes())], false);
        world.asked.push(asked(0, About::Sibling(0), yes()));
        assert!(judge(&world).found.is_empty(), "a wildcard of the zone");
        world.asked.push(asked(0, About::Invented, Heard::Addresses(vec![ip("192.0.2.9")])));
        assert_eq!(codes_of(judge(&world).found), [triple("dns.invented-answers", "warn", "10.0.0.2")]);
        world.asked.push(asked(0, About::Invented, yes()));
        assert_eq!(codes_of(judge(&world).found), [triple("dns.invented-answers", "fail", "cache.test:1")]);
    }
}
