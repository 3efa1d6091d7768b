use anyhow::{Context, Result, ensure};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks for a new connection.
const TURN: Duration = Duration::from_millis(2);
/// The longest that a side may say nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// Bodies shorter than this are answers about values, not values, and pass unchanged.
const A_VALUE: usize = 1024;
/// The largest head and body that are relayed.
const MOST: usize = 64 << 20;

/// What a [`Relay`] does to what passes through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Nothing.
    #[default]
    Pass,
    /// Its port refuses, as that of a server that is not running; connections end.
    Refuse,
    /// Holds every answer back for so long.
    Delay(Duration),
    /// Ends the connection in the middle of a value, or of an answer over TCP.
    Cut,
    /// HTTP: changes one bit in the middle of a value.
    Flip,
    /// HTTP: answers half of a value, with a head that says so.
    Truncate,
    /// HTTP: lets the clocks of the two sides differ by so many seconds, in the dates
    /// of heads that pass (`Date`, `X-Amz-Date`).
    Skew(i64),
    /// HTTP: answers 429 with that many seconds of `Retry-After`.
    RateLimit(u64),
}

/// Stands in front of a real server on loopback and puts a fault on the way to it.
///
/// *Behaviour*: [`http`](Self::http) takes requests apart, one a connection;
/// [`tcp`](Self::tcp) passes bytes of any protocol. The port stays the same over all
/// behaviours. Ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    http: bool,
    behaviour: Mutex<Behaviour>,
    listener: Mutex<Option<TcpListener>>,
    /// The connections under way.
    open: Mutex<Vec<TcpStream>>,
    requests: AtomicU64,
    ended: AtomicBool,
}

impl Relay {
    /// Before a server that speaks HTTP/1.1 without TLS.
    ///
    /// # Errors
    /// No port can be had.
    pub fn http(server: SocketAddr) -> Result<Self> {
        Self::start(server, true)
    }

    /// Before any other server. Only [`Behaviour::Pass`], `Refuse`, `Delay` and `Cut`
    /// mean something there.
    ///
    /// # Errors
    /// No port can be had.
    pub fn tcp(server: SocketAddr) -> Result<Self> {
        Self::start(server, false)
    }

