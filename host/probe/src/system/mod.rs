//! What the machine says about itself, read natively: one file for each family
//! of topics, one row for each thing found.

mod directory;
mod entries;
mod executables;
mod kernel;
mod limits;
mod listeners;
mod neighbours;
mod netlink;
mod paths;
mod port;
mod process;
mod processes;
mod python;
mod registry;
mod row;
mod trust_store;
mod uptime;

pub mod container;
pub mod interfaces;
pub mod resolver;
pub mod routes;

pub use row::Row;

use row::RowBuilder;
use seaworthy_model::{Environment, Failure};

/// What the topics need besides the machine.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The environment as it was at the start: `PATH`, `HOME`, `VIRTUAL_ENV`, marks of a CI service.
    pub environment: Environment,
}

/// The topics that [`inspect`] knows, in alphabetical order.
pub const TOPICS: [&str; 22] = [
    "container",
    "directory",
    "entries",
    "executables",
    "hosts",
    "interfaces",
    "kernel",
    "libraries",
    "limits",
    "lines",
    "listeners",
    "neighbours",
    "paths",
    "peer-registry",
    "port",
    "process",
    "processes",
    "python",
    "resolver",
    "routes",
    "trust-store",
    "uptime",
];

/// Looks at one topic. Arguments may repeat; those that a topic does not know
/// are ignored, so that a newer check works with an older host.
///
/// *Behaviour*: blocking (files, and for `port` a bind); call it where blocking
/// is allowed. Values are text, keys are lower-kebab, what is not known is left
/// out of its row.
///
/// # Errors
/// `unsupported` for an unknown topic, `invalid` for an argument that cannot be
/// read, else the errno of what could not be read.
pub fn inspect(topic: &str, arguments: &[(String, String)], context: &Context) -> Result<Vec<Row>, Failure> {
    let arguments = Arguments(arguments);
    match topic {
        "container" => Ok(vec![container::inspect(context)]),
        "interfaces" => Ok(interfaces::inspect()),
        "routes" => routes::inspect(),
        "neighbours" => neighbours::inspect(),
        "resolver" => resolver::inspect_resolver(),
        "hosts" => resolver::inspect_hosts(),
        "listeners" => listeners::inspect(),
        "limits" => Ok(vec![limits::inspect()]),
        "process" => Ok(vec![process::inspect(context)]),
        "kernel" => Ok(vec![kernel::inspect(context)]),
        "trust-store" => Ok(trust_store::inspect(context)),
        "uptime" => Ok(vec![uptime::inspect()]),
        "paths" => paths::inspect(&arguments),
        "python" => Ok(python::inspect(&arguments, context)),
        "executables" => Ok(executables::inspect(&arguments, context)),
        "libraries" => Ok(executables::inspect_libraries(&arguments, context)),
        "directory" => directory::inspect(&arguments),
        "port" => port::inspect(&arguments),
        "entries" => entries::inspect(&arguments),
        "lines" => entries::inspect_lines(&arguments),
        "peer-registry" => registry::inspect(&arguments),
        "processes" => processes::inspect(&arguments),
        _ => Err(Failure::new(
            "unsupported",
            "parse",
            format!("this host knows no topic `{topic}`; it knows {}", TOPICS.join(", ")),
        )),
    }
}

/// Named arguments of a query; a name may come more than once.
pub(crate) struct Arguments<'a>(&'a [(String, String)]);

impl<'a> Arguments<'a> {
    fn all(&self, name: &str) -> Vec<&'a str> {
        self.0.iter().filter(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str()).collect()
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        self.all(name).into_iter().next()
    }

    /// The values of a list that may also be written with commas.
    fn listed(&self, name: &str) -> Vec<&'a str> {
        self.all(name).into_iter().flat_map(|v| v.split(',')).map(str::trim).filter(|v| !v.is_empty()).collect()
    }

    fn wanted(&self, topic: &str, name: &str) -> Result<Vec<&'a str>, Failure> {
        let values = self.all(name);
        if values.is_empty() {
            return Err(Failure::new("invalid", "parse", format!("the topic `{topic}` needs the argument `{name}`")));
        }
        Ok(values)
    }
}

/// A file of /proc, /sys or /etc as text, trimmed; `None` when it cannot be read.
fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|t| t.trim().to_owned())
}

fn procfs_failure(what: &str, error: &procfs::ProcError) -> Failure {
    let kind = match error {
        procfs::ProcError::PermissionDenied(_) => "permission-denied",
        procfs::ProcError::NotFound(_) => "not-found",
        _ => "other",
    };
    Failure::new(kind, "read", format!("cannot read {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_without_arguments_answers_here() {
        let context = Context::default();
        for topic in TOPICS {
            let outcome = inspect(topic, &[], &context);
            match topic {
                "directory" | "entries" | "lines" | "paths" | "peer-registry" | "port" => {
                    assert_eq!(outcome.unwrap_err().kind, "invalid", "{topic}");
                }
                _ => {
                    let rows = outcome.unwrap_or_else(|e| panic!("{topic}: {e}"));
                    for (key, _) in rows.iter().flatten() {
                        assert!(
                            key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                            "{key}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_topic_is_described() {
        let page = include_str!("../../../../docs/topics.md");
        for topic in TOPICS {
            assert!(page.contains(&format!("`{topic}`")), "{topic} is not in docs/topics.md");
        }
    }

    #[test]
    fn an_unknown_topic_is_unsupported() {
        assert_eq!(inspect("weather", &[], &Context::default()).unwrap_err().kind, "unsupported");
    }
}
