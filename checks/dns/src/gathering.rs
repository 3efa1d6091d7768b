//! Sees everything that the judging needs, in four batches.

use crate::world::{About, Asked, Configuration, Heard, LookUp, Name, Outdated, Server, Unasked, World};
use seaworthy_check_sdk::env::system;
use seaworthy_check_sdk::kit::random;
use seaworthy_check_sdk::net::dns;
use seaworthy_check_sdk::path::names;
use seaworthy_check_sdk::{Context, ContextExt, Failure, argument, endpoint, ip, query, row_value};

/// Name servers of resolv.conf that a C library asks; it ignores the rest.
const SERVERS: usize = 3;
/// Elements of a search list that are asked for.
const SEARCHED: usize = 6;
/// Names that are asked for; more of them say nothing more.
const NAMES: usize = 8;
/// Files that programs read once.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// A file may be written while a container starts.
const SETTLED: u64 = 5;

/// Looks at the files, asks every server, and then the C library.
pub(crate) fn gather(context: &Context) -> World {
    let (mut world, gateways) = files(context);
    world.expected = context.settings_all("expect-addresses").map(str::to_owned).collect();
    let further = context.settings_all("names").map(str::to_owned);
    world.names = named(&context.addresses().into_iter().chain(further).collect::<Vec<_>>());
    if world.names.is_empty() {
        return world;
    }
    let budget = context.budget;
    let patience = number(context, "server-timeout-ms", 2_000).min(budget / 4);
    let configured: Vec<usize> = world.configured().collect();
    let questions: Vec<Question> = configured.iter().flat_map(|server| questions(&world, *server)).collect();
    ask(&mut world, &questions, patience);
    if world.configured().any(|at| world.is_silent(at)) {
        compare(&mut world, &gateways, patience);
    }
    look_up(&mut world, context, budget.saturating_sub(3 * patience));
    world
}

