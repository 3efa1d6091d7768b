//! A workflow of GitHub Actions: the piece for a job that is there, or a whole
//! workflow that shows it. A workflow of somebody's own is never rewritten.

use crate::around::Around;
use crate::compose::MARK;
use crate::outline;
use crate::wanted::{Value, Wanted};
use crate::yaml::{self, Page};
use seaworthy_model::Environment;

/// The workflow and the job in it that are meant, as far as that can be told.
pub(crate) fn place(around: &Around) -> Option<(String, String)> {
    let jobs =
        |text: &str| outline::below(text, "jobs").into_iter().map(|(n, l)| (n, l.join("\n"))).collect::<Vec<_>>();
    let mut found = Vec::new();
    for file in &around.workflows {
        for (job, lines) in jobs(&file.text) {
            if around.service.as_deref().is_none_or(|said| said == job) {
                found.push((file.path.clone(), job, lines.contains("CACHE_") || lines.contains("seaworthy")));
            }
        }
    }
    let speaking: Vec<_> = found.iter().filter(|(_, _, speaks)| *speaks).collect();
    match (speaking.as_slice(), found.as_slice()) {
        ([(path, job, _)], _) | (_, [(path, job, _)]) => Some((path.clone(), job.clone())),
        _ => None,
    }
}

/// What keeps a wish out of a workflow.
pub(crate) fn obstacle(wanted: &Wanted) -> Option<String> {
    let expression =
        wanted.variables.iter().find(|(_, value)| matches!(value, Value::Text(text) if text.contains("${{")));
    expression.map(|(name, _)| format!("{name} holds `${{{{`, which a workflow would evaluate"))
}

/// The piece for a job: its variables, and its container where it has one.
pub(crate) fn piece(wanted: &Wanted, job: &str, container: bool) -> String {
    let mut page = Page::default();
    page.line(0, "jobs:");
    page.line(1, &format!("{}:", yaml::key(job)));
    settings(&mut page, wanted, container, false);
    page.end()
}

/// A whole workflow around it, which runs the check that proves it.
pub(crate) fn whole(wanted: &Wanted, container: bool, proof: &str) -> String {
    let mut page = Page::default();
    page.line(0, &format!("{MARK}: what your own job needs, in a job that proves it."));
    page.line(0, "name: seaworthy");
    page.line(0, "on: workflow_dispatch");
    page.line(0, "permissions:");
    page.line(1, "contents: read");
    page.line(0, "jobs:");
    page.line(1, "cache:");
    page.line(2, "runs-on: self-hosted");
    settings(&mut page, wanted, container, true);
    page.line(2, "steps:");
    page.line(
        3,
        &format!("- run: {}", yaml::quoted(&format!("seaworthy run {} -f github", crate::shell::quoted(proof)))),
    );
    page.end()
}

/// *Behaviour*: a job container is on a network that the runner makes, and takes no
/// `--network`; its neighbours there are the job's services.
fn settings(page: &mut Page, wanted: &Wanted, container: bool, whole: bool) {
    let options: Vec<_> = wanted
        .options
        .iter()
        .filter(|option| !matches!(option.name.as_str(), "--network" | "--network-alias" | "--publish" | "--volume"))
        .cloned()
        .collect();
    let values = |name| wanted.values(name).map(str::to_owned).collect::<Vec<_>>();
    if !container {
        variables(page, 2, wanted);
        return;
    }
    let (ports, volumes) = (values("--publish"), values("--volume"));
    let any = !(wanted.variables.is_empty() && options.is_empty() && ports.is_empty() && volumes.is_empty());
    if whole || any {
        page.line(2, "container:");
        if whole {
            page.line(3, "image: ${{ vars.RUNNER_IMAGE }}");
        }
        if !options.is_empty() {
            page.pair(3, "options", &crate::options::written(&options));
        }
        page.list(3, "ports", ports.iter().map(String::as_str));
        page.list(3, "volumes", volumes.iter().map(String::as_str));
        variables(page, 3, wanted);
    }
    if let Some((_, name)) = wanted.aliases.first() {
        page.line(2, "services:");
        page.line(3, &format!("{}:", yaml::key(name)));
        page.line(4, "image: ${{ vars.CACHE_PEER_IMAGE }}");
        page.line(4, "env:");
        page.line(5, "CACHE_P2P_SHARED_SECRET: ${{ secrets.CACHE_P2P_SHARED_SECRET }}");
    }
}

fn variables(page: &mut Page, depth: usize, wanted: &Wanted) {
    let all: Vec<_> = wanted.variables.iter().filter(|(_, value)| *value != Value::Unset).collect();
    if all.is_empty() {
        return;
    }
    page.line(depth, "env:");
    for (name, value) in all {
        match value {
            Value::Text(text) => page.pair(depth + 1, name, text),
            Value::Caller | Value::Unset => {
                let store = if Environment::is_secret_name(name) { "secrets" } else { "vars" };
                page.line(depth + 1, &format!("{name}: ${{{{ {store}.{name} }}}}"));
            }
        }
    }
}
