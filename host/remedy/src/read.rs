//! Remedies read back as what they ask for.

use crate::shell::statements;
use crate::situation::Situation;
use crate::wanted::{DockerOption, Value, Wanted};
use crate::{options, sysctl};
use seaworthy_model::{Remediation, RemedyStep, Snippet};

/// Stands for what a variable holds already, while a command is read.
const PRESENT: char = '\u{1}';

/// What a remedy asks for, step by step. *Behaviour*: everything it says is in the
/// result; what could not be read as a value is there as a command, a piece of a
/// file or words. A compose or workflow snippet that repeats what the other steps
/// say is left out: both kinds of file are made from those.
pub(crate) fn wanted(remedy: &Remediation, situation: &Situation) -> Wanted {
    let mut wanted = Wanted::default();
    for step in &remedy.steps {
        if let Some(command) = &step.command {
            read_command(&mut wanted, step, command, situation);
        }
    }
    for step in &remedy.steps {
        if let Some(snippet) = &step.snippet {
            read_snippet(&mut wanted, step, snippet);
        }
        if step.command.is_none() && step.snippet.is_none() {
            wanted.words.push(step.text.clone());
        }
    }
    wanted
}

fn read_command(wanted: &mut Wanted, step: &RemedyStep, command: &str, situation: &Situation) {
    let command = command.trim();
    let plain = |wanted: &mut Wanted| wanted.commands.push((step.text.clone(), command.to_owned()));
    if command.split_whitespace().next() == Some("ipfs") || command.contains("ipfs config ") {
        wanted.kubo.push((step.text.clone(), command.to_owned()));
        return;
    }
    if let Some(network) = own_network(command, situation) {
        wanted.add(DockerOption { name: "--network".into(), value: Some(network) });
        plain(wanted);
        return;
    }
    let bare = command.strip_suffix("\"$IMAGE\"").unwrap_or(command);
    let Some(all) = statements(&present(bare)) else { return plain(wanted) };
    if let Some(variables) = variables(&all, situation) {
        for (name, value) in variables {
            wanted.set(&name, value);
        }
        return;
    }
    let [words] = all.as_slice() else { return plain(wanted) };
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [first, ..] if first.starts_with('-') => match options::read(words) {
            Some(read) => {
                wanted.merge_container(&read);
            }
            None => plain(wanted),
        },
        ["docker", "run", _, ..] => match options::read(&words[2..]) {
            Some(read) => {
                wanted.merge_container(&read);
            }
            None => plain(wanted),
        },
        ["docker", "network", "create", rest @ ..] => {
            wanted.networks.extend(created(rest));
            plain(wanted);
        }
        ["docker", "network", "connect", "--alias", alias, network, ..] => {
            wanted.aliases.push(((*network).to_owned(), (*alias).to_owned()));
            plain(wanted);
        }
        ["sudo", "sysctl", "-w", rest @ ..] | ["sysctl", "-w", rest @ ..] => match sysctl::read(rest.iter().copied()) {
            Some(read) => wanted.sysctls.extend(read),
            None => plain(wanted),
        },
        _ => plain(wanted),
    }
}

/// `${NAME:+$NAME,}`, the way to add to a list, with a mark in its place.
fn present(command: &str) -> String {
    let mut text = command.to_owned();
    while let Some(start) = text.find("${") {
        let Some(length) = text[start..].find('}') else { break };
        let inner = &text[start + 2..start + length];
        let Some((name, rest)) = inner.split_once(":+") else { break };
        if rest != format!("${name},") {
            break;
        }
        text.replace_range(start..=start + length, &PRESENT.to_string());
    }
    text
}

/// The network that a command puts this very container on.
fn own_network(command: &str, situation: &Situation) -> Option<String> {
    let rest = command.strip_prefix("docker network connect ")?;
    let (network, container) = rest.split_once(' ')?;
    let mine = container == "$(hostname)" || situation.container_id.as_deref() == Some(container);
    (mine && !network.starts_with('-')).then(|| network.to_owned())
}

