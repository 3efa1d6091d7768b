//! `p2p/dependencies`: what the cache client needs is installed and right.
//!
//! [`python`] judges what an interpreter has, [`release`] whether the client's release
//! has peer-to-peer code, [`requirement`] how it was installed, [`version`] compares
//! versions; none of them calls the host.

pub mod python;
pub mod release;
pub mod requirement;
pub mod version;

use python::{Distribution, Interpreter, Mentions, normal};
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::{Check, Code, Context, ContextExt, Evidence, Findings, Outcome, argument, query, row_value};

seaworthy_check_sdk::descriptor!();

/// The check.
pub struct Dependencies;

impl Check for Dependencies {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let client = context.setting("client").unwrap_or("auto");
        let product = context.setting("distribution").unwrap_or("ipfs-accelerate-py");
        let mut arguments = vec![
            argument("names", [&python::ASKED.join(","), ",", product].concat()),
            argument("mentions-in", product),
        ];
        arguments.extend([release::PROTOCOL, release::SWITCH].map(|text| argument("mention", text)));
        arguments.extend(context.settings_all("interpreters").map(|path| argument("interpreter", path)));
        let names = |setting: &str| context.settings_all(setting).map(|name| argument("name", name)).collect();
        let (programs, libraries): (Vec<_>, Vec<_>) = (names("executables"), names("libraries"));
        let read = vars::read(
            &["CACHE_ENABLE_P2P", "CACHE_BOOTSTRAP_PEERS", "GITHUB_WORKSPACE", "RUNNER_WORKSPACE"].map(String::from),
        );
        let value = |name: &str| read.variables.iter().find(|v| v.name == name).and_then(|v| v.value.as_deref());
        let mut queries = vec![query("python", arguments), query("process", vec![])];
        for (topic, wanted) in [("executables", programs), ("libraries", libraries)] {
            if !wanted.is_empty() {
                queries.push(query(topic, wanted));
            }
        }
        let seen = system::inspect(&queries);
        let mut evidence = Evidence::of(seen.iter().map(|answer| answer.id))?.and(read.id);
        let mut findings = Findings::new();
        let mut parts = Vec::new();
        for answer in &seen {
            let rows = match &answer.outcome {
                Ok(rows) => rows,
                Err(_) if answer.topic == "python" && client == "seaworthy" => continue,
                // Where we were started only says where else to look.
                Err(_) if answer.topic == "process" => continue,
                Err(failure) => {
                    let reason = format!("could not look at {}: {}", answer.topic, failure.message);
                    return Ok(findings.inconclusive(reason, evidence));
                }
            };
            let id = answer.id;
            parts.push(match answer.topic.as_str() {
                "executables" => absent(&mut findings, codes::DEP_EXECUTABLE_MISSING, "program", rows, id),
                "libraries" => absent(&mut findings, codes::DEP_LIBRARY_MISSING, "library", rows, id),
                "process" => continue,
                _ => {
                    let all = interpreters(rows);
                    if client != "seaworthy"
                        && release::wanted(value("CACHE_ENABLE_P2P"), value("CACHE_BOOTSTRAP_PEERS"))
                    {
                        ignored(&mut findings, &all, product, &Evidence::one(id).and(read.id));
                    }
                    judge_python(&mut findings, client, &all, id)
                }
            });
        }
        if client != "seaworthy" {
            let here = seen.iter().find(|answer| answer.topic == "process").and_then(|s| s.outcome.as_ref().ok());
            let here = here.and_then(|rows| row_value(rows.first()?, "cwd"));
            let mut folders: Vec<&str> = Vec::new();
            for folder in here.into_iter().chain(["GITHUB_WORKSPACE", "RUNNER_WORKSPACE"].into_iter().filter_map(value))
            {
                if folder.starts_with('/') && !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
            evidence = evidence.with(unquoted(&mut findings, &folders));
        }
        if parts.is_empty() {
            parts.push(OWN_CACHE.into());
        }
        Ok(findings.conclude(parts.join("; "), evidence))
    }
}

/// Reports a release of the client that takes the switch and has nothing behind it.
fn ignored(findings: &mut Findings, all: &[Interpreter], product: &str, evidence: &Evidence) {
    let Some(found) = release::ignoring(all, product) else { return };
    let names = if found.names_switch { "names" } else { "does not even name" };
    let message = [
        product,
        " ",
        &found.version,
        " ignores CACHE_ENABLE_P2P: it ",
        names,
        " the variable, and nothing in its ",
        &found.files,
        " sources speaks ",
        release::PROTOCOL,
        " (",
        &found.interpreter,
        ")",
    ];
    let finding = codes::DEP_FLAG_IGNORED
        .at(product)
        .message(message.concat())
        .observed([product, " ", &found.version].concat())
        .expected(["a release that speaks ", release::PROTOCOL].concat())
        .detail("interpreter", found.interpreter)
        .detail("version", found.version);
    findings.add(finding.likely().cite_all(evidence));
}

