//! What hostile servers say, in every format of a report: no terminal, no log of a job,
//! no XML and no Markdown obeys it.

use anyhow::{Context as _, Error, Result, ensure};
use quick_junit::Report as JunitReport;
use seaworthy_tests::authority::{Authority, GOOD};
use seaworthy_tests::faults::{Bench, Topology, Trick, World};
use seaworthy_tests::{Certified, Scripted, Told, store_says};
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn tricks() -> Vec<Trick> {
    let trick = |name, play| Trick { name, topology: Topology::Here, play };
    vec![
        trick("injection/banner", banner),
        trick("injection/banner-of-two-megabytes", long_banner),
        trick("injection/http", http),
        trick("injection/error-of-a-store", store),
        trick("injection/certificate", certificate),
        trick("injection/multistream", multistream),
    ]
}

/// A word that shows what came through.
const MARK: &str = "pwned";

/// What is said: to a terminal (colours, a link, the clipboard, the title), to a job's log
/// in both forms of commands, to XML, HTML and Markdown, and in the wrong direction.
const HOSTILE: &str = "\x1b[31mred\x1b[0m\x1b]8;;https://evil.test\x07link\x1b]8;;\x07\x1b]52;c;ZXZpbA==\x07\x1b]0;t\x07\x1b[2J\
    \r::error title=own::pwned\n::error::pwned\n ::set-output name=verdict::pwned ##[error]pwned ##[add-path]/evil\
    \u{202e}\u{2066}\u{200b}\u{9b}31m]]></failure><script>alert('pwned')</script><img src=x onerror=pwned>\
    | a | b |\n|---|---|\n```\n# pwned\n[x](javascript:pwned) ![i](https://evil.test/p.png) `code` @team <!-- pwned";

/// The same, with bytes that are no UTF-8.
fn hostile_bytes() -> Vec<u8> {
    [b"\xff\xfe\xc3(\x00", HOSTILE.as_bytes(), b"\xed\xa0\x80\xf5"].concat()
}

/// The same, as it fits into a line of a head: a client takes no control characters there.
fn hostile_line() -> String {
    HOSTILE.chars().map(|c| if c.is_ascii_control() || c == '\u{9b}' { ' ' } else { c }).collect()
}

/// Runs in every format, and looks at each.
fn look(world: &World, says: &str) -> Result<()> {
    let folder = world.folder().to_owned();
    let file = |name: &str| folder.join(name);
    let mut command = world.run_command(&["-v", "--color", "never", "-f", "human"])?;
    for format in ["json", "junit", "github"] {
        command = command.arg("-o").arg(format!("{format}={}", file(format).display()));
    }
    let (summary, outputs) = (file("summary.md"), file("outputs"));
    for path in [&summary, &outputs] {
        std::fs::write(path, "")?;
    }
    let run = command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("GITHUB_OUTPUT", &outputs)
        .run()?;
    ensure!(matches!(run.code(), Some(0 | 1 | 5)), "{}", run.transcript());
    let read = |path: &Path| {
        let bytes = std::fs::read(path).with_context(|| format!("no {}", path.display()))?;
        String::from_utf8(bytes).with_context(|| format!("{} is no UTF-8", path.display()))
    };
    let (json, junit, github) = (read(&file("json"))?, read(&file("junit"))?, read(&file("github"))?);
    let (summary, outputs) = (read(&summary)?, read(&outputs)?);
    // Else nothing is shown of it, and nothing is proven.
    let seen: serde_json::Value = serde_json::from_str(&json).context("the JSON cannot be read")?;
    ensure!(seen.to_string().contains(says), "the report holds nothing of {says:?}\n{}", run.transcript());
    for (what, text) in [
        ("the human report", &run.stdout),
        ("stderr", &run.stderr),
        ("the log", &github),
        ("the summary", &summary),
        ("the outputs", &outputs),
    ] {
        printable(what, text)?;
        commands(what, text)?;
        ensure!(text.len() < 1 << 20, "{what} has {} bytes", text.len());
    }
    ensure!(!json.contains('\x1b') && !json.contains('\r') && json.len() < 8 << 20, "the JSON: {} bytes", json.len());
    markdown(&summary)?;
    xml(&junit)
}

