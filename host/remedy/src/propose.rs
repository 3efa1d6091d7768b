use crate::around::Around;
use crate::change::{Blocker, Change, Content, Fix, Kind, Other, PROPOSAL_SCHEMA_VERSION, Proposal};
use crate::choose::{Candidate, candidates};
use crate::edit::{Edit, FileEdit, How};
use crate::shell::quoted;
use crate::situation::Situation;
use crate::strategy::Strategy;
use crate::wanted::{Value, Wanted};
use crate::{compose, daemon, environment, options, placeholder, sysctl, workflow};
use seaworthy_model::{Cause, Report, Risk, Snippet};

/// What to do about the causes of a report. `cause` takes those with one code only.
///
/// *Behaviour*: one fix for each cause, in the report's order, which is most
/// explaining first. Where two causes want one setting to be different, the first is
/// heard and the other waits for the next run.
#[must_use]
pub fn propose(report: &Report, around: &Around, cause: Option<&str>) -> Proposal {
    let situation = Situation::of(report, around);
    let mut agreed = Wanted::default();
    let causes = report.causes.iter().filter(|known| cause.is_none_or(|code| known.code == code));
    let fixes = causes.map(|cause| fix(cause, &situation, around, &mut agreed)).collect();
    Proposal {
        schema_version: PROPOSAL_SCHEMA_VERSION.into(),
        run_id: report.run_id.clone(),
        vantage: report.vantage.name.clone(),
        fixes,
    }
}

fn fix(cause: &Cause, situation: &Situation, around: &Around, agreed: &mut Wanted) -> Fix {
    let mut all = candidates(cause, situation);
    // A kind that is asked for by name may be in a remedy other than the first.
    let asked =
        |candidate: &Candidate| candidate.objection.is_none() && !changes(candidate, situation, around).is_empty();
    let at = if around.only.is_empty() { 0 } else { all.iter().position(asked).unwrap_or(0) };
    let chosen = (at < all.len()).then(|| all.remove(at));
    let others = all
        .into_iter()
        .map(|other| Other {
            strategy: other.strategy,
            id: other.remedy.id,
            title: other.remedy.title,
            risk: other.remedy.risk,
            objection: other.objection,
        })
        .collect();
    let mut fix = Fix {
        cause: cause.code.clone(),
        title: cause.title.clone(),
        message: cause.message.clone(),
        target: cause.target.clone(),
        confidence: cause.confidence,
        strategy: None,
        since: String::new(),
        remedy: String::new(),
        what: String::new(),
        why: String::new(),
        tradeoff: None,
        risk: Risk::None,
        verified_by: None,
        changes: Vec::new(),
        others,
        waits: Vec::new(),
    };
    let Some(chosen) = chosen else { return fix };
    fix.changes = changes(&chosen, situation, around);
    if !agreed.merge_container(&chosen.wanted) {
        fix.waits.push(
            "another cause wants one of these settings to be different: run `fix` again when that one is gone".into(),
        );
        let waits = Blocker::Form("it waits for another cause".into());
        fix.changes.iter_mut().filter(|c| is_file(c)).for_each(|c| c.blockers.push(waits.clone()));
    }
    fix.since = match &chosen.objection {
        Some(objection) => format!("nothing else is left, although {objection}"),
        None => chosen.strategy.reason(situation),
    };
    fix.strategy = Some(chosen.strategy);
    fix.remedy = chosen.remedy.id;
    fix.what = chosen.remedy.title;
    fix.why = chosen.remedy.why;
    fix.tradeoff = chosen.remedy.tradeoff;
    fix.risk = chosen.remedy.risk;
    fix.verified_by = chosen.remedy.verified_by;
    fix
}

fn is_file(change: &Change) -> bool {
    matches!(change.content, Content::File(_))
}