/// The variables of `export` and `unset`, when there is nothing else.
fn variables(all: &[Vec<String>], situation: &Situation) -> Option<Vec<(String, Value)>> {
    let mut found = Vec::new();
    for words in all {
        let (verb, rest) = words.split_first()?;
        for word in rest {
            let entry = match (verb.as_str(), word.split_once('=')) {
                ("export", Some((name, value))) => {
                    let value = match value.strip_prefix(PRESENT) {
                        // What it holds is known, or nothing is added to it.
                        Some(more) => match situation.value(name)? {
                            "" => more.to_owned(),
                            held => format!("{held},{more}"),
                        },
                        None => value.to_owned(),
                    };
                    (name.to_owned(), Value::Text(value))
                }
                ("unset", None) => (word.clone(), Value::Unset),
                _ => return None,
            };
            let hidden = matches!(&entry.1, Value::Text(text) if text.contains(PRESENT));
            if hidden {
                return None;
            }
            found.push(entry);
        }
        if rest.is_empty() {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Name and driver options of `docker network create`.
fn created(words: &[&str]) -> Option<(String, Vec<(String, String)>)> {
    let mut driver = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--opt" | "-o" => {
                let (name, value) = words.next()?.split_once('=')?;
                driver.push((name.to_owned(), value.to_owned()));
            }
            name if !name.starts_with('-') => return Some((name.to_owned(), driver)),
            _ => return None,
        }
    }
    None
}

fn read_snippet(wanted: &mut Wanted, step: &RemedyStep, snippet: &Snippet) {
    let file = snippet.file.as_deref().unwrap_or_default();
    let name = file.rsplit('/').next().unwrap_or_default();
    let workflow = file.contains(".github/workflows/");
    if name == "daemon.json"
        && let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&snippet.text)
    {
        wanted.daemon.extend(map);
        return;
    }
    if (name.contains("sysctl") || file.contains("sysctl.d/"))
        && let Some(read) = sysctl::read(snippet.text.lines())
    {
        wanted.sysctls.extend(read);
        return;
    }
    if workflow {
        let passed: Vec<String> = snippet.text.lines().filter_map(passed).collect();
        for name in &passed {
            wanted.set(name, Value::Caller);
        }
        if !passed.is_empty() && !snippet.text.contains("permissions:") {
            return;
        }
    }
    if (workflow || name.contains("compose")) && wanted.is_of_container() {
        return;
    }
    wanted.pieces.push((step.text.clone(), snippet.clone()));
}