fn number(context: &Context, key: &str, default: u32) -> u32 {
    context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What the machine says of itself, and its gateways.
fn files(context: &Context) -> (World, Vec<String>) {
    let programs: Vec<&str> = context.settings_all("programs").collect();
    let keeps = !programs.is_empty();
    // Programs in Go, such as Kubo, read both files again every few seconds.
    let programs = if keeps { programs } else { vec!["seaworthy"] };
    let seen = system::inspect(&[
        query("resolver", Vec::new()),
        query("container", Vec::new()),
        query("routes", Vec::new()),
        query("paths", FILES.iter().map(|path| argument("path", *path)).collect()),
        query("processes", programs.iter().map(|name| argument("name", *name)).collect()),
    ]);
    let [resolver, container, routes, paths, processes] = &seen[..] else { return (World::default(), Vec::new()) };
    let rows = |seen: &system::Seen| seen.outcome.as_ref().ok().cloned().unwrap_or_default();
    let paths_seen = rows(paths);
    let file = |path: &str| paths_seen.iter().find(|row| row_value(row, "path") == Some(path));
    let mut configuration = Configuration { ids: vec![resolver.id, paths.id], ..Configuration::default() };
    match &resolver.outcome {
        Ok(rows) => {
            let of = |key: &str| {
                let text = rows.first().and_then(|row| row_value(row, key)).unwrap_or_default();
                text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            configuration.servers = of("nameservers");
            configuration.search = of("search");
            configuration.options = of("options");
        }
        Err(failure) => {
            configuration.unreadable = Some(failure.kind.clone());
            let link = file(FILES[0]).filter(|row| row_value(row, "dangling") == Some("true"));
            configuration.dangling = link.and_then(|row| row_value(row, "leads-to")).map(str::to_owned);
        }
    }
    let routes_seen = routes.outcome.as_ref().ok();
    let of_family = |family: &str| {
        let all = routes_seen.into_iter().flatten().filter(|row| row_value(row, "family") == Some(family));
        all.cloned().collect::<Vec<_>>()
    };
    let default = |row: &&Vec<(String, String)>| matches!(row_value(row, "destination"), Some("0.0.0.0/0" | "::/0"));
    let gateways = routes_seen
        .into_iter()
        .flatten()
        .filter(default)
        .filter_map(|row| row_value(row, "gateway"))
        .map(str::to_owned)
        .collect();
    let destinations = |row: &Vec<(String, String)>| row_value(row, "destination").map(str::to_owned);
    let servers = configuration.servers.iter().filter(|text| ip::parse(text).is_some()).take(SERVERS);
    let world = World {
        servers: servers.map(|text| Server { address: text.clone(), configured: true }).collect(),
        ipv6_routes: routes_seen.map(|_| of_family("ipv6").iter().filter_map(destinations).collect()),
        container: rows(container).first().and_then(|row| row_value(row, "kind")).map(str::to_owned),
        outdated: outdated(&rows(processes), &paths_seen),
        outdated_ids: vec![processes.id, paths.id],
        keeps,
        configuration,
        ..World::default()
    };
    (world, gateways)
}

/// Programs that started before one of the files was written.
fn outdated(processes: &[Vec<(String, String)>], paths: &[Vec<(String, String)>]) -> Vec<Outdated> {
    let number = |row: &[(String, String)], key: &str| row_value(row, key).and_then(|text| text.parse::<u64>().ok());
    let mut all = Vec::new();
    for process in processes {
        let (Some(age), Some(name), Some(pid)) =
            (number(process, "age-s"), row_value(process, "name"), row_value(process, "pid"))
        else {
            continue;
        };
        let written_since = paths.iter().filter_map(|row| {
            let file_age = number(row, "modified-age-s")?;
            // What a container's start writes is not a change.
            (file_age + SETTLED < age).then_some((row_value(row, "path")?, file_age))
        });
        all.extend(written_since.map(|(path, file_age)| Outdated {
            process: format!("{name} ({pid})"),
            path: path.to_owned(),
            process_age: age,
            file_age,
        }));
    }
    all
}

/// The names among the targets, each once, with those that use it.
fn named(addresses: &[String]) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for address in addresses {
        let host = endpoint::host(address).trim_end_matches('.');
        if host.is_empty() || ip::parse(host).is_some() || host.eq_ignore_ascii_case("localhost") {
            continue;
        }
        let room = names.len() < NAMES;
        match names.iter_mut().find(|name| name.text.eq_ignore_ascii_case(host)) {
            Some(name) => name.targets.push(address.clone()),
            None if room => {
                names.push(Name { text: host.to_owned(), targets: vec![address.clone()], ..Name::default() });
            }
            None => {}
        }
    }
    names
}

/// One question before it is put.
struct Question {
    server: usize,
    about: About,
    v6: bool,
    tcp: bool,
    name: String,
}

fn questions(world: &World, server: usize) -> Vec<Question> {
    let ask = |about, v6, tcp, name: &str| Question { server, about, v6, tcp, name: name.to_owned() };
    let mut all = Vec::new();
    for (at, name) in world.names.iter().enumerate() {
        all.push(ask(About::Name(at), false, false, &name.text));
        all.push(ask(About::Name(at), true, false, &name.text));
        all.push(ask(About::Name(at), false, true, &name.text));
        if world.configuration.searches(&name.text) {
            for domain in world.configuration.search.iter().take(SEARCHED) {
                let full = format!("{}.{}", name.text, domain.trim_matches('.'));
                all.push(ask(About::Searched(at), false, false, full.trim_end_matches('.')));
            }
        }
        if let Some((_, parent)) = name.text.split_once('.') {
            all.push(ask(About::Sibling(at), false, false, &format!("x{}.{parent}", random::hex(8))));
        }
    }
    // Nobody can have these: .invalid is reserved (RFC 6761), the other one is random.
    all.push(ask(About::Invented, false, false, &format!("x{}.invalid", random::hex(8))));
    all.push(ask(About::Invented, false, false, &format!("x{}.com", random::hex(12))));
    all
}

fn ask(world: &mut World, questions: &[Question], timeout: u32) {
    let asked: Vec<names::Question> = questions
        .iter()
        .map(|question| names::Question {
            server: socket(&world.servers[question.server].address),
            transport: if question.tcp { "tcp" } else { "udp" }.into(),
            name: question.name.clone(),
            kind: if question.v6 { "AAAA" } else { "A" }.into(),
            timeout,
        })
        .collect();
    for (question, seen) in questions.iter().zip(names::ask(&asked)) {
        if let Some(kind) = seen.outcome.as_ref().err().filter(|failure| is_ours(failure)) {
            world.unasked.push(Unasked { server: question.server, kind: kind.kind.clone() });
            continue;
        }
        world.asked.push(Asked {
            id: seen.id,
            server: question.server,
            about: question.about,
            v6: question.v6,
            tcp: question.tcp,
            truncated: seen.outcome.as_ref().is_ok_and(|reply| reply.truncated),
            heard: heard(seen.outcome),
        });
    }
}

/// Whether a question failed on this machine. *Behaviour*: silence, a refusal, what came back and
/// what a message of ICMP said (also that the neighbour is absent) is of the server or the way.
fn is_ours(failure: &Failure) -> bool {
    let of = |key: &str| row_value(&failure.details, key);
    let told = matches!(of("origin"), Some("tcp" | "icmp")) || of("icmp-type").is_some();
    let far =
        matches!(failure.kind.as_str(), "timeout" | "connection-refused" | "connection-reset" | "closed" | "protocol");
    !told && !far
}

fn heard(outcome: Result<names::Reply, Failure>) -> Heard {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(failure) => return Heard::Silent(failure.kind),
    };
    let addresses: Vec<_> = reply
        .answers
        .iter()
        .filter(|entry| matches!(entry.kind.as_str(), "A" | "AAAA"))
        .filter_map(|entry| ip::parse(&entry.data))
        .collect();
    match reply.code.as_str() {
        "NOERROR" if addresses.is_empty() => Heard::NoAddress,
        "NOERROR" => Heard::Addresses(addresses),
        "NXDOMAIN" => Heard::NoSuchName,
        code => Heard::Fails(code.to_owned()),
    }
}