/// Every way to carry a remedy out that fits the place and was asked for.
fn changes(candidate: &Candidate, situation: &Situation, around: &Around) -> Vec<Change> {
    let Candidate { remedy, wanted, strategy, .. } = candidate;
    let mut list = List { risk: remedy.risk, around, changes: Vec::new() };
    list.variables(wanted);
    list.docker(wanted);
    list.compose(wanted, *strategy, situation);
    list.workflow(wanted, situation, remedy.verified_by.as_deref().unwrap_or("net.connectivity"));
    list.daemon(wanted);
    list.sysctl(wanted);
    for (text, command) in &wanted.kubo {
        list.command(Kind::Kubo, text, command.clone());
    }
    for (text, command) in &wanted.commands {
        list.command(Kind::Command, text, command.clone());
    }
    for (text, piece) in &wanted.pieces {
        let file = piece.file.as_deref().unwrap_or_default();
        let kind = if file.contains(".github/workflows/") { Kind::Workflow } else { Kind::Piece };
        list.push(kind, text, Content::Piece(piece.clone()), Vec::new());
    }
    for text in &wanted.words {
        list.push(Kind::Hand, text, Content::Words, Vec::new());
    }
    list.changes.retain(|change| around.wants(change.kind));
    list.changes
}

struct List<'a> {
    risk: Risk,
    around: &'a Around,
    changes: Vec<Change>,
}