/// The variable of a line such as `NAME: ${{ secrets.NAME }}`.
fn passed(line: &str) -> Option<String> {
    let (name, value) = line.trim().split_once(": ")?;
    let inner = value.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    (inner == format!("secrets.{name}") || inner == format!("vars.{name}")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::Risk;

    fn step(command: &str) -> RemedyStep {
        RemedyStep { text: "Do.".into(), command: Some(command.into()), snippet: None }
    }

    fn piece(file: &str, text: &str) -> RemedyStep {
        let snippet = Snippet { language: "x".into(), file: Some(file.into()), text: text.into() };
        RemedyStep { text: "Write.".into(), command: None, snippet: Some(snippet) }
    }

    fn read(steps: Vec<RemedyStep>) -> Wanted {
        let remedy = Remediation {
            id: "x".into(),
            title: "X".into(),
            why: String::new(),
            steps,
            tradeoff: None,
            risk: Risk::Config,
            docs: None,
            verified_by: None,
        };
        let situation = Situation {
            container_id: Some("abc".into()),
            values: [("NO_PROXY".to_owned(), "a.test".to_owned())].into(),
            ..Situation::default()
        };
        wanted(&remedy, &situation)
    }

    #[test]
    fn commands_become_what_they_ask_for() {
        let wanted = read(vec![
            step("export A=1 B='x y'; unset C"),
            step("--network cache-net -e D=2"),
            step("docker run -e E -e F \"$IMAGE\""),
            step("docker network create --opt com.docker.network.driver.mtu=1400 cache-net"),
            step("docker network connect --alias cache-peer cache-net PEER_CONTAINER"),
            step("sudo sysctl -w net.core.rmem_max=7500000 'net.ipv4.ip_local_port_range=10240 65535'"),
            step("ipfs config Addresses.API /ip4/127.0.0.1/tcp/5001"),
            step("ss -ltnp 'sport = :9100'"),
        ]);
        let text = |name: &str| wanted.text(name).unwrap().to_owned();
        assert_eq!((text("A"), text("B"), text("D")), ("1".into(), "x y".into(), "2".into()));
        assert!(
            wanted.variables.contains(&("C".into(), Value::Unset))
                && wanted.variables.contains(&("E".into(), Value::Caller))
        );
        assert_eq!(wanted.values("--network").collect::<Vec<_>>(), ["cache-net"]);
        assert_eq!(wanted.networks[0].1[0], ("com.docker.network.driver.mtu".into(), "1400".into()));
        assert_eq!(wanted.aliases, [("cache-net".into(), "cache-peer".into())]);
        assert_eq!(wanted.sysctls[1], ("net.ipv4.ip_local_port_range".into(), "10240 65535".into()));
        assert_eq!((wanted.kubo.len(), wanted.commands.len()), (1, 3));
    }

    #[test]
    fn a_list_is_added_to_only_where_it_is_known() {
        let wanted = read(vec![step("export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}\"localhost")]);
        assert_eq!(wanted.text("NO_PROXY"), Some("a.test,localhost"));
        let wanted = read(vec![step("export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}localhost\"")]);
        assert_eq!(wanted.text("NO_PROXY"), Some("a.test,localhost"));
        let wanted = read(vec![step("export OTHER=\"${OTHER:+$OTHER,}x\"")]);
        assert_eq!((wanted.variables.len(), wanted.commands.len()), (0, 1), "nobody knows what OTHER holds");
    }

    #[test]
    fn a_command_about_another_container_stays_a_command() {
        let wanted = read(vec![
            step("docker run -p 9100:9100 PEER_IMAGE peer"),
            step("docker run -p 9100:9100 …"),
            step("docker network connect cache-net other"),
            step("export A=$(id -u)"),
            step("seaworthy peer"),
        ]);
        assert!(!wanted.is_of_container() && wanted.networks.is_empty(), "{wanted:?}");
        assert_eq!(wanted.commands.len(), 5);
        let mine =
            read(vec![step("docker network connect cache-net $(hostname)"), step("docker network connect x abc")]);
        assert_eq!(mine.values("--network").collect::<Vec<_>>(), ["cache-net"]);
    }

    #[test]
    fn pieces_of_files_become_what_they_say() {
        let wanted = read(vec![
            piece("/etc/docker/daemon.json", "{ \"mtu\": 1400 }"),
            piece("/etc/sysctl.d/90-cache.conf", "net.core.rmem_max = 7500000\n"),
            piece(
                ".github/workflows/ci.yml",
                "env:\n  CACHE_P2P_SHARED_SECRET: ${{ secrets.CACHE_P2P_SHARED_SECRET }}\n",
            ),
            piece("docker-compose.yml", "services: {}\n"),
            piece("checks.toml", "[tiers.s3]\n"),
        ]);
        assert_eq!(wanted.daemon["mtu"], 1400);
        assert_eq!(wanted.sysctls, [("net.core.rmem_max".into(), "7500000".into())]);
        assert_eq!(wanted.variables, [("CACHE_P2P_SHARED_SECRET".into(), Value::Caller)]);
        assert_eq!(wanted.pieces.len(), 1);
    }
}
