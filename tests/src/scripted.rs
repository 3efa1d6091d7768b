use anyhow::Result;
use socket2::SockRef;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The largest body that is read.
const MOST: usize = 16 << 20;

/// What a scripted server was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, `POST` ...
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Asked {
    /// Method and target, as they stood in the first line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub struct Told {
    /// The status line and the headers, each line with its `\r\n`. Length and end of the
    /// connection are added.
    pub head: String,
    /// All of it.
    pub body: Vec<u8>,
}

impl Told {
    /// A body of that type.
    #[must_use]
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { head: format!("HTTP/1.1 {status} Scripted\r\nContent-Type: {content_type}\r\n"), body: body.into() }
    }

    /// An answer in JSON.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::of(status, "application/json", body.to_string())
    }

    /// An answer in plain text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::of(status, "text/plain; charset=utf-8", body)
    }
}

/// Head and body.
impl From<(String, String)> for Told {
    fn from((head, body): (String, String)) -> Self {
        Self { head, body: body.into_bytes() }
    }
}

/// An HTTP/1.1 server that answers as a function says, one request a
/// connection, and remembers what it was asked: for what no real server can be made to
/// say. Ends when it is dropped.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
    listener: TcpListener,
}

impl Scripted {
    /// Starts one.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start<T: Into<Told>>(answer: impl Fn(&Asked) -> T + Send + Sync + 'static) -> Result<Self> {
        Self::on(TcpListener::bind("127.0.0.1:0")?, answer)
    }

    /// The same on a listener that is there already, such as one in another network
    /// namespace.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn on<T: Into<Told>>(
        listener: TcpListener,
        answer: impl Fn(&Asked) -> T + Send + Sync + 'static,
    ) -> Result<Self> {
        let accepting = listener.try_clone()?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, over, all) = (Arc::new(answer), Arc::clone(&ended), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &all, |asked| answer(asked).into()));
            }
        });
        Ok(Self { address, asked, ended, listener: accepting })
    }

    /// Answers everything alike, with this head and body.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn always(head: &str, body: &str) -> Result<Self> {
        let told = (head.to_owned(), body.to_owned());
        Self::start(move |_| told.clone())
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts, wherever it listens.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answer: impl Fn(&Asked) -> Told) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let Some(asked) = read(&stream) else { return };
    all.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let told = answer(&asked);
    let head = format!("{}Content-Length: {}\r\nConnection: close\r\n\r\n", told.head, told.body.len());
    let body: &[u8] = if asked.method == "HEAD" { &[] } else { &told.body };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, text)| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0).min(MOST)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body })
}
