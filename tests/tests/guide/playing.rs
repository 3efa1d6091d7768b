//! Consoles of the guide, played one after the other.

use crate::book::{Block, Page};
use anyhow::{Context, Result, bail, ensure};
use seaworthy_tests::{binary, build_guests, like, scratch, target_directory};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No command of the guide may take longer.
const PATIENCE: Duration = Duration::from_secs(400);

/// Where a page is played.
pub(crate) struct Folder {
    scratch: TempDir,
    /// Where the last `cd` led.
    here: PathBuf,
    /// Ended with the page.
    running: Vec<Child>,
    /// Something was left out, so that what follows has nothing to go on.
    pub(crate) incomplete: bool,
}

/// Why what a block needs is not there.
pub(crate) fn obstacle(need: &str) -> Option<String> {
    let missing = |program: &str| (!found(program)).then(|| format!("`{program}` is not there"));
    match need {
        "rust" => missing("cargo"),
        "python" => missing("python3").or_else(|| offline("PyPI", "python3 -m pip index versions componentize-py")),
        "js" => missing("npm").or_else(|| offline("npm", "npm view componentize-qjs version")),
        "registry" => missing("docker-registry"),
        other => Some(format!("nobody knows what `needs={other}` means")),
    }
}

/// Whether a registry of packages answers; asked once.
fn offline(name: &str, command: &str) -> Option<String> {
    let folder = scratch().ok()?;
    let asked = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    (!asked).then(|| format!("{name} does not answer"))
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let scratch = scratch()?;
        let here = scratch.path().join("work");
        std::fs::create_dir_all(&here)?;
        let commands = scratch.path().join("bin");
        std::fs::create_dir_all(&commands)?;
        Ok(Self { scratch, here, running: Vec::new(), incomplete: false })
    }

    /// Writes a file where the page is played.
    pub(crate) fn put(&mut self, path: &str, text: &str) -> Result<()> {
        let place = self.here.join(path);
        std::fs::create_dir_all(place.parent().unwrap_or(&self.here))?;
        std::fs::write(&place, text).with_context(|| place.display().to_string())
    }

    /// Adds to the end of one.
    pub(crate) fn append(&mut self, path: &str, text: &str) -> Result<()> {
        let before = std::fs::read_to_string(self.here.join(path)).with_context(|| path.to_owned())?;
        self.put(path, &(before + text))
    }

    /// Runs each command of a block and compares what it prints.
    pub(crate) fn play(&mut self, block: &Block) -> Result<()> {
        let commands = commands(&block.text)?;
        let last = commands.len().saturating_sub(1);
        for (at, (command, wanted)) in commands.iter().enumerate() {
            let status = if at == last { block.mark("status").unwrap_or("0") } else { "0" };
            self.run(command, wanted, status.parse()?).with_context(|| format!("$ {command}"))?;
        }
        Ok(())
    }

    fn run(&mut self, command: &str, wanted: &str, status: i32) -> Result<()> {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.here = self.here.join(folder.trim()).canonicalize()?;
            return Ok(());
        }
        if let Some(command) = command.strip_suffix('&') {
            self.running.push(self.shell(command.trim())?.spawn()?);
            // It has to have come up for what follows.
            std::thread::sleep(Duration::from_millis(700));
            return Ok(());
        }
        let log = self.scratch.path().join("output");
        let output = std::fs::File::create(&log)?;
        let mut child = self.shell(command)?.stdout(output.try_clone()?).stderr(output).spawn()?;
        let started = Instant::now();
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                bail!("it was still running after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let said = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        ensure!(ended.code() == Some(status), "it ended with {ended}, not with {status}, and said\n{said}");
        ensure!(matches(wanted, &said), "the guide says\n{wanted}\nand it says\n{said}");
        Ok(())
    }

    fn shell(&self, command: &str) -> Result<Command> {
        let commands = self.scratch.path().join("bin");
        let link = commands.join("seaworthy");
        if !link.exists() {
            std::os::unix::fs::symlink(binary()?, &link)?;
        }
        let mut path = vec![commands];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let cache = target_directory()?.join("tests-cache");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(&self.here)
            .env("PATH", std::env::join_paths(path)?)
            .env("XDG_CACHE_HOME", &cache)
            .env("XDG_STATE_HOME", cache.join("state"))
            .env("XDG_CONFIG_HOME", self.scratch.path().join("config"))
            // What the tests' own guests were built from need not be built again.
            .env("CARGO_TARGET_DIR", guests()?)
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for meant_for_the_host in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CI", "SEAWORTHY_BIN"]
        {
            shell.env_remove(meant_for_the_host);
        }
        Ok(shell)
    }
}

/// The target folder of guests.
fn guests() -> Result<PathBuf> {
    let components = build_guests("plugin-outside")?;
    Ok(components.ancestors().nth(2).unwrap_or(&components).to_path_buf())
}

impl Drop for Folder {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Each command with what it prints. A line that ends with `\` goes on in the next.
fn commands(text: &str) -> Result<Vec<(String, String)>> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if open {
            let (command, _) = commands.last_mut().context("no command")?;
            command.push('\n');
            command.push_str(line.trim_start_matches("> "));
            open = line.ends_with('\\');
        } else if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), String::new()));
            open = line.ends_with('\\');
        } else {
            let (_, wanted) = commands.last_mut().context("a console begins with `$ ` and a command")?;
            wanted.push_str(line);
            wanted.push('\n');
        }
    }
    ensure!(!commands.is_empty(), "a console without a command");
    Ok(commands)
}

/// Whether what was said is what was wanted. Nothing wanted takes anything.
fn matches(wanted: &str, said: &str) -> bool {
    let trimmed = |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    let (wanted, said) = (trimmed(wanted), trimmed(said));
    wanted.is_empty() || lines(&wanted, &said)
}

fn lines(wanted: &[String], said: &[String]) -> bool {
    match wanted.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first.trim() == "..." => (0..=said.len()).any(|skip| lines(rest, &said[skip..])),
        Some((first, rest)) => said.split_first().is_some_and(|(line, after)| like(first, line) && lines(rest, after)),
    }
}

/// What the comparison itself does.
pub(crate) fn compares(_: &[Page]) -> Result<()> {
    for (wanted, said) in [
        ("", "anything"),
        ("a [..] c", "a b c"),
        ("[..]\nend", "first\nend\n"),
        ("...\nend", "one\ntwo\nend"),
        ("start\n...", "start"),
        ("size [..] ([..] bytes)", "size 3 kB (3000 bytes)"),
    ] {
        ensure!(matches(wanted, said), "{wanted:?} is not {said:?}");
    }
    for (wanted, said) in
        [("a", "b"), ("a\nb", "a"), ("a [..] c", "a b d"), ("...\nend", "one\ntwo"), ("aXa[..]aXa", "aXa")]
    {
        ensure!(!matches(wanted, said), "{wanted:?} is {said:?}");
    }
    let two = commands("$ one \\\n    more\nsaid\n$ two\n")?;
    ensure!(two.len() == 2 && two[0].1 == "said\n" && two[0].0.contains("more"), "{two:?}");
    ensure!(commands("no command\n").is_err());
    Ok(())
}