/// Looks in the folders for what an unquoted `pip install NAME>=VERSION` leaves behind,
/// and for such lines in workflows, scripts and Dockerfiles. Answers what was seen.
fn unquoted(findings: &mut Findings, folders: &[&str]) -> Vec<u32> {
    if folders.is_empty() {
        return Vec::new();
    }
    let mut left = vec![argument("name", "=*")];
    let mut scripts: Vec<(String, String)> =
        ["*.sh", "Dockerfile*", "*.Dockerfile"].map(|glob| argument("name", glob)).into();
    let mut workflows: Vec<(String, String)> = ["*.yml", "*.yaml"].map(|glob| argument("name", glob)).into();
    for list in [&mut scripts, &mut workflows] {
        list.extend([argument("contains", "install"), argument("contains", ">")]);
    }
    for folder in folders {
        left.push(argument("path", *folder));
        scripts.push(argument("path", *folder));
        workflows.push(argument("path", [folder.trim_end_matches('/'), "/.github/workflows"].concat()));
    }
    let seen = system::inspect(&[query("entries", left), query("lines", scripts), query("lines", workflows)]);
    for answer in &seen {
        for row in answer.outcome.iter().flatten() {
            let text = |key: &str| row_value(row, key).unwrap_or_default();
            let finding = match text("row-kind") {
                "entry" if requirement::is_leftover(text("name")) => {
                    let path = [text("folder").trim_end_matches('/'), "/", text("name")].concat();
                    let message = [
                        "a file called `",
                        text("name"),
                        "` is in ",
                        text("folder"),
                        ": a shell took the version of an unquoted requirement for a redirection, and pip never saw it",
                    ];
                    codes::DEP_UNQUOTED_REQUIREMENT
                        .at(path)
                        .message(message.concat())
                        .detail("file", text("name"))
                        .likely()
                }
                "line" => {
                    let Some(written) = requirement::unquoted(text("text")) else { continue };
                    let place = [text("path"), ":", text("line")].concat();
                    let message = [
                        &place,
                        " installs `",
                        &written,
                        "` without quotation marks: the shell takes `>` for a redirection, and pip never sees the version",
                    ];
                    codes::DEP_UNQUOTED_REQUIREMENT
                        .at(&place)
                        .message(message.concat())
                        .observed(&written)
                        .expected(["'", &written, "'"].concat())
                        .detail("requirement", &written)
                        .detail("path", text("path"))
                        .detail("line", text("line"))
                }
                _ => continue,
            };
            findings.add(finding.cite(answer.id));
        }
    }
    seen.iter().map(|answer| answer.id).collect()
}

const OWN_CACHE: &str = "seaworthy's own cache needs nothing beyond this binary";

/// Judges the interpreters; answers a part of the summary.
fn judge_python(findings: &mut Findings, client: &str, all: &[Interpreter], id: u32) -> String {
    let evidence = Evidence::one(id);
    findings.fact(facts::INTERPRETERS, all.len(), &evidence);
    let clients: Vec<&Interpreter> = all.iter().filter(|interpreter| interpreter.is_client()).collect();
    let judged: Vec<&Interpreter> = match client {
        "seaworthy" => Vec::new(),
        // Told to use Python, and no interpreter is prepared: the first one is what a job would start.
        "python" if clients.is_empty() => all.iter().take(1).collect(),
        _ => clients,
    };
    if client == "python" && all.is_empty() {
        findings.fact(facts::CLIENT, "python", &evidence);
        let message = "no Python interpreter is on PATH, and the configured client is a Python program";
        findings
            .add(codes::DEP_NO_INTERPRETER.at("python3").message(message).expected("Python 3.10 or newer").cite(id));
        return message.into();
    }
    if judged.is_empty() {
        findings.fact(facts::CLIENT, "seaworthy", &evidence);
        return match (client, all.len()) {
            ("seaworthy", _) => OWN_CACHE.into(),
            (_, 0) => format!("no Python is installed; {OWN_CACHE}"),
            (_, several) => {
                format!("no Python cache client is installed in {several} interpreter(s); {OWN_CACHE}")
            }
        };
    }
    findings.fact(facts::CLIENT, "python", &evidence);
    if let Some(version) = judged.iter().find_map(|interpreter| interpreter.version_of("libp2p")) {
        findings.fact(facts::LIBP2P_VERSION, version, &evidence);
    }
    let problems: Vec<_> = judged.iter().map(|interpreter| (interpreter, python::judge(interpreter))).collect();
    let complete = problems.iter().filter(|(_, problems)| problems.is_empty()).count();
    let total = problems.len();
    for (interpreter, mut problem) in problems.into_iter().flat_map(|(i, list)| list.into_iter().map(move |p| (i, p))) {
        let keep = if problem.code.code == codes::DEP_CONFLICT.code { "py-multihash" } else { problem.about.as_str() };
        let remove = problem.remove.take().map(|name| [("found", name), ("remove", name), ("keep", keep)]);
        let details = remove.into_iter().flatten().map(|(key, value)| argument(key, value)).collect::<Vec<_>>();
        let finding = problem
            .code
            .at(problem.about)
            .message(problem.message)
            .observed(problem.observed)
            .expected(problem.expected)
            .detail("interpreter", interpreter.path.as_str());
        let finding = details.into_iter().fold(finding, |finding, (key, value)| finding.detail(&key, value));
        // Some interpreter is complete: the job may well use that one.
        findings.add(if complete > 0 { finding.level("warn").likely() } else { finding }.cite(id));
    }
    match complete {
        0 => "the Python client's packages are incomplete".into(),
        _ if complete == total => "the Python client has all that it needs".into(),
        _ => format!("{complete} of {total} interpreters have all that the Python client needs"),
    }
}

