//! resolv.conf: there, readable, and saying something.

use crate::codes;
use crate::world::{Configuration, Name, World};
use seaworthy_check_sdk::{CitedFinding, Evidence, FindingBuilder, ip};

const PATH: &str = "/etc/resolv.conf";

/// What is wrong with the file. *Behaviour*: a failure only where a name fails; a file that
/// nobody needs is a warning.
#[must_use]
pub fn judge(world: &World) -> Vec<CitedFinding> {
    let conf = &world.configuration;
    let Ok(evidence) = Evidence::of(conf.ids.iter().copied()) else { return Vec::new() };
    if let Some(kind) = &conf.unreadable {
        let (what, fault) = match (&conf.dangling, kind.as_str()) {
            (Some(to), _) => (format!("{PATH} is a link to {to}, which does not exist"), "dangling"),
            (None, "not-found") => (format!("{PATH} does not exist"), "missing"),
            (None, kind) => (format!("{PATH} cannot be read ({kind})"), "unreadable"),
        };
        return affected(world, |at| {
            let finding = codes::DNS_RESOLV_CONF.at(at).message(what.clone()).observed(kind).detail("fault", fault);
            match &conf.dangling {
                Some(to) => finding.detail("leads-to", to),
                None => finding,
            }
        })
        .into_iter()
        .map(|finding| finding.cite_all(&evidence))
        .collect();
    }
    let wrong = malformed(conf);
    let usable = conf.servers.iter().any(|server| ip::parse(server).is_some());
    let mut found = Vec::new();
    if !wrong.is_empty() {
        let list = wrong.join("; ");
        found.extend(affected(world, |at| {
            codes::DNS_RESOLV_CONF
                .at(at)
                .message(format!("{PATH} has what is no value there: {list}"))
                .observed(&list)
                .detail("fault", "malformed")
                .detail("wrong", &list)
        }));
    } else if !usable {
        let container = world.container.as_deref().unwrap_or("unknown");
        found.extend(affected(world, |at| {
            codes::DNS_NO_NAMESERVER
                .at(at)
                .message(format!("{PATH} names no name server, so programs ask this machine itself, or nobody"))
                .observed("no nameserver line")
                .expected("at least one nameserver line")
                .detail("container", container)
        }));
    }
    found.into_iter().map(|finding| finding.cite_all(&evidence)).collect()
}

/// Values that a strict reader refuses the whole file for, and a lenient one leaves out.
fn malformed(conf: &Configuration) -> Vec<String> {
    let servers = conf.servers.iter().filter(|text| ip::parse(text).is_none()).map(|text| format!("nameserver {text}"));
    let search = conf.search.iter().filter(|text| !is_domain(text)).map(|text| format!("search {text}"));
    servers.chain(search).collect()
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A lone dot is how systemd says that there is nothing to search.
    text == "." || text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// One finding for each target whose name fails; without one, a warning about the file.
fn affected(world: &World, tell: impl Fn(&str) -> FindingBuilder) -> Vec<FindingBuilder> {
    let failing: Vec<&String> = world.names.iter().filter(|name| name.fails()).flat_map(|name| &name.targets).collect();
    if failing.is_empty() {
        return vec![tell(PATH).level("warn")];
    }
    failing.into_iter().map(|target| tell(target)).collect()
}

/// Programs that read the files before they were changed. *Behaviour*: only while names
/// resolve here, as otherwise something else is in the way first. A file is written anew for
/// many harmless reasons, so it is a warning only where the settings name the program.
#[must_use]
pub fn outdated(world: &World) -> Vec<CitedFinding> {
    let Ok(evidence) = Evidence::of(world.outdated_ids.iter().copied()) else { return Vec::new() };
    if world.names.iter().any(Name::fails) {
        return Vec::new();
    }
    let level = if world.keeps { "warn" } else { "info" };
    let tell = |one: &crate::world::Outdated| {
        codes::DNS_STALE_RESOLVER
            .at(&one.process)
            .message(format!(
                "{} was changed {} s ago, and {} runs since {} s: a resolver inside it may still use the old one",
                one.path, one.file_age, one.process, one.process_age
            ))
            .level(level)
            .observed(format!("{} s", one.file_age))
            .detail("path", &one.path)
            .detail("process", &one.process)
            .possible()
            .cite_all(&evidence)
    };
    world.outdated.iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::tests::{codes_of, name};

    fn world(conf: Configuration, fails: bool) -> World {
        let configuration = Configuration { ids: vec![1], ..conf };
        World { configuration, names: vec![name("cache.test", fails)], ..World::default() }
    }

    fn conf(servers: &[&str], search: &[&str]) -> Configuration {
        let all = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Configuration { servers: all(servers), search: all(search), ..Configuration::default() }
    }

    #[test]
    fn a_sound_file_is_no_finding() {
        for good in [conf(&["127.0.0.11"], &[]), conf(&["fe80::1%eth0", "10.0.0.1"], &[".", "a.test", "b_c.test."])] {
            assert!(judge(&world(good, true)).is_empty());
        }
    }

    #[test]
    fn what_is_wrong_with_the_file_fails_only_where_a_name_does() {
        let gone = || Configuration { unreadable: Some("not-found".into()), ..Configuration::default() };
        for (conf, code) in [
            (gone(), "dns.resolv-conf"),
            (Configuration { dangling: Some("/run/x".into()), ..gone() }, "dns.resolv-conf"),
            (conf(&["10.0.0.1"], &["--"]), "dns.resolv-conf"),
            (conf(&["dns.corp"], &[]), "dns.resolv-conf"),
            (conf(&[], &["a.test"]), "dns.no-nameserver"),
        ] {
            let failing = codes_of(judge(&world(conf.clone(), true)));
            assert_eq!(failing, [(code.to_owned(), "fail".to_owned(), "cache.test:1".to_owned())]);
            let harmless = codes_of(judge(&world(conf, false)));
            assert_eq!(harmless, [(code.to_owned(), "warn".to_owned(), PATH.to_owned())]);
        }
    }

    #[test]
    fn a_program_is_outdated_only_while_names_resolve() {
        let one = crate::world::Outdated {
            process: "seaworthy (7)".into(),
            path: "/etc/hosts".into(),
            process_age: 90,
            file_age: 5,
        };
        let of =
            |fails| World { outdated: vec![one.clone()], outdated_ids: vec![3], ..world(conf(&["::1"], &[]), fails) };
        let told = |world: &World| codes_of(outdated(world))[0].1.clone();
        assert_eq!(told(&of(false)), "info", "a new lease and `network connect` write the files too");
        assert_eq!(told(&World { keeps: true, ..of(false) }), "warn");
        assert!(outdated(&of(true)).is_empty());
    }
}
