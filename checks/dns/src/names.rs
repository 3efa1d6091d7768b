//! Each name: what programs get for it, beside what every server says.

use crate::codes;
use crate::world::{About, Asked, Heard, Name, World};
use seaworthy_check_sdk::{CitedFinding, Evidence, FindingBuilder, ip};
use std::net::IpAddr;

/// A look-up that waits less than this was answered at the first try, in microseconds.
const QUICK: u64 = 700_000;
/// How near to the time of a retry a look-up has to end to have waited for it.
const NEAR: u64 = 400_000;

/// Judges every name: at most one finding of what fails, then what is odd about what works.
#[must_use]
pub fn judge(world: &World) -> Vec<CitedFinding> {
    (0..world.names.len()).flat_map(|at| one(world, at)).collect()
}

fn one(world: &World, at: usize) -> Vec<CitedFinding> {
    let name = &world.names[at];
    let told = if name.fails() { failing(world, at).into_iter().collect() } else { working(world, at) };
    let ids = name.written.iter().chain(&name.dotted).map(|one| one.id);
    let asked = world.asked.iter().filter(|one| is_about(one.about, at)).map(|one| one.id);
    let Ok(evidence) = Evidence::of(ids.chain(asked)) else { return Vec::new() };
    told.into_iter()
        .flat_map(|tell| name.targets.iter().map(move |target| tell(target)).collect::<Vec<_>>())
        .map(|finding| finding.cite_all(&evidence))
        .collect()
}

fn is_about(about: About, name: usize) -> bool {
    matches!(about, About::Name(at) | About::Searched(at) if at == name)
}

/// A finding, for each target that uses the name.
type Tell<'a> = Box<dyn Fn(&str) -> FindingBuilder + 'a>;

/// What one server says of a name, both questions taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    Addresses,
    /// An address for A, and an error for AAAA.
    HalfFails(String),
    Nothing,
    Fails(String),
    Silent,
}

fn says(world: &World, server: usize, name: usize) -> Says {
    // What was cut short is no answer; over TCP it is whole, where that comes.
    let of = |v6: bool| {
        let whole = |one: &&Asked| one.v6 == v6 && !one.truncated;
        let udp = world.of(server, name).find(whole);
        let tcp = || {
            world
                .asked
                .iter()
                .find(|one| one.server == server && one.tcp && one.about == About::Name(name) && whole(one))
        };
        udp.or_else(tcp).map(|one| &one.heard)
    };
    let both = [of(false), of(true)];
    let failed = both.iter().flatten().find_map(|heard| match heard {
        Heard::Fails(code) => Some(code.clone()),
        _ => None,
    });
    let lost = both.iter().flatten().find_map(|heard| match heard {
        Heard::Silent(kind) => Some(kind.clone()),
        _ => None,
    });
    let any = both.iter().flatten().any(|heard| !heard.addresses().is_empty());
    let none = both.iter().flatten().any(|heard| **heard == Heard::NoSuchName)
        || both.iter().all(|heard| heard.is_some_and(|heard| *heard == Heard::NoAddress));
    match (any, failed) {
        (true, Some(kind)) => Says::HalfFails(kind),
        (true, None) => lost.map_or(Says::Addresses, Says::HalfFails),
        (false, Some(code)) => Says::Fails(code),
        (false, None) if none => Says::Nothing,
        // One question was answered by "none of this kind", and the other one not at all.
        (false, None) => Says::Silent,
    }
}

/// Every configured server that speaks, and what it says.
fn voices(world: &World, name: usize) -> Vec<(&str, Says)> {
    let all = world.configured().map(|at| (world.servers[at].address.as_str(), says(world, at, name)));
    all.filter(|(_, says)| *says != Says::Silent).collect()
}

