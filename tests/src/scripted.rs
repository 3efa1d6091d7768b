use anyhow::Result;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest that a client may say nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// Bytes of a body that are read.
const MOST: u64 = 16 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /path?query HTTP/1.1`.
    pub line: String,
    /// The rest of the head.
    pub head: String,
}

/// An HTTP server on loopback that answers what it is told to, and remembers what it
/// was asked: for what no real server can be made to say. Ends when it is dropped.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl Scripted {
    /// Answers every request with what `script` makes of it: status line, headers and
    /// body; the length of the body is added.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(script: impl Fn(&Asked) -> (String, String) + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (asked, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, over, script) = (asked.clone(), ended.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (all, script) = (all.clone(), script.clone());
                std::thread::spawn(move || {
                    // What goes wrong here is what the client sees.
                    let _ = answer(client, &all, script.as_ref());
                });
            }
        });
        Ok(Self { address, asked, ended })
    }

    /// Answers everything alike. `head` is the status line and the headers, each line
    /// ending in `\r\n`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn always(head: &str, body: &str) -> Result<Self> {
        let (head, body) = (head.to_owned(), body.to_owned());
        Self::start(move |_| (head.clone(), body.clone()))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The listener looks at that with the next connection.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn answer(
    mut client: TcpStream,
    all: &Mutex<Vec<Asked>>,
    script: &(dyn Fn(&Asked) -> (String, String) + Send + Sync),
) -> std::io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut line, mut head, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut line)?;
    loop {
        let mut next = String::new();
        if reader.read_line(&mut next)? == 0 || next.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = next.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&next);
    }
    std::io::copy(&mut reader.take(length.min(MOST)), &mut std::io::sink())?;
    let asked = Asked { line: line.trim().to_owned(), head };
    all.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let (head, body) = script(&asked);
    let length = body.len();
    let body = if asked.line.starts_with("HEAD ") { "" } else { &body };
    write!(client, "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")?;
    client.flush()
}