/// Port 53 of a server. A zone (`%eth0`) stays.
fn socket(address: &str) -> String {
    if address.contains(':') { format!("[{address}]:53") } else { format!("{address}:53") }
}

/// Asks the gateways too, which in a container are the host, when a server is silent.
fn compare(world: &mut World, gateways: &[String], timeout: u32) {
    let mut questions = Vec::new();
    for gateway in gateways {
        if world.servers.iter().any(|server| server.address == *gateway) {
            continue;
        }
        world.servers.push(Server { address: gateway.clone(), configured: false });
        let name = world.names[0].text.clone();
        questions.push(Question {
            server: world.servers.len() - 1,
            about: About::Name(0),
            v6: false,
            tcp: false,
            name,
        });
    }
    ask(world, &questions, timeout);
}

/// As programs here look names up: as written, several times at once, and with a dot.
fn look_up(world: &mut World, context: &Context, timeout: u32) {
    let samples = number(context, "samples", 4).clamp(1, 32) as usize;
    let query = |name: String| dns::Query { name, timeout };
    let queries: Vec<dns::Query> = world
        .names
        .iter()
        .flat_map(|name| {
            let written = std::iter::repeat_n(name.text.clone(), samples);
            written.chain([format!("{}.", name.text)]).map(query)
        })
        .collect();
    let mut seen = dns::resolve(&queries).into_iter().map(|seen| LookUp {
        id: seen.id,
        elapsed: seen.elapsed,
        outcome: match seen.outcome {
            Ok(answer) => Ok((
                answer.addresses.iter().filter_map(|text| ip::parse(text)).collect(),
                row_value(&answer.details, "source") == Some("hosts"),
            )),
            Err(failure) => Err(failure.kind),
        },
    });
    for name in &mut world.names {
        name.written = seen.by_ref().take(samples).collect();
        name.dotted = seen.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn names_are_asked_once_and_addresses_never() {
        let addresses =
            ["/dns4/cache.test/tcp/1", "https://CACHE.test/x", "10.0.0.1:1", "[::1]:1", "localhost:1", "peer"];
        let names = named(&addresses.map(str::to_owned));
        let all: Vec<(&str, usize)> = names.iter().map(|name| (name.text.as_str(), name.targets.len())).collect();
        assert_eq!(all, [("cache.test", 2), ("peer", 1)]);
    }

    #[test]
    fn a_program_is_outdated_when_the_file_is_younger() {
        let process = |age: &str| row(&[("pid", "7"), ("name", "ipfs"), ("age-s", age)]);
        let path = row(&[("path", "/etc/hosts"), ("modified-age-s", "100")]);
        assert_eq!(outdated(&[process("300")], std::slice::from_ref(&path)).len(), 1);
        assert!(
            outdated(&[process("102")], std::slice::from_ref(&path)).is_empty(),
            "both are of the container's start"
        );
        assert!(outdated(&[process("50")], std::slice::from_ref(&path)).is_empty());
        assert!(outdated(&[row(&[("pid", "7"), ("name", "ipfs")])], &[path]).is_empty(), "an unknown age is no age");
    }

    #[test]
    fn a_question_that_did_not_leave_says_nothing_of_the_server() {
        let failure = |kind: &str, details: &[(&str, &str)]| Failure {
            kind: kind.into(),
            stage: "send".into(),
            os_code: None,
            message: "why".into(),
            details: row(details),
        };
        for (kind, details, ours) in [
            ("timeout", vec![], false),
            ("connection-refused", vec![("origin", "icmp")], false),
            ("host-unreachable", vec![("origin", "icmp"), ("icmp-type", "3")], false),
            // Nobody answered for the neighbour's hardware address.
            ("host-unreachable", vec![("origin", "local"), ("icmp-type", "3")], false),
            ("permission-denied", vec![("origin", "icmp")], false),
            ("protocol", vec![], false),
            ("network-unreachable", vec![("origin", "local")], true),
            ("host-unreachable", vec![("origin", "local")], true),
            ("invalid", vec![], true),
            ("denied", vec![], true),
            ("exhausted", vec![], true),
            ("too-many-open-files", vec![("origin", "local")], true),
        ] {
            assert_eq!(is_ours(&failure(kind, &details)), ours, "{kind} {details:?}");
        }
    }

    #[test]
    fn a_server_is_written_with_its_port() {
        assert_eq!(socket("10.0.0.1"), "10.0.0.1:53");
        assert_eq!(socket("fe80::1%eth0"), "[fe80::1%eth0]:53");
    }
}
