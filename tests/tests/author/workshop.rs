use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Run, Seaworthy, binary, scratch, workspace_root};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Compilers, and what is compiled before a first run, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(540);

/// Variables by which tools find themselves, and the registries that they install from.
const KEPT: [&str; 16] = [
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_INDEX_URL",
    "PIP_CONFIG_FILE",
];

/// componentize-py, as a new project names it.
pub(crate) const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

/// Where projects are made and built.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// Of the guests, kept between runs.
    target: PathBuf,
}

/// A project, removed when it is dropped.
pub(crate) struct Made {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) language: &'static str,
}

impl Workshop {
    pub(crate) fn open() -> Result<Self> {
        binary()?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
        Ok(Self { target: workspace_root().join(target).join("tests-author") })
    }

    /// `seaworthy plugin new`.
    pub(crate) fn make(&self, kind: &str, name: &str, language: &'static str) -> Result<Made> {
        let folder = scratch()?;
        let place = folder.path().to_string_lossy().into_owned();
        self.seaworthy(&["plugin", "new", kind, name, "--lang", language, "--dir", &place])?.run()?.exits(0)?;
        Ok(Made { folder, language })
    }

    /// The binary, with what tools need of the environment. What is set for the host's own
    /// build, and would break a guest's, is set too.
    pub(crate) fn seaworthy(&self, arguments: &[&str]) -> Result<Seaworthy> {
        let mut run = Seaworthy::new(arguments)?
            .patience(PATIENCE)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_BUILD_TARGET", "riscv64gc-unknown-linux-gnu")
            .env("RUSTFLAGS", "-C linker=/nonexistent")
            .env("CARGO_ENCODED_RUSTFLAGS", "-Clinker=/nonexistent");
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                run = run.env(name, value);
            }
        }
        Ok(run)
    }

    /// Any other program, in a folder.
    pub(crate) fn tool(&self, folder: &Path, command: &[&str]) -> Result<Run> {
        let mut tool =
            Seaworthy::program(command).patience(PATIENCE).directory(folder).env("CARGO_TARGET_DIR", &self.target);
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                tool = tool.env(name, value);
            }
        }
        tool.run()
    }

    /// `seaworthy plugin build`, which has to succeed: what it says.
    pub(crate) fn build(&self, made: &Made) -> Result<Run> {
        let built = self.seaworthy(&["plugin", "build"])?.directory(made.folder.path()).run()?;
        built.exits(0)?;
        Ok(built)
    }

    /// The project's own tests, which have to pass without any component; and what else its
    /// language has to find errors with.
    pub(crate) fn own_tests(&self, made: &Made) -> Result<()> {
        let folder = made.folder.path();
        match made.language {
            "rust" => {
                self.tool(folder, &["cargo", "test", "--quiet"])?.exits(0)?;
                self.tool(folder, &["cargo", "clippy", "--quiet", "--all-targets", "--", "-D", "warnings"])?
                    .exits(0)?;
                self.tool(folder, &["cargo", "fmt", "--check"])?.exits(0)?;
            }
            "python" => {
                let tested = self.tool(folder, &["python3", "-m", "unittest"])?;
                tested.exits(0)?;
                ensure!(tested.stderr.contains("OK"), "{}", tested.transcript());
            }
            _ => {
                self.tool(folder, &["npm", "install", "--no-audit", "--no-fund"])?.exits(0)?;
                let tested = self.tool(folder, &["npm", "test"])?;
                tested.exits(0)?;
                ensure!(
                    tested.stdout.contains("# pass") && !tested.stdout.contains("# pass 0"),
                    "{}",
                    tested.transcript()
                );
            }
        }
        Ok(())
    }
}

impl Made {
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.path().join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// Changes a file; what is replaced has to be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let text = self.read(file)?;
        ensure!(text.contains(from), "{file} has no `{from}`");
        std::fs::write(self.folder.path().join(file), text.replace(from, to))?;
        Ok(())
    }
}

/// Why nothing can be built in Python here.
pub(crate) fn python() -> Option<String> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let folder = scratch().ok()?;
        let version = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))";
        let new_enough = run(&["python3", "-c", version]);
        if !new_enough {
            return Some("python3 with ensurepip, 3.11 or newer, is not there".into());
        }
        let place = folder.path().to_string_lossy().into_owned();
        let there =
            run(&["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", &place, COMPONENTIZE_PY]);
        (!there).then(|| format!("pip cannot get {COMPONENTIZE_PY}"))
    };
    FOUND.get_or_init(find).clone()
}

/// Why nothing can be built in JavaScript here.
pub(crate) fn javascript() -> Option<String> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        if !run(&["node", "-e", "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)"]) {
            return Some("node, 20 or newer, is not there".into());
        }
        (!run(&["npm", "view", "componentize-qjs@0.4.5", "version"])).then(|| "npm cannot get componentize-qjs".into())
    };
    FOUND.get_or_init(find).clone()
}

fn run(command: &[&str]) -> bool {
    let mut program = Seaworthy::program(command).patience(PATIENCE);
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            program = program.env(name, value);
        }
    }
    program.run().is_ok_and(|run| run.code() == Some(0))
}
