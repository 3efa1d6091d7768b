//! The compose file of the repository: a peer and a runner on one network.

use anyhow::{Context, Error, Result, ensure};
use seaworthy_tests::lab::{Lab, SECRET};
use seaworthy_tests::{Scene, Seaworthy, scratch, workspace_root};

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![Scene::new("the_compose_file_brings_up_peer_and_runner", compose).unless(client().err())]
}

/// The client: the plugin of the docker command, else the older program.
fn client() -> Result<Vec<&'static str>, String> {
    for words in [vec!["docker", "compose"], vec!["docker-compose"]] {
        let version = Seaworthy::program(words.iter().copied().chain(["version"])).run();
        if version.is_ok_and(|run| run.code() == Some(0)) {
            return Ok(words);
        }
    }
    Err("neither `docker compose` nor docker-compose is installed".into())
}

fn compose(lab: &Lab) -> Result<()> {
    let client = client().map_err(Error::msg)?;
    let folder = scratch()?;
    let project = lab.unique("compose");
    let file = workspace_root().join("docker-compose.yml");
    let command = |args: &[&str]| -> Seaworthy {
        let words = client.iter().copied().chain(["--project-name", &project, "--file"]);
        let command = Seaworthy::program(words).arg(&file).env("HOME", folder.path());
        let command = command.env("SEAWORTHY_IMAGE", lab.image()).env("CACHE_P2P_SHARED_SECRET", SECRET);
        let command = match lab.engine_address() {
            Some(address) => command.env("DOCKER_HOST", address),
            None => command,
        };
        args.iter().fold(command, |command, arg| command.arg(arg))
    };
    let played = play(&command);
    let down = command(&["down", "--volumes", "--timeout", "5"]).run()?;
    played?;
    down.exits(0)?;
    Ok(())
}

fn play(command: &dyn Fn(&[&str]) -> Seaworthy) -> Result<()> {
    command(&["up", "--detach", "peer"]).run()?.exits(0).context("the peer does not come up")?;
    let logs = command(&["logs", "peer"]).run()?;
    let id: String =
        logs.stdout.split("/p2p/").nth(1).unwrap_or_default().chars().take_while(char::is_ascii_alphanumeric).collect();
    ensure!(!id.is_empty(), "the peer shows no id\n{}", logs.transcript());
    let runner =
        command(&["run", "--rm", "-T", "runner"]).env("CACHE_BOOTSTRAP_PEERS", format!("/dns4/peer/tcp/9100/p2p/{id}"));
    let run = runner.run()?;
    run.exits(0).context("the runner does not pass")?;
    ensure!(run.stdout.contains("8/8"), "no summary line\n{}", run.transcript());
    ensure!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "the secret is in the output");
    Ok(())
}
