use anyhow::Result;
use socket2::SockRef;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Types of records (RFC 1035 3.2.2, RFC 3596 2.1).
const A: u16 = 1;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// What a [`NameServer`] was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In lower case, without the dot at its end.
    pub name: String,
    /// The number of the type: 1 is A, 16 TXT, 28 AAAA.
    pub kind: u16,
    /// Asked over TCP, not UDP.
    pub over_tcp: bool,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Those of the type that was asked for; none of that type is an answer without data.
    Addresses(Vec<IpAddr>),
    /// TXT records, each of at most 255 bytes; other types get an answer without data.
    Texts(Vec<Vec<u8>>),
    /// There is no such name (NXDOMAIN).
    NoName,
    /// Another code, such as 2 (SERVFAIL) or 5 (REFUSED).
    Code(u8),
    /// Over UDP: cut, ask over TCP. Over TCP: what is given here.
    Truncated(Box<Reply>),
    /// Nothing at all.
    Silence,
    /// This, after a while.
    After(Duration, Box<Reply>),
}

/// A name server over UDP and TCP that answers as a function says and remembers what it
/// was asked. Ended when it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
    ended: Arc<AtomicBool>,
    tcp: Option<TcpListener>,
}

impl NameServer {
    /// Answers on these sockets; without a listener nobody answers over TCP.
    ///
    /// # Errors
    /// The sockets cannot be used.
    pub fn on(
        udp: UdpSocket,
        tcp: Option<TcpListener>,
        script: impl Fn(&Question) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let address = udp.local_addr()?;
        let (asked, ended): (Arc<Mutex<Vec<Question>>>, _) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let script: Arc<dyn Fn(&Question) -> Reply + Send + Sync> = Arc::new(script);
        udp.set_read_timeout(Some(Duration::from_millis(50)))?;
        let heard = Heard { script, asked: Arc::clone(&asked) };
        if let Some(listener) = &tcp {
            let (listener, heard, over) = (listener.try_clone()?, heard.clone(), Arc::clone(&ended));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    match stream {
                        Ok(stream) if !over.load(Ordering::Relaxed) => {
                            let heard = heard.clone();
                            std::thread::spawn(move || over_tcp(stream, &heard));
                        }
                        _ => return,
                    }
                }
            });
        }
        let over = Arc::clone(&ended);
        std::thread::spawn(move || over_udp(&udp, &heard, &over));
        Ok(Self { address, asked, ended, tcp })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(listener) = &self.tcp {
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
    }
}

#[derive(Clone)]
struct Heard {
    script: Arc<dyn Fn(&Question) -> Reply + Send + Sync>,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl Heard {
    fn answer(&self, query: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let (question, end) = read(query, over_tcp)?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(question.clone());
        write(query.get(..end)?, &question, (self.script)(&question))
    }
}

fn over_udp(socket: &UdpSocket, heard: &Heard, ended: &AtomicBool) {
    let mut packet = [0; 4096];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
        let (Ok(socket), heard, query) = (socket.try_clone(), heard.clone(), packet[..length].to_vec()) else {
            return;
        };
        // A slow answer holds up no other.
        std::thread::spawn(move || heard.answer(&query, false).map(|answer| socket.send_to(&answer, from)));
    }
}

fn over_tcp(mut stream: TcpStream, heard: &Heard) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).ok()?;
        // Silence is a connection that stays open and says nothing.
        if let Some(answer) = heard.answer(&query, true) {
            let length = u16::try_from(answer.len()).ok()?.to_be_bytes();
            stream.write_all(&length).and_then(|()| stream.write_all(&answer)).ok()?;
        }
    }
}

/// The first question, and where it ends.
fn read(query: &[u8], over_tcp: bool) -> Option<(Question, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((Question { name: labels.join("."), kind, over_tcp }, at + 4))
}

/// `question` is the head of the query with its one question.
fn write(question: &[u8], asked: &Question, reply: Reply) -> Option<Vec<u8>> {
    let data: Vec<Vec<u8>> = match &reply {
        Reply::Silence => return None,
        Reply::After(time, reply) => {
            std::thread::sleep(*time);
            return write(question, asked, (**reply).clone());
        }
        Reply::Truncated(reply) if asked.over_tcp => return write(question, asked, (**reply).clone()),
        Reply::Addresses(all) => {
            let of_kind = |ip: &IpAddr| match ip {
                IpAddr::V4(ip) => (asked.kind == A).then(|| ip.octets().to_vec()),
                IpAddr::V6(ip) => (asked.kind == AAAA).then(|| ip.octets().to_vec()),
            };
            all.iter().filter_map(of_kind).collect()
        }
        Reply::Texts(texts) if asked.kind == TXT => {
            let data = |text: &Vec<u8>| u8::try_from(text.len()).ok().map(|n| [&[n], text.as_slice()].concat());
            texts.iter().filter_map(data).collect()
        }
        Reply::Texts(_) | Reply::NoName | Reply::Code(_) | Reply::Truncated(_) => Vec::new(),
    };
    let code = match reply {
        Reply::NoName => 3,
        Reply::Code(code) => code & 15,
        _ => 0,
    };
    let mut packet = question.to_vec();
    // QR and RA; RD as it was; TC where it is cut.
    packet[2] = 0x80 | (packet[2] & 0x79) | if matches!(reply, Reply::Truncated(_)) { 2 } else { 0 };
    packet[3] = 0x80 | code;
    packet[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    packet[6..8].copy_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
    for one in data {
        // The name is the one at offset 12; class IN; a minute.
        packet.extend([0xc0, 12]);
        packet.extend(asked.kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend(u16::try_from(one.len()).ok()?.to_be_bytes());
        packet.extend(one);
    }
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &NameServer, name: &[&str], kind: u16) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, u8::try_from(kind).unwrap(), 0, 1]);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        socket.send_to(&query, server.address()).unwrap();
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).unwrap_or(0);
        answer[..length].to_vec()
    }

    #[test]
    fn it_answers_as_it_is_told() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = NameServer::on(udp, None, |question| match question.name.as_str() {
            "a.test" => Reply::Addresses(vec!["10.0.0.5".parse().unwrap()]),
            "t.test" => Reply::Texts(vec![b"hello".to_vec()]),
            "s.test" => Reply::Silence,
            "c.test" => Reply::Truncated(Box::new(Reply::NoName)),
            _ => Reply::NoName,
        })
        .unwrap();
        let found = ask(&server, &["A", "test"], A);
        assert_eq!((found[3] & 15, found[7], &found[found.len() - 4..]), (0, 1, &[10, 0, 0, 5][..]));
        assert_eq!(ask(&server, &["a", "test"], AAAA)[7], 0, "no such type");
        assert!(ask(&server, &["t", "test"], TXT).ends_with(b"\x05hello"));
        assert_eq!(ask(&server, &["x", "test"], A)[3] & 15, 3);
        assert_eq!(ask(&server, &["c", "test"], A)[2] & 2, 2);
        assert!(ask(&server, &["s", "test"], A).is_empty());
        assert_eq!(server.asked().len(), 6);
    }
}