/// Nothing that moves a cursor, hides or turns.
fn printable(what: &str, text: &str) -> Result<()> {
    let bad = text.chars().find(|&c| {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (c.is_control() && c != '\n' && c != '\t') || turns
    });
    ensure!(bad.is_none(), "{what} holds {bad:?}\n{text}");
    Ok(())
}

/// No line is a command but those that the tool gives itself; they begin at the margin.
fn commands(what: &str, text: &str) -> Result<()> {
    const OWN: [&str; 3] = ["::error title=", "::warning title=", "::notice title="];
    for line in text.lines() {
        ensure!(!line.contains("##["), "{what}: a command of the old form: {line}");
        if line.trim_start().starts_with("::") && !line.starts_with("::add-mask::") {
            ensure!(OWN.iter().any(|own| line.starts_with(own)), "{what}: a command: {line}");
            // Its title ends where it should: it holds no word of the server's own command.
            let properties = line.split("::").nth(1).unwrap_or_default();
            ensure!(!properties.contains("title=own"), "{what}: a title of another: {line}");
        }
    }
    Ok(())
}

/// Outside of code there is no markup of another.
fn markdown(text: &str) -> Result<()> {
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let mark = line.trim_start();
        match fence {
            Some(open) if mark == open => fence = None,
            Some(_) => {}
            None if mark.starts_with("```") => fence = Some(&mark[..mark.chars().take_while(|c| *c == '`').count()]),
            None => {
                let outside: String = line.split('`').step_by(2).collect();
                for bad in ["<script", "<img", "](javascript:", "![i](", "<!--", "@team"] {
                    ensure!(!outside.contains(bad), "the summary has {bad} in {line}");
                }
                ensure!(!mark.starts_with("# pwned"), "the summary has a heading of another");
            }
        }
    }
    ensure!(fence.is_none(), "a fence of the summary does not end");
    Ok(())
}

fn xml(text: &str) -> Result<()> {
    let report = JunitReport::deserialize_from_str(text).map_err(|e| Error::msg(format!("JUnit: {e}\n{text}")))?;
    ensure!(!report.test_suites.is_empty(), "no test suite");
    ensure!(!text.contains("<script") && !text.contains("<img"), "markup of another is in the XML");
    // XML 1.0 has no other control characters.
    let bad = text.chars().find(|&c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
    ensure!(bad.is_none(), "the XML holds {bad:?}");
    Ok(())
}

// ---- servers

/// Says something to everybody who connects, whatever they say.
struct Loud(TcpListener);

impl Loud {
    fn start(said: Vec<u8>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let accepting = listener.try_clone()?;
        let said = Arc::new(said);
        std::thread::spawn(move || {
            for mut stream in accepting.incoming().map_while(Result::ok) {
                let said = Arc::clone(&said);
                std::thread::spawn(move || speak(&mut stream, &said));
            }
        });
        Ok(Self(listener))
    }

    /// As a peer's address.
    fn peer(&self) -> Result<String> {
        let port = self.0.local_addr()?.port();
        Ok(format!("/ip4/127.0.0.1/tcp/{port}/p2p/12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj"))
    }
}

fn speak(stream: &mut TcpStream, said: &[u8]) -> Option<()> {
    stream.set_write_timeout(Some(std::time::Duration::from_secs(10))).ok()?;
    stream.write_all(said).ok()?;
    // Until the other end has had enough.
    let _ = std::io::copy(stream, &mut std::io::sink());
    Some(())
}

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

fn shouting(bench: &Arc<Bench>, said: Vec<u8>) -> Result<()> {
    let mut world = World::build(bench, Topology::Here)?;
    let loud = Loud::start(said)?;
    world.with_suite();
    world.use_peers(&[&loud.peer()?]);
    let port = loud.0.local_addr()?.port();
    world.policy(&format!(
        "[targets.loud]\nkind = \"tcp\"\naddresses = [\"127.0.0.1:{port}\"]\n[[check]]\nid = \"loud\"\n\
         use = \"bundled:net/tcp\"\ntarget = \"loud\"\nseverity = \"critical\"\nwith = {{ expect-prefix = \"220\" }}\n"
    ));
    look(&world, MARK)
}

fn banner(bench: &Arc<Bench>) -> Result<()> {
    shouting(bench, hostile_bytes())
}

fn long_banner(bench: &Arc<Bench>) -> Result<()> {
    shouting(bench, hostile_bytes().into_iter().cycle().take(2 << 20).collect())
}

/// A peer that speaks the first protocol of libp2p, and says what it likes in it.
fn multistream(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Here)?;
    let line = format!("/{}\n", hostile_line().chars().take(90).collect::<String>());
    let length = u8::try_from(line.len())?;
    ensure!(length < 128, "its length takes one byte");
    let said = [b"\x13/multistream/1.0.0\n".as_slice(), &[length], line.as_bytes()].concat();
    let loud = Loud::start(said)?;
    world.use_peers(&[&loud.peer()?]);
    look(&world, "peer.")
}

