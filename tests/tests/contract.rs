//! What was promised stays: the frozen WIT packages, and what the documents say.

use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use seaworthy_tests::{Seaworthy, workspace_root};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// `sha256:...` over names and contents of a package's files, by name.
fn package_digest(folder: &Path) -> Result<String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
        files.insert(name, std::fs::read(&path).with_context(|| path.display().to_string())?);
    }
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        hasher.update(format!("{name} {}\n", bytes.len()));
        hasher.update(bytes);
    }
    Ok(format!("sha256:{}", HEXLOWER.encode(&hasher.finalize())))
}

/// A published package never changes; what changes gets a folder of its own beside it.
#[test]
fn published_wit_packages_are_frozen() -> Result<()> {
    let wit = workspace_root().join("wit");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&wit)? {
        let path = entry?.path();
        if path.is_dir() {
            let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
            found.insert(name, package_digest(&path)?);
        }
    }
    let listed = std::fs::read_to_string(wit.join("DIGESTS")).context("wit/DIGESTS")?;
    let listed: BTreeMap<String, String> = listed
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            line.split_once(' ')
                .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
                .context("wit/DIGESTS: `NAME DIGEST`")
        })
        .collect::<Result<_>>()?;
    let lines: Vec<String> = found.iter().map(|(name, digest)| format!("{name} {digest}")).collect();
    ensure!(
        found == listed,
        "wit/ is not what wit/DIGESTS froze. A new version goes into a folder of its own, with its line there; the digests are now:\n{}",
        lines.join("\n")
    );
    Ok(())
}

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/cache.md"];

/// Words that name a path of this repository: in backquotes or as a link's target.
fn paths(text: &str) -> Vec<String> {
    let root = workspace_root();
    let quoted = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let words = quoted
        .chain(links)
        .map(|word| word.trim_end_matches(['.', ',', ':', ';']).split('#').next().unwrap_or_default());
    let known = |word: &str| {
        let word = word.trim_start_matches("./");
        let (top, below) = word.split_once('/').unwrap_or((word, ""));
        let plain = !word.contains(['<', '>', '*', '{', '$', '=', '(']) && !word.contains("://") && !word.is_empty();
        let placeholder = word
            .split(['/', '.'])
            .any(|part| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()) && !root.join(word).exists());
        let document = top.ends_with(".md") || top.ends_with(".yml");
        plain && !placeholder && (document || (!below.is_empty() && root.join(top).is_dir() && !word.starts_with('/')))
    };
    words.filter(|word| known(word)).map(str::to_owned).collect()
}

#[test]
fn paths_that_the_documents_name_exist() -> Result<()> {
    let root = workspace_root();
    let ignored = std::fs::read_to_string(root.join(".gitignore"))?;
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root.join(document)).context(document)?;
        let named = paths(&text);
        ensure!(!named.is_empty(), "{document} names no path: is this test reading it right?");
        for path in named {
            // What a shown command makes is ignored by git, and not there before.
            let made = ignored
                .lines()
                .map(|line| line.trim_start_matches('/'))
                .any(|made| path.strip_prefix(made).is_some_and(|below| below.is_empty() || below.starts_with('/')));
            ensure!(made || root.join(&path).exists(), "{document} names {path}, which is not there");
        }
    }
    Ok(())
}

#[test]
fn commands_that_the_documents_show_exist() -> Result<()> {
    let root = workspace_root();
    let mut shown = 0;
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root.join(document)).context(document)?;
        // Every second piece is code, in a fence or in a line.
        for line in
            text.split('`').skip(1).step_by(2).flat_map(str::lines).map(|line| line.trim_start_matches("$ ").trim())
        {
            let line = line.split(" #").next().unwrap_or_default();
            let Some(rest) = line.strip_prefix("seaworthy ") else { continue };
            let words: Vec<&str> =
                rest.split_whitespace().take_while(|word| !["|", ">", "&&"].contains(word)).collect();
            let Some((command, args)) = words.split_first() else { continue };
            if !command.chars().all(|c| c.is_ascii_lowercase() || c == '-') || command.starts_with('-') {
                continue;
            }
            let nested = ["cache", "plugin"];
            let further =
                args.first().filter(|word| nested.contains(command) && word.chars().all(|c| c.is_ascii_lowercase()));
            let help = Seaworthy::new([Some(command), further, Some(&"--help")].into_iter().flatten())?.run()?;
            help.exits(0).with_context(|| format!("{document} shows `{line}`"))?;
            for flag in args.iter().filter(|arg| arg.starts_with("--") && arg.len() > 2) {
                let flag = flag.split('=').next().unwrap_or_default();
                ensure!(
                    help.stdout.contains(flag),
                    "{document} shows `{line}`, and `seaworthy {command}` has no {flag}"
                );
            }
            shown += 1;
        }
    }
    ensure!(shown > 2, "only {shown} commands are shown: is this test reading them right?");
    Ok(())
}

/// The README has the command that runs these tests.
#[test]
fn the_readme_names_the_test_command() -> Result<()> {
    let text = std::fs::read_to_string(workspace_root().join("README.md"))?;
    ensure!(text.contains("./tests/run"), "README.md does not name ./tests/run");
    let continuous = std::fs::read_to_string(workspace_root().join(".ci/run"))?;
    ensure!(continuous.contains("tests/run"), ".ci/run runs something else than the README's command");
    Ok(())
}

/// A bundled adapter is a tier without a block of its own, and what is none is an error of the policy.
#[test]
fn every_bundled_adapter_is_a_tier_by_its_name() -> Result<()> {
    let folder = seaworthy_tests::scratch()?;
    let path = folder.path().join("checks.toml");
    let adapters = workspace_root().join("plugins");
    let mut seen = 0;
    for entry in std::fs::read_dir(&adapters)? {
        let entry = entry?.path();
        if !entry.join("adapter.toml").is_file() {
            continue;
        }
        let name = entry.file_name().context("no name")?.to_string_lossy().into_owned();
        std::fs::write(&path, format!("version = 1\n[fallback.cache]\norder = [\"{name}\"]\n"))?;
        let run = Seaworthy::new(["validate", "-c"])?.arg(&path).run()?;
        run.exits(0).with_context(|| name.clone())?;
        seen += 1;
    }
    ensure!(seen >= 7, "only {seen} adapters are there");
    std::fs::write(&path, "version = 1\n[fallback.cache]\norder = [\"memry\"]\n")?;
    let run = Seaworthy::new(["validate", "-c"])?.arg(&path).run()?;
    ensure!(run.exits(3)?.stderr.contains("memory"), "nothing is suggested: {}", run.stderr);
    Ok(())
}
