//! Options of `docker run`, as far as they say how a container is to be.

use crate::shell::quoted;
use crate::wanted::{DockerOption, Wanted};

/// Short names and the long ones that they stand for.
const SHORT: [(&str, &str); 6] = [
    ("-e", "--env"),
    ("-p", "--publish"),
    ("-v", "--volume"),
    ("-u", "--user"),
    ("-m", "--memory"),
    ("-h", "--hostname"),
];

/// Options with a value that we can carry over to a compose file. Others are left to people.
const WITH_VALUE: [&str; 20] = [
    "--env",
    "--publish",
    "--volume",
    "--user",
    "--memory",
    "--hostname",
    "--network",
    "--network-alias",
    "--add-host",
    "--dns",
    "--dns-option",
    "--dns-search",
    "--ulimit",
    "--sysctl",
    "--cap-add",
    "--pids-limit",
    "--env-file",
    "--mount",
    "--tmpfs",
    "--group-add",
];

/// Options of which a container has one at most.
pub(crate) fn is_single(name: &str) -> bool {
    matches!(name, "--network" | "--user" | "--memory" | "--hostname" | "--pids-limit")
}

/// Options read from words. None where a word is no option that is known: then
/// nothing is guessed.
pub(crate) fn read(words: &[String]) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let name = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
        let name = if name == "--dns-opt" { "--dns-option" } else { name };
        let name = if name == "--net" { "--network" } else { name };
        if !WITH_VALUE.contains(&name) {
            return None;
        }
        let value = match joined {
            Some(value) => value,
            None => words.next()?.clone(),
        };
        if name == "--env" {
            match value.split_once('=') {
                Some((name, text)) => wanted.set(name, crate::Value::Text(text.to_owned())),
                None => wanted.set(&value, crate::Value::Caller),
            };
        } else {
            wanted.add(DockerOption { name: name.to_owned(), value: Some(value) });
        }
    }
    Some(wanted)
}

/// As they are typed, without variables.
pub(crate) fn written(options: &[DockerOption]) -> String {
    let word = |option: &DockerOption| match &option.value {
        Some(value) => format!("{} {}", option.name, quoted(value)),
        None => option.name.clone(),
    };
    options.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{read, written};
    use crate::Value;

    fn words(text: &str) -> Vec<String> {
        crate::shell::statements(text).unwrap().concat()
    }

    #[test]
    fn options_are_read_in_their_forms() {
        let wanted =
            read(&words("--network cache-net -e A=1 -e TOKEN --add-host=h:host-gateway -p 9100:9100/udp")).unwrap();
        assert_eq!(wanted.variables, [("A".into(), Value::Text("1".into())), ("TOKEN".into(), Value::Caller)]);
        assert_eq!(written(&wanted.options), "--network cache-net --add-host h:host-gateway --publish 9100:9100/udp");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(read(&words("--privileged")), None);
        assert_eq!(read(&words("--network")), None);
        assert_eq!(read(&words("IMAGE")), None);
    }
}
