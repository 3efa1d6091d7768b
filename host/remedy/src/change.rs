use crate::edit::FileEdit;
use crate::strategy::Strategy;
use seaworthy_model::{Confidence, Risk, Snippet};
use serde::Serialize;

/// Version of the format of a proposal; additive within 1.x.
pub const PROPOSAL_SCHEMA_VERSION: &str = "1.0";

/// What a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Variables, in a file for `docker run --env-file`.
    Env,
    /// Options of `docker run`.
    Docker,
    /// A compose file.
    Compose,
    /// A workflow of GitHub Actions.
    Workflow,
    /// The Docker daemon's configuration.
    Daemon,
    /// Kernel settings.
    Sysctl,
    /// Configuration of a Kubo node.
    Kubo,
    /// A command of any other kind.
    Command,
    /// A piece of a file that is somebody's own.
    Piece,
    /// Something that only a person can do.
    Hand,
}

impl Kind {
    /// Those that can be asked for by name.
    pub const NAMED: [Kind; 7] =
        [Kind::Env, Kind::Docker, Kind::Compose, Kind::Workflow, Kind::Daemon, Kind::Sysctl, Kind::Kubo];

    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Env => "env",
            Kind::Docker => "docker",
            Kind::Compose => "compose",
            Kind::Workflow => "workflow",
            Kind::Daemon => "daemon",
            Kind::Sysctl => "sysctl",
            Kind::Kubo => "kubo",
            Kind::Command => "command",
            Kind::Piece => "piece",
            Kind::Hand => "hand",
        }
    }
}

/// Why a change is left to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// It opens something, or may lose data.
    Risk(Risk),
    /// A word in it has to be filled in.
    Placeholder(String),
    /// A part of it was hidden by the redaction of the report.
    Hidden,
    /// The variable is none that a cache reads.
    Foreign(String),
    /// It holds a line feed or another control character.
    Controls(String),
    /// It cannot be written in this kind of file.
    Form(String),
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Blocker::Risk(Risk::Data) => f.write_str("it may lose data, so it is yours to do"),
            Blocker::Risk(_) => f.write_str("it opens access, so it is yours to do"),
            Blocker::Placeholder(word) => write!(f, "{word} has to be filled in, and only you know it"),
            Blocker::Hidden => {
                f.write_str("a value in it is hidden in the report; run `fix` where the variables are set")
            }
            Blocker::Foreign(name) => write!(f, "{name} is no variable of the cache"),
            Blocker::Controls(what) => write!(f, "{what} holds a control character"),
            Blocker::Form(why) => f.write_str(why),
        }
    }
}

impl Serialize for Blocker {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a change consists of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A file is written.
    File(FileEdit),
    /// A command, or options of one. It is shown and never run.
    Command(String),
    /// A piece of a file, to be put where it says.
    Piece(Snippet),
    /// Words.
    Words,
}

/// One thing to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What it is made to.
    pub kind: Kind,
    /// In words.
    pub text: String,
    /// What it touches.
    pub risk: Risk,
    /// The change itself.
    pub content: Content,
    /// Why it is not written.
    pub blockers: Vec<Blocker>,
}

/// A remedy that was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Other {
    /// Its idea.
    pub strategy: Strategy,
    /// Id of the remedy.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it touches.
    pub risk: Risk,
    /// What speaks against it here, where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
}

/// What to do about one cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// Code of the cause.
    pub cause: String,
    /// Title of the cause.
    pub title: String,
    /// What it means here.
    pub message: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The idea of the remedy that was chosen; none where the cause has no remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Why that one.
    pub since: String,
    /// Id of the remedy.
    pub remedy: String,
    /// One line.
    pub what: String,
    /// Why it helps.
    pub why: String,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tradeoff: Option<String>,
    /// What it touches.
    pub risk: Risk,
    /// Id of the check that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_by: Option<String>,
    /// What to change.
    pub changes: Vec<Change>,
    /// The other remedies, in the order of preference.
    pub others: Vec<Other>,
    /// A change that another cause wants differently; it waits for the next run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
}

/// What to do about a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// `1.0`.
    pub schema_version: String,
    /// The run that was judged.
    pub run_id: String,
    /// Where it was made.
    pub vantage: String,
    /// One for each cause, in the report's order.
    pub fixes: Vec<Fix>,
}