    fn start(server: SocketAddr, http: bool) -> Result<Self> {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            http,
            behaviour: Mutex::default(),
            listener: Mutex::new(Some(listener)),
            open: Mutex::default(),
            requests: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("relay".into()).spawn(move || accept(&accepting))?;
        Ok(Self { address, shared })
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests (HTTP) or connections (TCP) that it has seen.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Behaves like this from now on.
    ///
    /// # Errors
    /// Its port cannot be had again, or the behaviour is one of HTTP and this is none.
    pub fn behave(&self, behaviour: Behaviour) -> Result<()> {
        let of_tcp = matches!(behaviour, Behaviour::Pass | Behaviour::Refuse | Behaviour::Delay(_) | Behaviour::Cut);
        ensure!(of_tcp || self.shared.http, "{behaviour:?} is for HTTP, and this relay passes bytes");
        *lock(&self.shared.behaviour) = behaviour;
        let mut listener = lock(&self.shared.listener);
        if behaviour == Behaviour::Refuse {
            *listener = None;
            for stream in lock(&self.shared.open).drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        } else if listener.is_none() {
            *listener = Some(listen(self.address).context("the relay's port is taken")?);
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        *lock(&self.shared.listener) = None;
        for stream in lock(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(shared: &Arc<Shared>) {
    while !shared.ended.load(Ordering::Relaxed) {
        let accepted = lock(&shared.listener).as_ref().and_then(|listener| listener.accept().ok());
        let Some((client, _)) = accepted else {
            std::thread::sleep(TURN);
            continue;
        };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // What goes wrong here is what the client and the server see.
            let _ = if shared.http { shared.answer(client) } else { shared.pass(client) };
        });
    }
}

impl Shared {
    fn behaviour(&self) -> Behaviour {
        *lock(&self.behaviour)
    }

    /// Prepares a side, so that it can be ended from elsewhere and waits for ever for nobody.
    fn side(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut open = lock(&self.open);
        open.retain(|stream| stream.peer_addr().is_ok());
        open.push(stream.try_clone()?);
        Ok(())
    }

    fn server(&self) -> io::Result<TcpStream> {
        let server = TcpStream::connect_timeout(&self.server, Duration::from_secs(5))?;
        self.side(&server)?;
        Ok(server)
    }

    /// Waits, as long as it is to.
    fn hold(&self, arrived: Instant) {
        while let Behaviour::Delay(time) = self.behaviour()
            && arrived.elapsed() < time
            && !self.ended.load(Ordering::Relaxed)
        {
            std::thread::sleep(TURN * 5);
        }
    }

    // ---- bytes

    fn pass(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        self.side(&client)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let server = self.server()?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        let up = std::thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let (mut from_server, mut to_client) = (server, client);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match from_server.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            self.hold(Instant::now());
            if self.behaviour() == Behaviour::Cut {
                to_client.write_all(&buffer[..count / 2])?;
                break;
            }
            to_client.write_all(&buffer[..count])?;
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
        let _ = up.join();
        Ok(())
    }

    // ---- HTTP

    fn answer(&self, client: TcpStream) -> io::Result<()> {
        self.side(&client)?;
        let mut reader = BufReader::new(client.try_clone()?);
        let mut request = Message::read(&mut reader, None)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let arrived = Instant::now();
        let mut client = client;
        if let Behaviour::RateLimit(seconds) = self.behaviour() {
            let head = format!(
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Type: text/plain\r\n\
                 Content-Length: 9\r\nConnection: close\r\n\r\nslow down"
            );
            return finish(&mut client, head.as_bytes());
        }
        if let Behaviour::Skew(seconds) = self.behaviour() {
            request.shift_dates(seconds);
        }
        let method = request.start.split(' ').next().unwrap_or_default().to_owned();
        request.set("connection", "close");
        request.frame();
        let mut server = self.server()?;
        server.write_all(&request.bytes())?;
        let mut answer = Message::read(&mut BufReader::new(server), Some(&method))?;
        self.hold(arrived);
        answer.set("connection", "close");
        if method != "HEAD" {
            answer.frame();
        }
        let is_value = answer.body.len() >= A_VALUE;
        match self.behaviour() {
            Behaviour::Flip if is_value => {
                let middle = answer.body.len() / 2;
                answer.body[middle] ^= 1;
            }
            Behaviour::Truncate if is_value => {
                answer.body.truncate(answer.body.len() / 2);
                answer.frame();
            }
            Behaviour::Cut if is_value => {
                // The head still promises all of it.
                let bytes = answer.bytes();
                let end = bytes.len() - answer.body.len() / 2;
                return finish(&mut client, &bytes[..end]);
            }
            Behaviour::Skew(seconds) => answer.shift_dates(-seconds),
            Behaviour::Refuse => return Ok(()),
            _ => {}
        }
        finish(&mut client, &answer.bytes())
    }
}

fn finish(client: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    client.write_all(bytes)?;
    client.shutdown(Shutdown::Write)?;
    // Until the other side has closed too, so that nothing is lost to a reset.
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    let _ = io::copy(&mut client.take(1 << 20), &mut io::sink());
    Ok(())
}

/// A request or an answer, whole.
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// Reads one; `answers` is the method that it answers.
    fn read(reader: &mut impl io::BufRead, answers: Option<&str>) -> io::Result<Self> {
        let start = line(reader)?;
        let mut headers = Vec::new();
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(format!("header {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut message = Self { start, headers, body: Vec::new() };
        let status = message.start.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        let bodiless = answers == Some("HEAD") || (answers.is_some() && matches!(status, Some(100..200 | 204 | 304)));
        if bodiless {
            return Ok(message);
        }
        let chunked = message.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = message.get("content-length").and_then(|value| value.parse::<usize>().ok());
        message.body = match (chunked, length, answers) {
            (true, _, _) => chunks(reader)?,
            (false, Some(length), _) if length <= MOST => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body)?;
                body
            }
            (false, Some(length), _) => return Err(io::Error::other(format!("a body of {length} bytes"))),
            // An answer without a length ends with its connection.
            (false, None, Some(_)) => {
                let mut body = Vec::new();
                reader.take(MOST as u64).read_to_end(&mut body)?;
                body
            }
            (false, None, None) => Vec::new(),
        };
        Ok(message)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Says the length of the body as it is now.
    fn frame(&mut self) {
        let had = self.get("transfer-encoding").is_some() || self.get("content-length").is_some();
        if had || !self.body.is_empty() {
            self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case("transfer-encoding"));
            let length = self.body.len().to_string();
            self.set("Content-Length", &length);
        }
    }

    fn shift_dates(&mut self, seconds: i64) {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let at = now.to_zoned(jiff::tz::TimeZone::UTC);
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("date") {
                *value = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            } else if name.eq_ignore_ascii_case("x-amz-date") {
                *value = at.strftime("%Y%m%dT%H%M%SZ").to_string();
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn line(reader: &mut impl io::BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(64 << 10).read_line(&mut line)?;
    match line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n')) {
        Some(text) => Ok(text.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn chunks(reader: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
        if body.len() + length > MOST {
            return Err(io::Error::other("a body that does not end"));
        }
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..])?;
        if length == 0 {
            // Trailers say nothing that anybody here wants.
            while !line(reader)?.is_empty() {}
            return Ok(body);
        }
        line(reader)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request with its path, 3000 bytes and a date, in chunks.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let Ok(request) = Message::read(&mut reader, None) else { continue };
                let date = request.get("x-amz-date").unwrap_or("none").to_owned();
                let head = format!("HTTP/1.1 200 OK\r\nX-Saw: {date}\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n");
                let body = format!("3\r\nabc\r\nbb8\r\n{}\r\n0\r\n\r\n", "z".repeat(3000));
                let mut stream = stream;
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        });
        address
    }

    fn ask(relay: &Relay) -> io::Result<Message> {
        let mut stream = TcpStream::connect(relay.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\nX-Amz-Date: 20200101T000000Z\r\n\r\n")?;
        Message::read(&mut BufReader::new(stream), Some("GET"))
    }

    #[test]
    fn each_behaviour_is_seen_by_the_client() {
        let relay = Relay::http(echo()).unwrap();
        let good = ask(&relay).unwrap();
        assert_eq!((good.body.len(), good.get("x-saw")), (3003, Some("20200101T000000Z")));

        relay.behave(Behaviour::Flip).unwrap();
        let flipped = ask(&relay).unwrap().body;
        assert_eq!(flipped.iter().zip(&good.body).filter(|(a, b)| a != b).count(), 1);

        relay.behave(Behaviour::Truncate).unwrap();
        assert_eq!(ask(&relay).unwrap().body, good.body[..1501]);

        relay.behave(Behaviour::Cut).unwrap();
        assert_eq!(ask(&relay).err().map(|e| e.kind()), Some(io::ErrorKind::UnexpectedEof));

        relay.behave(Behaviour::RateLimit(37)).unwrap();
        let limited = ask(&relay).unwrap();
        assert!(limited.start.contains(" 429 ") && limited.get("retry-after") == Some("37"), "{}", limited.start);

        relay.behave(Behaviour::Skew(7200)).unwrap();
        let skewed = ask(&relay).unwrap();
        assert!(skewed.get("date").is_some_and(|d| d.ends_with("GMT")), "the answer's date is another");
        assert!(skewed.get("x-saw").is_some_and(|d| d > "2026"), "and so is the request's");

        relay.behave(Behaviour::Delay(Duration::from_millis(300))).unwrap();
        let asked = Instant::now();
        assert_eq!(ask(&relay).unwrap().body, good.body);
        assert!(asked.elapsed() >= Duration::from_millis(300));

        relay.behave(Behaviour::Refuse).unwrap();
        assert_eq!(ask(&relay).err().map(|e| e.kind()), Some(io::ErrorKind::ConnectionRefused));
        relay.behave(Behaviour::Pass).unwrap();
        assert_eq!(ask(&relay).unwrap().body, good.body);
        assert_eq!(relay.requests(), 8);
    }

    #[test]
    fn bytes_pass_and_do_not() {
        let relay = Relay::tcp(echo()).unwrap();
        assert_eq!(ask(&relay).unwrap().body.len(), 3003);
        assert!(relay.behave(Behaviour::Flip).is_err(), "bytes of another protocol are not understood");
        relay.behave(Behaviour::Cut).unwrap();
        assert!(ask(&relay).is_err());
        relay.behave(Behaviour::Refuse).unwrap();
        assert!(ask(&relay).is_err());
    }
}