fn failing(world: &World, at: usize) -> Option<Tell<'_>> {
    let name = &world.names[at];
    if is_cut(world, at) {
        // The truncated answer is told of the server.
        return None;
    }
    let voices = voices(world, at);
    let who = |wanted: fn(&Says) -> bool| {
        voices.iter().filter(move |(_, says)| wanted(says)).map(|(at, _)| *at).collect::<Vec<_>>()
    };
    let good = who(|says| matches!(says, Says::Addresses | Says::HalfFails(_)));
    let nothing = who(|says| *says == Says::Nothing);
    let failed = voices.iter().find_map(|(server, says)| match says {
        Says::Fails(code) => Some((*server, code.clone())),
        _ => None,
    });
    let half = voices.iter().find_map(|(server, says)| match says {
        Says::HalfFails(code) => Some((*server, code.clone())),
        _ => None,
    });
    let dotted = name.dotted.as_ref().is_some_and(|one| one.outcome.is_ok());
    if dotted && world.configuration.searches(&name.text) {
        return Some(search(
            world,
            name,
            "fails",
            "it resolves with a dot at its end, and not as it is written".into(),
        ));
    }
    if let Some((server, code)) = half {
        return Some(half_fails(name, server.to_owned(), code));
    }
    if !good.is_empty() && !nothing.is_empty() {
        return Some(split(name, good.join(", "), nothing.join(", "), "fail"));
    }
    if let (true, Some((server, code))) = (good.is_empty(), failed) {
        return Some(Box::new(move |target| {
            codes::DNS_SERVER_FAILS
                .at(target)
                .message(format!("{server} answers {code} for {}, and no server says more", name.text))
                .observed(&code)
                .detail("server", server)
                .detail("code", &code)
                .detail("name", &name.text)
        }));
    }
    if good.is_empty() && !nothing.is_empty() {
        let list = nothing.join(", ");
        return Some(Box::new(move |target| {
            codes::DNS_NO_SUCH_NAME
                .at(target)
                .message(format!("{} has no address, say {list}", name.text))
                .observed("no address")
                .detail("server", first(&list))
                .detail("name", &name.text)
        }));
    }
    None
}

/// Whether the only answers were cut short.
fn is_cut(world: &World, name: usize) -> bool {
    world.configured().any(|at| world.of(at, name).any(|one| one.truncated))
}

fn working(world: &World, at: usize) -> Vec<Tell<'_>> {
    let name = &world.names[at];
    let mut told: Vec<Tell<'_>> = Vec::new();
    let Some((found, from_hosts)) = name.found() else { return told };
    told.extend(elsewhere(world, name, found, *from_hosts));
    told.extend(unrouted(world, name, found));
    if *from_hosts {
        return told;
    }
    let voices = voices(world, at);
    let list = |wanted: fn(&Says) -> bool| {
        voices.iter().filter(|(_, says)| wanted(says)).map(|(at, _)| *at).collect::<Vec<_>>().join(", ")
    };
    let good = list(|says| matches!(says, Says::Addresses | Says::HalfFails(_)));
    let nothing = list(|says| *says == Says::Nothing);
    if !good.is_empty() && !nothing.is_empty() {
        told.push(split(name, good, nothing, "warn"));
    }
    told.extend(caught(world, at, found));
    told.extend(retried(world, name));
    told
}

fn split<'a>(name: &'a Name, good: String, nothing: String, level: &'static str) -> Tell<'a> {
    Box::new(move |target| {
        codes::DNS_SPLIT_ANSWERS
            .at(target)
            .message(format!("{} has an address, says {good}, and has none, says {nothing}", name.text))
            .level(level)
            .observed(format!("none at {nothing}"))
            .detail("server", first(&nothing))
            .detail("other", first(&good))
            .detail("name", &name.text)
    })
}

/// The first of a list for people: a remedy takes one address.
fn first(list: &str) -> &str {
    list.split(", ").next().unwrap_or(list)
}

fn half_fails(name: &Name, server: String, code: String) -> Tell<'_> {
    Box::new(move |target| {
        codes::DNS_HALF_ANSWERS
            .at(target)
            .message(format!(
                "{server} has an address of one family for {}, and answers {code} for the other: a strict C library gives up",
                name.text
            ))
            .observed(&code)
            .detail("server", &server)
            .detail("code", &code)
            .detail("name", &name.text)
    })
}

