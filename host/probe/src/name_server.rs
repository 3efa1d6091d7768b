//! Questions to one name server, past the C library.
//!
//! What programs here get is for [`dns`](crate::dns) to say; this says which server
//! answers what, over which transport.

use crate::dial;
use crate::system::resolver;
use crate::target::Target;
use crate::udp;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use seaworthy_model::{Failure, Permit};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A connection for it, with its length before it (RFC 7766, section 8).
    Tcp,
}

impl FromStr for Transport {
    type Err = Failure;

    /// Reads `udp` or `tcp`.
    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "udp" => Ok(Transport::Udp),
            "tcp" => Ok(Transport::Tcp),
            _ => Err(invalid(format!("`{text}` is no transport of a question; write `udp` or `tcp`"))),
        }
    }
}

/// What is asked, and whom.
#[derive(Clone, Debug)]
pub struct Question {
    /// `1.2.3.4:53`, `[::1]:53`; never looked up.
    pub server: String,
    /// How it travels.
    pub transport: Transport,
    /// Asked as it is: no search list.
    pub name: String,
    /// `A`, `AAAA`, `TXT`, `NS`, `SOA`, `SRV`, `CNAME`, `PTR`.
    pub kind: String,
    /// For all of it.
    pub timeout: Duration,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub name: String,
    /// `A`, `CNAME` ...
    pub kind: String,
    /// Seconds.
    pub ttl: u32,
    /// As in a zone file.
    pub data: String,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` ...
    pub code: String,
    /// It did not fit and has to be asked again over TCP.
    pub truncated: bool,
    /// At most [`MAX_ANSWERS`].
    pub answers: Vec<Entry>,
    /// `size`, `answers` (how many there were), `authoritative`, `recursion-available`, `authenticated`.
    pub details: BTreeMap<String, String>,
}

/// What one question brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How long it took.
    pub elapsed: Duration,
    /// A code other than NOERROR is a reply.
    pub outcome: Result<Reply, Failure>,
}

/// Records of an answer that are kept.
pub const MAX_ANSWERS: usize = 256;
/// Characters of a record that are kept.
const MAX_DATA: usize = 1000;
/// Bytes of a datagram that are read: many questions wait at once, and no server answers
/// one that allows 1,200 bytes with more than this.
const LARGEST: usize = 4096;
/// The types that a question may be about.
const KINDS: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SOA,
    RecordType::SRV,
    RecordType::CNAME,
    RecordType::PTR,
];

/// Asks one server one question.
///
/// *Behaviour*: recursion is asked for. EDNS is used where resolv.conf has `edns0`, as
/// by glibc, and given up for a server that does not know it; without it what is over
/// 512 bytes is cut off over UDP. One datagram and no repetition: a lost
/// packet is a timeout, as that is what is to be seen. A datagram that answers
/// something else is passed over, since anybody can send one.
///
/// *Failures*: `invalid`, `denied` (by the permit, of the name or the server), those
/// of a connect or of ICMP, `timeout`; `closed` and `connection-reset` at stage
/// `read`; `protocol` when what came is no answer to this question.
pub async fn ask(question: &Question, permit: &dyn Permit) -> Seen {
    asked_with(question, resolver::uses_edns(), permit).await
}

async fn asked_with(question: &Question, edns: bool, permit: &dyn Permit) -> Seen {
    let start = Instant::now();
    let mut outcome = answer(question, edns, start, permit).await;
    // A server from before EDNS cannot read the question (RFC 6891, section 7).
    let unread = |reply: &Reply| matches!(reply.code.as_str(), "FORMERR" | "NOTIMP");
    if edns && outcome.as_ref().is_ok_and(unread) {
        outcome = answer(question, false, start, permit).await;
    }
    Seen { elapsed: start.elapsed(), outcome }
}

async fn answer(question: &Question, edns: bool, start: Instant, permit: &dyn Permit) -> Result<Reply, Failure> {
    let target = Target::parse(&question.server)?;
    let Some(ip) = target.literal() else {
        return Err(invalid(format!("`{}` is a name; a name server is given by its address", target.host)));
    };
    let asked = query(question)?;
    // The root is nobody's name; what may be asked of whom is for `connect` to say.
    let name = question.name.trim_end_matches('.');
    if !name.is_empty() {
        permit.lookup(name)?;
    }
    let server = SocketAddr::new(ip, target.port);
    permit.connect(&target.host, server)?;
    let asked = if edns { sized(asked) } else { asked };
    let packet = asked.to_vec().map_err(|e| invalid(format!("`{}` cannot be asked for: {e}", question.name)))?;
    let deadline = start + question.timeout;
    match question.transport {
        Transport::Udp => over_udp(&asked, &packet, server, start, deadline).await,
        Transport::Tcp => over_tcp(&asked, &packet, server, start, deadline).await,
    }
    .map_err(|failure| failure.with("server", server.to_string()))
}

fn query(question: &Question) -> Result<Message, Failure> {
    let kind = KINDS.into_iter().find(|kind| kind.to_string() == question.kind).ok_or_else(|| {
        let known: Vec<String> = KINDS.iter().map(ToString::to_string).collect();
        invalid(format!("`{}` is no type that can be asked for; it knows {}", question.kind, known.join(", ")))
    })?;
    if question.name.is_empty() {
        return Err(invalid("the name is empty; the root is `.`".to_owned()));
    }
    let mut name =
        Name::from_ascii(&question.name).map_err(|e| invalid(format!("`{}` is not a name: {e}", question.name)))?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    // Asks to be told whether it was validated (RFC 6840, section 5.7).
    message.metadata.authentic_data = true;
    message.add_query(Query::query(name, kind));
    Ok(message)
}

/// Bytes of a datagram that glibc says it takes (resolv/resolv-internal.h).
const PAYLOAD: u16 = 1200;

/// Says how large a datagram may be (RFC 6891, section 6.2.3).
fn sized(mut message: Message) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    message
}

async fn over_udp(
    asked: &Message,
    packet: &[u8],
    server: SocketAddr,
    start: Instant,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let socket = udp::open(server, 0)?;
    socket.send(packet).await.map_err(|e| dial::ended(&socket, &e, "send", server, start))?;
    let mut foreign = None;
    loop {
        match timeout_at(deadline, next(&socket)).await {
            Ok(Ok(answer)) if answer.starts_with(&asked.metadata.id.to_be_bytes()) => {
                return reply(asked, &answer, server);
            }
            Ok(Ok(_)) => foreign = Some(not_this(server, "it has the number of another question")),
            Ok(Err(error)) => return Err(dial::ended(&socket, &error, "read", server, start)),
            Err(_) => return Err(foreign.unwrap_or_else(|| silent(server, start))),
        }
    }
}

/// The next datagram.
async fn next(socket: &UdpSocket) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0_u8; LARGEST];
    let read = socket.recv(&mut buffer).await?;
    buffer.truncate(read);
    Ok(buffer)
}

async fn over_tcp(
    asked: &Message,
    packet: &[u8],
    server: SocketAddr,
    start: Instant,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let mut stream = dial::connect(server, deadline).await?;
    let length = u16::try_from(packet.len()).map_err(|_| invalid("the question is too long".to_owned()))?;
    // Length and question in one write: some servers do not wait for a second packet (RFC 7766, section 8).
    let framed = [&length.to_be_bytes()[..], packet].concat();
    let exchange = async {
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0_u8; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match timeout_at(deadline, exchange).await {
        Ok(Ok(answer)) => reply(asked, &answer, server),
        Ok(Err(error)) => {
            let failure = Failure::from_io("read", &error);
            let message = format!("{server} took the question and ended the connection: {}", failure.message);
            Err(Failure { message, ..failure })
        }
        Err(_) => Err(silent(server, start)),
    }
}

fn silent(server: SocketAddr, start: Instant) -> Failure {
    Failure::timeout("read", format!("{server} did not answer within {} ms", start.elapsed().as_millis()))
}

fn not_this(server: SocketAddr, why: &str) -> Failure {
    Failure::new("protocol", "read", format!("what came from {server} is no answer to this question: {why}"))
}

fn invalid(message: String) -> Failure {
    Failure::new("invalid", "parse", message)
}

/// Reads an answer, when it is one to this question (RFC 5452, section 9.1).
fn reply(asked: &Message, packet: &[u8], server: SocketAddr) -> Result<Reply, Failure> {
    let message = Message::from_vec(packet).map_err(|e| not_this(server, &format!("it cannot be read ({e})")))?;
    let head = &message.metadata;
    if head.id != asked.metadata.id || head.message_type != MessageType::Response || head.op_code != OpCode::Query {
        return Err(not_this(server, "its header is of something else"));
    }
    // A server that cannot read a question need not repeat it (RFC 1035, 4.1.1).
    let bare = message.queries.is_empty() && head.response_code != ResponseCode::NoError;
    if !bare && message.queries != asked.queries {
        return Err(not_this(server, "it repeats another question"));
    }
    let details = [
        ("size", packet.len().to_string()),
        ("answers", message.answers.len().to_string()),
        ("authoritative", head.authoritative.to_string()),
        ("recursion-available", head.recursion_available.to_string()),
        ("authenticated", head.authentic_data.to_string()),
    ];
    Ok(Reply {
        code: mnemonic(head.response_code),
        truncated: head.truncation,
        answers: message.answers.iter().take(MAX_ANSWERS).map(entry).collect(),
        details: details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    })
}

fn entry(record: &Record) -> Entry {
    let data: String = data(&record.data).chars().take(MAX_DATA).collect();
    Entry { name: record.name.to_string(), kind: record.record_type().to_string(), ttl: record.ttl, data }
}

fn data(data: &RData) -> String {
    let mut text = String::new();
    if let RData::TXT(strings) = data {
        let quoted = strings.txt_data.iter().map(|part| format!("\"{}\"", part.escape_ascii()));
        return quoted.collect::<Vec<_>>().join(" ");
    }
    // Some types have no text and say so by failing; their data is left empty.
    let _ = write!(text, "{data}");
    text
}

fn mnemonic(code: ResponseCode) -> String {
    let known = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        other => return format!("RCODE{}", u16::from(other)),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests;