fn interpreters(rows: &[Vec<(String, String)>]) -> Vec<Interpreter> {
    let kind = |row: &[(String, String)], kind: &str| row_value(row, "row-kind") == Some(kind);
    let text = |row: &[(String, String)], key: &str| row_value(row, key).unwrap_or_default().to_owned();
    rows.iter()
        .filter(|row| kind(row, "interpreter"))
        .map(|row| {
            let path = text(row, "path");
            let distributions = rows
                .iter()
                .filter(|other| kind(other, "distribution") && row_value(other, "interpreter") == Some(&path))
                .map(|other| Distribution {
                    name: normal(&text(other, "name")),
                    version: text(other, "version"),
                    modules: text(other, "modules"),
                    mentions: row_value(other, "mentions").map(|found| Mentions {
                        found: found.into(),
                        files: text(other, "files-read"),
                        complete: row_value(other, "complete") == Some("true"),
                    }),
                })
                .collect();
            Interpreter { version: text(row, "version"), distributions, path }
        })
        .collect()
}

/// Reports rows without a `path`; answers a part of the summary.
fn absent(findings: &mut Findings, code: Code, what: &str, rows: &[Vec<(String, String)>], id: u32) -> String {
    let mut missing = Vec::new();
    for row in rows {
        if row_value(row, "path").is_none_or(str::is_empty) {
            let name = row_value(row, "name").unwrap_or_default();
            missing.push(name);
            let message = format!("the {what} `{name}` was not found");
            findings.add(code.at(name).message(message).observed("not found").cite(id));
        }
    }
    match (missing.as_slice(), rows.len()) {
        ([], 1) => format!("the {what} was found"),
        ([], several) => format!("{what}: all {several} were found"),
        (missing, _) => format!("{what} not found: {}", missing.join(", ")),
    }
}

seaworthy_check_sdk::export_check!(Dependencies);

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| argument(key, *value)).collect()
    }

    #[test]
    fn distributions_go_to_their_interpreter() {
        let rows = [
            row(&[("row-kind", "interpreter"), ("path", "/a/python3"), ("version", "3.12.1")]),
            row(&[("row-kind", "interpreter"), ("path", "/b/python3"), ("version", "3.9.1")]),
            row(&[
                ("row-kind", "distribution"),
                ("interpreter", "/b/python3"),
                ("name", "LibP2P"),
                ("version", "0.8.0"),
            ]),
        ];
        let all = interpreters(&rows);
        assert!(!all[0].is_client() && all[1].version_of("libp2p") == Some("0.8.0"));
    }

    #[test]
    fn without_a_client_nothing_is_demanded_unless_python_is_asked_for() {
        let plain = [Interpreter { path: "/usr/bin/python3".into(), version: "3.12".into(), distributions: vec![] }];
        let mut findings = Findings::new();
        let summary = judge_python(&mut findings, "auto", &plain, 1);
        assert!(findings.is_empty() && summary.contains("no Python cache client"));
        judge_python(&mut findings, "python", &plain, 1);
        assert_eq!(findings.count(codes::DEP_MISSING), 3);
        let mut findings = Findings::new();
        judge_python(&mut findings, "python", &[], 1);
        assert_eq!(findings.count(codes::DEP_NO_INTERPRETER), 1);
    }

    #[test]
    fn what_has_no_path_is_missing() {
        let mut findings = Findings::new();
        let rows = [row(&[("name", "git"), ("path", "/usr/bin/git")]), row(&[("name", "redis-cli")])];
        let part = absent(&mut findings, codes::DEP_EXECUTABLE_MISSING, "program", &rows, 1);
        assert_eq!((findings.count(codes::DEP_EXECUTABLE_MISSING), part.as_str()), (1, "program not found: redis-cli"));
    }
}