fn search<'a>(world: &'a World, name: &'a Name, how: &'static str, what: String) -> Tell<'a> {
    let level = if how == "slow" { "warn" } else { "fail" };
    Box::new(move |target| {
        let conf = &world.configuration;
        let ndots = conf.option("ndots", 1).to_string();
        codes::DNS_SEARCH_LIST
            .at(target)
            .message(format!(
                "{} goes through the search list first ({} domains, ndots:{ndots}): {what}",
                name.text,
                conf.search.len()
            ))
            .level(level)
            .observed(conf.search.join(" "))
            .detail("how", how)
            .detail("search", conf.search.join(" "))
            .detail("ndots", ndots)
            .detail("name", &name.text)
    })
}

/// A name that exists, and of which an element of the search list makes another one.
fn caught<'a>(world: &'a World, at: usize, found: &[IpAddr]) -> Option<Tell<'a>> {
    let name = &world.names[at];
    if !world.configuration.searches(&name.text) || !name.text.contains('.') {
        // A name without a dot is what the list is for.
        return None;
    }
    let dotted = name.dotted.as_ref()?;
    let (own, _) = dotted.outcome.as_ref().ok()?;
    let searched =
        |one: &&Asked| one.about == About::Searched(at) && one.heard.addresses().iter().any(|ip| found.contains(ip));
    if own.iter().all(|ip| !found.contains(ip)) && world.asked.iter().any(|one| searched(&one)) {
        return Some(search(world, name, "catches", "what it finds there is another machine".into()));
    }
    let quickest = name.written.iter().filter(|one| one.outcome.is_ok()).map(|one| one.elapsed).min()?;
    let slower = quickest.saturating_sub(dotted.elapsed);
    (slower >= 1_000_000).then(|| search(world, name, "slow", format!("that takes {} ms more", slower / 1000)))
}

/// Look-ups of which some are quick and some wait for exactly one retry.
fn retried<'a>(world: &'a World, name: &'a Name) -> Option<Tell<'a>> {
    let elapsed: Vec<u64> = name.written.iter().map(|one| one.elapsed).collect();
    let timeout = world.configuration.option("timeout", 5).clamp(1, 60) * 1_000_000;
    let attempts = world.configuration.option("attempts", 2).clamp(1, 10);
    // musl asks again after its share of the time-out, glibc after the whole of it.
    let near =
        |one: &u64| [timeout / attempts, timeout].iter().any(|retry| one.abs_diff(*retry) <= NEAR && *one > QUICK);
    let waited = elapsed.iter().filter(|one| near(one)).count();
    let quick = elapsed.iter().filter(|one| **one < QUICK).count();
    if waited == 0 || quick == 0 {
        return None;
    }
    let slowest = elapsed.iter().max().copied().unwrap_or_default() / 1000;
    let count = elapsed.len();
    Some(Box::new(move |target| {
        codes::DNS_RETRIES
            .at(target)
            .message(format!(
                "{waited} of {count} look-ups of {} waited for a retry ({slowest} ms), the others did not: answers are lost on the way",
                name.text
            ))
            .level("warn")
            .observed(format!("{waited} of {count}"))
            .detail("waited", waited.to_string())
            .detail("slowest-ms", slowest.to_string())
            .detail("name", &name.text)
            .likely()
    }))
}

/// Addresses of IPv6 only, and no route for any of them.
fn unrouted<'a>(world: &'a World, name: &'a Name, found: &[IpAddr]) -> Option<Tell<'a>> {
    let routes = world.ipv6_routes.as_ref()?;
    let leads = |ip: &IpAddr| ip.is_ipv4() || ip.is_loopback() || routes.iter().any(|route| ip::in_block(route, *ip));
    if found.is_empty() || found.iter().any(leads) {
        return None;
    }
    let list = join(found);
    Some(Box::new(move |target| {
        codes::DNS_IPV6_ONLY
            .at(target)
            .message(format!("{} has IPv6 addresses only ({list}), and no route leads to them from here", name.text))
            .observed(&list)
            .detail("address", &list)
            .detail("name", &name.text)
    }))
}

