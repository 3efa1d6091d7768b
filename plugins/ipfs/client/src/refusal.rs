use serde::Deserialize;
use std::fmt;

/// Why a node did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is at that path of MFS, or the CID is not pinned: an answer, not a fault.
    Absent(String),
    /// The node does not have the blocks, and was told to ask nobody else.
    NoBlocks(String),
    /// 403 of `API.Authorizations`: no credentials, wrong ones, or ones for other commands.
    AccessDenied,
    /// 403 of the guard against forged requests: a proxy adds `Origin` or `Referer`.
    Forged,
    /// 401 or 403 of something before the node, with what it said.
    Unauthorized(u16, String),
    /// Whatever answers has no such command.
    Stranger(Stranger),
    /// The disk or the quota of the node is full.
    NoSpace(String),
    /// The node works on a repository that another process holds, or that has to be
    /// migrated first.
    Repository(String),
    /// The node is offline, and the command needs the network.
    Offline(String),
    /// It asks for patience.
    RateLimited(String),
    /// It gave up by itself.
    TimedOut(String),
    /// 502, 503 or 504 of something before the node.
    Unavailable(u16),
    /// A body larger than something on the way takes.
    TooLarge,
    /// Anything else that Kubo says, with the status.
    Failed(u16, String),
}

/// What answers where an RPC should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// 404 in plain text, as Kubo's gateway answers, and an older or newer Kubo to a
    /// command that it does not have.
    NoSuchCommand,
    /// It takes no POST: a web server, or a gateway that serves reads only.
    NoPost(u16),
    /// A success or an error that is not in Kubo's form.
    NotKubo(u16),
}

/// Kubo's error as JSON (go-ipfs-cmds `error.go`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    message: String,
    #[serde(default)]
    code: u32,
    r#type: String,
}

impl Refusal {
    /// Reads an answer that is no success.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        const RATE_LIMITED: u32 = 3;
        if let Ok(told) = serde_json::from_slice::<Told>(body)
            && told.r#type == "error"
        {
            return if told.code == RATE_LIMITED || status == 429 {
                Self::RateLimited(short(&told.message))
            } else {
                Self::told(status, short(&told.message))
            };
        }
        let text = short(&String::from_utf8_lossy(body));
        match status {
            403 if text.contains("Kubo RPC Access Denied") => Self::AccessDenied,
            403 if text == "403 - Forbidden" => Self::Forged,
            401 | 403 | 407 => Self::Unauthorized(status, text),
            404 => Self::Stranger(Stranger::NoSuchCommand),
            405 | 501 => Self::Stranger(Stranger::NoPost(status)),
            408 => Self::TimedOut("408".to_owned()),
            413 => Self::TooLarge,
            429 => Self::RateLimited(text),
            502..=504 => Self::Unavailable(status),
            507 => Self::NoSpace(text),
            // Kubo says in plain text what is wrong with a request.
            400 if !text.is_empty() && !text.starts_with('<') => Self::Failed(status, text),
            _ => Self::Stranger(Stranger::NotKubo(status)),
        }
    }

    /// What Kubo's messages mean. It has one code for nearly all of them, so the text
    /// decides (Kubo 0.25 to 0.43).
    fn told(status: u16, message: String) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        if has(&["file does not exist", "is not pinned", "not pinned or pinned"]) {
            Self::Absent(message)
        } else if has(&["not found locally", "ipld: could not find", "blockstore: block not found"]) {
            Self::NoBlocks(message)
        } else if has(&["no space left", "disk quota exceeded", "maximum storage limit"]) {
            Self::NoSpace(message)
        } else if has(&["someone else has the lock", "cannot acquire lock", "needs migration", "repo version"]) {
            Self::Repository(message)
        } else if has(&["in online mode", "offline mode"]) {
            Self::Offline(message)
        } else if has(&["deadline exceeded", "timed out"]) {
            Self::TimedOut(message)
        } else {
            Self::Failed(status, message)
        }
    }

    /// Whether it only says that there is nothing.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(text) | Self::NoBlocks(text) | Self::Repository(text) | Self::Offline(text) => {
                f.write_str(text)
            }
            Self::AccessDenied => f.write_str("the node's `API.Authorizations` does not allow this with these credentials"),
            Self::Forged => f.write_str(
                "the node takes the request for a forged one of a browser: something on the way adds Origin, Referer or a browser's User-Agent",
            ),
            Self::Unauthorized(status, text) => write!(f, "status {status} of something before the node: {text}"),
            Self::Stranger(Stranger::NoSuchCommand) => f.write_str(
                "status 404: no Kubo RPC answers there; the gateway's port, or another server",
            ),
            Self::Stranger(Stranger::NoPost(status)) => {
                write!(f, "status {status} to a POST: no Kubo RPC answers there")
            }
            Self::Stranger(Stranger::NotKubo(status)) => {
                write!(f, "status {status} and a body that is not in Kubo's form: another server answers there")
            }
            Self::NoSpace(text) => write!(f, "no space is left on the node: {text}"),
            Self::RateLimited(text) => write!(f, "the node asks for patience: {text}"),
            Self::TimedOut(text) => write!(f, "the node gave up: {text}"),
            Self::Unavailable(status) => write!(f, "status {status}: what stands before the node does not reach it"),
            Self::TooLarge => f.write_str("status 413: something on the way takes no body of that size"),
            Self::Failed(status, text) => write!(f, "status {status}: {text}"),
        }
    }
}