impl List<'_> {
    fn push(&mut self, kind: Kind, text: &str, content: Content, mut blockers: Vec<Blocker>) {
        if matches!(content, Content::File(_)) && self.risk > Risk::Config {
            blockers.insert(0, Blocker::Risk(self.risk));
        }
        self.changes.push(Change { kind, text: text.to_owned(), risk: self.risk, content, blockers });
    }

    fn command(&mut self, kind: Kind, text: &str, command: String) {
        self.push(kind, text, Content::Command(command), Vec::new());
    }

    fn file(&mut self, kind: Kind, text: &str, default: &str, how: How, blockers: Vec<Blocker>) {
        let named = self.around.places.contains_key(&kind);
        let file = FileEdit { path: self.around.at(kind, default), named, edit: Edit(how) };
        self.push(kind, text, Content::File(file), blockers);
    }

    fn variables(&mut self, wanted: &Wanted) {
        if wanted.variables.is_empty() {
            return;
        }
        let how = How::Variables(wanted.variables.clone());
        let text = "The variables, for `docker run --env-file` or a service's `env_file`.";
        self.file(Kind::Env, text, environment::PATH, how, container_blockers(wanted));
        let lines: Vec<String> = wanted
            .variables
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Text(text) => Some(format!("export {name}={}", quoted(text))),
                Value::Unset => Some(format!("unset {}", quoted(name))),
                Value::Caller => None,
            })
            .collect();
        if !lines.is_empty() {
            self.command(Kind::Env, "Or in the shell that starts the process.", lines.join("\n"));
        }
    }

    fn docker(&mut self, wanted: &Wanted) {
        if !wanted.is_of_container() {
            return;
        }
        let mut words = Vec::new();
        if !wanted.variables.is_empty() {
            words.push(format!("--env-file {}", quoted(&self.around.at(Kind::Env, environment::PATH))));
        }
        if !wanted.options.is_empty() {
            words.push(options::written(&wanted.options));
        }
        self.command(Kind::Docker, "Add to your docker run.", words.join(" "));
    }

    fn compose(&mut self, wanted: &Wanted, strategy: Strategy, situation: &Situation) {
        let around = self.around;
        let fits = around.compose.is_some() || around.asks_for(Kind::Compose);
        let network = strategy == Strategy::OwnNetwork && !situation.github;
        if !(network || wanted.is_of_container() && fits) {
            return;
        }
        let (path, service) = match compose::place(around) {
            Ok(found) => found,
            Err(why) => return self.push(Kind::Compose, &why, Content::Words, vec![Blocker::Form(why.clone())]),
        };
        let mut blockers = container_blockers(wanted);
        blockers.extend(compose::obstacle(wanted, &service).map(Blocker::Form));
        let text = match &service.over {
            Some(base) => format!("For the service {}, put over {base} without changing it.", service.name),
            None => "Runner and peer on one network.".into(),
        };
        let up = compose::command(&path, &service, around);
        let whole = service.over.is_none() && !wanted.aliases.is_empty();
        let how = How::Compose { wanted: Box::new(wanted.clone()), service };
        let named = around.places.contains_key(&Kind::Compose);
        let file = FileEdit { path, named, edit: Edit(how) };
        self.push(Kind::Compose, &text, Content::File(file), blockers);
        self.command(Kind::Compose, "Then start it.", up);
        if whole {
            let text = "The peer of this file has an identity of its own: set CACHE_BOOTSTRAP_PEERS to the address that it prints, \
                        with its service's name as the host.";
            self.push(Kind::Compose, text, Content::Words, Vec::new());
        }
    }

    fn workflow(&mut self, wanted: &Wanted, situation: &Situation, proof: &str) {
        let around = self.around;
        let fits = situation.github || around.asks_for(Kind::Workflow);
        if !wanted.is_of_container() || !fits {
            return;
        }
        let container = situation.in_container == Some(true);
        let mut blockers = container_blockers(wanted);
        blockers.extend(workflow::obstacle(wanted).map(Blocker::Form));
        if around.places.contains_key(&Kind::Workflow) {
            let how = How::Workflow { wanted: Box::new(wanted.clone()), container, proof: proof.to_owned() };
            return self.file(Kind::Workflow, "A workflow that shows and proves it.", "", how, blockers);
        }
        let (file, job) =
            workflow::place(around).unwrap_or_else(|| (".github/workflows/ci.yml".into(), "build".into()));
        let text = format!("In {file}, for the job {job}; the file is yours, so it is not rewritten.");
        let piece =
            Snippet { language: "yaml".into(), file: Some(file), text: workflow::piece(wanted, &job, container) };
        self.push(Kind::Workflow, &text, Content::Piece(piece), blockers);
    }

    fn daemon(&mut self, wanted: &Wanted) {
        if wanted.daemon.is_empty() {
            return;
        }
        let text = serde_json::Value::Object(wanted.daemon.clone()).to_string();
        let how = How::Settings(wanted.daemon.clone());
        self.file(Kind::Daemon, "For all containers of this host.", daemon::PATH, how, text_blockers("it", &text));
        self.command(
            Kind::Daemon,
            "On the host, see that the daemon takes the file, then restart it; containers without `--restart` stop.",
            format!("sudo dockerd --validate --config-file {} && sudo systemctl restart docker", daemon::PATH),
        );
    }

    fn sysctl(&mut self, wanted: &Wanted) {
        if wanted.sysctls.is_empty() {
            return;
        }
        let how = How::Sysctls(wanted.sysctls.clone());
        self.file(Kind::Sysctl, "For the host's kernel, also after a restart.", sysctl::PATH, how, Vec::new());
        self.command(Kind::Sysctl, "On the host, take the settings in.", "sudo sysctl --system".into());
    }
}

/// What keeps the settings of a container from being written.
fn container_blockers(wanted: &Wanted) -> Vec<Blocker> {
    let mut all = Vec::new();
    for (name, value) in &wanted.variables {
        if !placeholder::is_ours(name) {
            all.push(Blocker::Foreign(name.clone()));
        }
        if let Value::Text(text) = value {
            all.extend(text_blockers(name, text));
        }
    }
    // Capabilities are written in capitals.
    for option in wanted.options.iter().filter(|option| option.name != "--cap-add") {
        all.extend(text_blockers(&option.name, option.value.as_deref().unwrap_or_default()));
    }
    let mut once: Vec<Blocker> = Vec::new();
    for blocker in all {
        if !once.contains(&blocker) {
            once.push(blocker);
        }
    }
    once
}

fn text_blockers(what: &str, text: &str) -> Vec<Blocker> {
    let mut all: Vec<Blocker> = placeholder::in_text(text).map(Blocker::Placeholder).into_iter().collect();
    if placeholder::is_hidden(text) {
        all.push(Blocker::Hidden);
    }
    if placeholder::has_controls(text) {
        all.push(Blocker::Controls(what.to_owned()));
    }
    all
}
