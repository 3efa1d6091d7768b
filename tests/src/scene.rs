use anyhow::{Error, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;

/// One thing to show, on a stage that the scenes of a test file share.
pub struct Scene<Stage> {
    /// What it shows, in words with underscores.
    pub name: &'static str,
    /// Shows it, or says why it could not.
    pub play: fn(&Stage) -> Result<()>,
    /// Why it cannot be played on this machine, if so.
    pub obstacle: Option<String>,
}

impl<Stage> Scene<Stage> {
    /// A scene that can be played wherever there is a stage.
    #[must_use]
    pub fn new(name: &'static str, play: fn(&Stage) -> Result<()>) -> Self {
        Self { name, play, obstacle: None }
    }

    /// The same, skipped where something else is missing.
    #[must_use]
    pub fn unless(mut self, obstacle: Option<String>) -> Self {
        self.obstacle = obstacle;
        self
    }
}

/// Why there is no stage.
#[derive(Debug)]
pub enum NoStage {
    /// This machine has no means for one: the scenes are skipped.
    Unavailable(String),
    /// It should be there and is not: the scenes fail.
    Broken(Error),
}

impl From<Error> for NoStage {
    fn from(error: Error) -> Self {
        NoStage::Broken(error)
    }
}

/// Plays scenes as tests. Where there can be no stage every scene is reported as
/// ignored and the reason is printed; none of them counts as passed.
pub fn run_scenes<Stage: Send + Sync + 'static>(
    kind: &'static str,
    stage: Result<Stage, NoStage>,
    scenes: Vec<Scene<Stage>>,
) -> ExitCode {
    let arguments = Arguments::from_args();
    let (stage, reason) = match stage {
        Ok(stage) => (Ok(Arc::new(stage)), None),
        Err(NoStage::Unavailable(reason)) => (Err(reason.clone()), Some(reason)),
        Err(NoStage::Broken(error)) => (Err(format!("{error:#}")), None),
    };
    let mut skipped = Vec::new();
    let trials = scenes.into_iter().map(|scene| {
        let stage = stage.clone();
        let obstacle = reason.clone().or(scene.obstacle);
        let ignored = obstacle.is_some();
        skipped.extend(obstacle.map(|why| (scene.name, why)));
        Trial::test(scene.name, move || match &stage {
            Ok(stage) => (scene.play)(stage).map_err(|e| Failed::from(format!("{e:#}"))),
            Err(why) => Err(Failed::from(why)),
        })
        .with_kind(kind)
        .with_ignored_flag(ignored)
    });
    let trials = trials.collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Before the process ends, so that what the stage made is removed.
    drop(stage);
    for (name, why) in skipped {
        println!("skipped {name}: {why}");
    }
    conclusion.exit_code()
}