/// Enough of a text to recognise it, in one line.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 240;
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> Refusal {
        Refusal::read(500, format!(r#"{{"Message":{message:?},"Code":0,"Type":"error"}}"#).as_bytes())
    }

    #[test]
    fn kubo_0_43_is_understood() {
        assert!(told("file does not exist").is_absent());
        assert!(told("path 'bafk' is not pinned").is_absent());
        assert!(told("not pinned or pinned indirectly").is_absent());
        let gone = told("block was not found locally (offline): ipld: could not find bafkrei");
        assert!(matches!(gone, Refusal::NoBlocks(_)), "{gone:?}");
        assert!(matches!(told("open /x: no space left on device"), Refusal::NoSpace(_)));
        assert!(matches!(
            told("this action must be run in online mode, try running 'ipfs daemon' first"),
            Refusal::Offline(_)
        ));
        assert!(matches!(told("lock /r/repo.lock: someone else has the lock"), Refusal::Repository(_)));
        assert!(matches!(told("context deadline exceeded"), Refusal::TimedOut(_)));
        assert_eq!(
            told("paths must start with a leading slash"),
            Refusal::Failed(500, "paths must start with a leading slash".into())
        );
        let limited = Refusal::read(429, br#"{"Message":"slow down","Code":3,"Type":"error"}"#);
        assert_eq!(limited, Refusal::RateLimited("slow down".into()));
    }

    #[test]
    fn what_is_no_rpc_is_no_miss() {
        for (status, body, wanted) in [
            (404, "404 page not found", Refusal::Stranger(Stranger::NoSuchCommand)),
            (405, "405 - Method Not Allowed", Refusal::Stranger(Stranger::NoPost(405))),
            (500, "<html>file does not exist</html>", Refusal::Stranger(Stranger::NotKubo(500))),
            (500, r#"{"error":"file does not exist"}"#, Refusal::Stranger(Stranger::NotKubo(500))),
            (403, "Kubo RPC Access Denied: Please provide a valid", Refusal::AccessDenied),
            (403, "403 - Forbidden\n", Refusal::Forged),
            (401, "nginx", Refusal::Unauthorized(401, "nginx".into())),
            (503, "", Refusal::Unavailable(503)),
            (413, "", Refusal::TooLarge),
        ] {
            assert_eq!(Refusal::read(status, body.as_bytes()), wanted, "{status} {body}");
        }
    }

    #[test]
    fn texts_of_strangers_are_one_short_line() {
        assert_eq!(short(" a\r\nb\u{1b}[1m "), "a  b [1m");
        assert_eq!(short(&"x".repeat(1000)).len(), 240);
    }
}