fn http(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Here)?;
    let line = hostile_line();
    let api = Scripted::start(move |_| Told {
        head: format!(
            "HTTP/1.1 418 {line}\r\nServer: {line}\r\nContent-Type: application/json; {line}\r\nX-GitHub-SSO: {line}\r\n"
        ),
        body: serde_json::json!({ "message": HOSTILE, "documentation_url": HOSTILE }).to_string().into_bytes(),
    })?;
    let url = api.url();
    world.policy(&format!(
        "[targets.api]\nkind = \"http\"\nurl = \"{url}\"\n[[check]]\nid = \"api\"\nuse = \"bundled:origin/api\"\n\
         target = \"api\"\nseverity = \"critical\"\n[[check]]\nid = \"http\"\nuse = \"bundled:net/http\"\n\
         target = \"api\"\nseverity = \"critical\"\n"
    ));
    look(&world, MARK)
}

fn store(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Here)?;
    let inner = format!("<Code>AccessDenied</Code><Message><![CDATA[{}]]></Message>", HOSTILE.replace("]]>", "]] >"));
    let store = Scripted::start(store_says("403 Forbidden", "", &inner))?;
    for (name, value) in [
        ("CACHE_S3_ENDPOINT", store.url().as_str()),
        ("CACHE_S3_BUCKET", "bucket"),
        ("AWS_ACCESS_KEY_ID", "lab-key-id-of-some-length"),
        ("AWS_SECRET_ACCESS_KEY", "lab-secret-of-some-length"),
    ] {
        world.env(name, value);
    }
    world.policy("[[check]]\nid = \"store\"\nuse = \"bundled:s3/store\"\ntarget = \"s3\"\nseverity = \"critical\"\n");
    look(&world, "s3.")
}

/// The names in a certificate, and who signed it.
fn certificate(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Here)?;
    let authority = Authority::root(HOSTILE, HOSTILE)?;
    let server = Certified::on(TcpListener::bind("127.0.0.1:0")?, &authority.identity(&["localhost"], GOOD)?)?;
    let url = format!("https://localhost:{}", server.address()?.port());
    world.policy(&format!(
        "[targets.api]\nkind = \"http\"\nurl = \"{url}\"\n[[check]]\nid = \"api\"\nuse = \"bundled:origin/api\"\n\
         target = \"api\"\nseverity = \"critical\"\n"
    ));
    look(&world, "origin.untrusted")
}