fn elsewhere<'a>(world: &'a World, name: &'a Name, found: &[IpAddr], from_hosts: bool) -> Option<Tell<'a>> {
    let wanted = |ip: &IpAddr| {
        world
            .expected
            .iter()
            .any(|one| if one.contains('/') { ip::in_block(one, *ip) } else { ip::parse(one) == Some(*ip) })
    };
    if world.expected.is_empty() || found.iter().any(wanted) {
        return None;
    }
    let (list, expected) = (join(found), world.expected.join(" or "));
    let source = if from_hosts { "hosts" } else { "resolver" };
    let place = if from_hosts { "/etc/hosts" } else { "the name servers" };
    Some(Box::new(move |target| {
        codes::DNS_WRONG_ADDRESS
            .at(target)
            .message(format!("{} is at {list} by {place}, not at {expected}", name.text))
            .observed(&list)
            .expected(&expected)
            .detail("address", &list)
            .detail("source", source)
            .detail("name", &name.text)
    }))
}

fn join(found: &[IpAddr]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::tests::{asked, codes_of, ip, look_up, name, yes};
    use crate::world::{Configuration, Server};

    /// One name; what each of two servers says of it for A and AAAA.
    fn world(says: &[(Heard, Heard)], fails: bool) -> World {
        let pair = |at: usize, (a, aaaa): &(Heard, Heard)| {
            [asked(at, About::Name(0), a.clone()), Asked { v6: true, ..asked(at, About::Name(0), aaaa.clone()) }]
        };
        World {
            servers: (0..says.len()).map(|at| Server { address: format!("10.0.0.{at}"), configured: true }).collect(),
            names: vec![name("cache.test", fails)],
            asked: says.iter().enumerate().flat_map(|(at, one)| pair(at, one)).collect(),
            ..World::default()
        }
    }

    fn only(world: &World) -> Option<(String, String)> {
        let mut codes = codes_of(judge(world));
        assert!(codes.len() < 2, "{codes:?}");
        codes.pop().map(|(code, level, _)| (code, level))
    }

    fn is(code: &str, level: &str) -> Option<(String, String)> {
        Some((code.into(), level.into()))
    }

    #[test]
    fn a_name_fails_for_one_reason() {
        let (none, nx, bad) = (Heard::NoAddress, Heard::NoSuchName, Heard::Fails("SERVFAIL".into()));
        let lost = Heard::Silent("timeout".into());
        for (says, fails, expected) in [
            (vec![(yes(), none.clone())], false, None),
            (vec![(nx.clone(), nx.clone())], true, is("dns.no-such-name", "fail")),
            (vec![(none.clone(), none.clone())], true, is("dns.no-such-name", "fail")),
            (vec![(bad.clone(), bad.clone())], true, is("dns.server-fails", "fail")),
            (vec![(yes(), bad.clone())], true, is("dns.half-answers", "fail")),
            (vec![(yes(), lost.clone())], true, is("dns.half-answers", "fail")),
            // The library got along with it, so it is none of our business.
            (vec![(yes(), bad.clone())], false, None),
            (vec![(yes(), none.clone()), (nx.clone(), nx.clone())], true, is("dns.split-answers", "fail")),
            (vec![(yes(), none.clone()), (nx.clone(), nx.clone())], false, is("dns.split-answers", "warn")),
            // Half of an answer says nothing of the other half.
            (vec![(lost.clone(), none)], true, None),
            // Nobody said anything: that is told of the servers.
            (vec![(lost.clone(), lost)], true, None),
        ] {
            assert_eq!(only(&world(&says, fails)), expected, "{says:?}");
        }
    }

    #[test]
    fn a_remedy_is_given_one_address() {
        let (none, nx) = (Heard::NoAddress, Heard::NoSuchName);
        let world = world(&[(yes(), none.clone()), (nx.clone(), nx.clone()), (yes(), none), (nx.clone(), nx)], true);
        let mut findings = seaworthy_check_sdk::Findings::new();
        judge(&world).into_iter().for_each(|finding| findings.add(finding));
        let told = findings.conclude("", Evidence::one(1)).findings.remove(0);
        let of = |key: &str| seaworthy_check_sdk::row_value(&told.details, key).map(str::to_owned);
        assert_eq!((of("server"), of("other")), (Some("10.0.0.1".into()), Some("10.0.0.0".into())));
        assert!(told.message.contains("10.0.0.1, 10.0.0.3"), "{}", told.message);
    }

    #[test]
    fn a_search_list_is_blamed_only_where_it_bites() {
        let search = Configuration {
            search: vec!["a.test".into(), "b.test".into()],
            options: vec!["ndots:5".into()],
            ..Configuration::default()
        };
        let mut world = world(&[(yes(), Heard::NoAddress)], true);
        world.configuration = search.clone();
        assert_eq!(only(&world), None, "with a dot it fails too");
        world.names[0].dotted = Some(look_up(900, Ok(&["10.0.0.7"])));
        assert_eq!(only(&world), is("dns.search-list", "fail"));
        world.names[0] = name("cache.test", false);
        assert_eq!(only(&world), None, "a long list that does no harm");
        world.names[0].dotted = Some(look_up(900, Ok(&["192.0.2.1"])));
        assert_eq!(only(&world), None, "a name that rotates");
        world.asked.push(asked(0, About::Searched(0), yes()));
        assert_eq!(only(&world), is("dns.search-list", "fail"));
        world.names[0] = name("cache.test", false);
        world.names[0].written[0].elapsed = 3_000_000;
        assert_eq!(only(&world), is("dns.search-list", "warn"));
        world.configuration.options.clear();
        assert_eq!(only(&world), None, "with ndots:1 the list is not gone through");
    }

    #[test]
    fn some_look_ups_that_wait_for_a_retry_are_lost_answers() {
        let with = |elapsed: &[u64]| {
            let mut world = world(&[(yes(), Heard::NoAddress)], false);
            world.names[0].written = elapsed.iter().map(|one| look_up(one * 1000, Ok(&["10.0.0.7"]))).collect();
            only(&world)
        };
        assert_eq!(with(&[3, 4, 2503, 5]), is("dns.retries", "warn"));
        assert_eq!(with(&[3, 5004]), is("dns.retries", "warn"));
        assert_eq!(with(&[3, 4, 5, 6]), None);
        assert_eq!(with(&[2504, 2503]), None, "always slow is a slow or dead server");
        assert_eq!(with(&[3, 1200]), None, "a slow answer is no retry");
    }

    #[test]
    fn addresses_have_to_be_wanted_and_routed() {
        let with = |found: &[&str], routes: Option<&[&str]>, expected: &[&str]| {
            let mut world = world(&[(yes(), Heard::NoAddress)], false);
            world.names[0].written = vec![look_up(900, Ok(found))];
            world.names[0].dotted = Some(look_up(900, Ok(found)));
            world.ipv6_routes = routes.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
            world.expected = expected.iter().map(|one| (*one).to_owned()).collect();
            only(&world)
        };
        assert_eq!(with(&["2001:db8::1"], Some(&[]), &[]), is("dns.ipv6-only", "fail"));
        assert_eq!(with(&["2001:db8::1"], Some(&["::/0"]), &[]), None);
        assert_eq!(with(&["2001:db8::1"], None, &[]), None, "routes that are not known are not missing");
        assert_eq!(with(&["2001:db8::1", "10.0.0.7"], Some(&[]), &[]), None);
        assert_eq!(with(&["10.0.0.7"], None, &["192.0.2.0/24"]), is("dns.wrong-address", "fail"));
        assert_eq!(with(&["10.0.0.7"], None, &["10.0.0.0/8"]), None);
        assert_eq!(ip("10.0.0.7").to_string(), "10.0.0.7");
    }
}
