//! What listens inside a namespace: this very program, started there.

use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The argument that makes this program a server.
pub(crate) const WORD: &str = "serve-in-namespace";
/// Takes whatever is sent to it over TCP.
pub(crate) const DISCARD: u16 = 2000;
/// Sends back what is sent to it over UDP.
pub(crate) const ECHO: u16 = 1105;

/// A server that ends with this value.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(namespace: &str) -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(this).arg(WORD).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("a server in {namespace}: {e}"))?;
        let out = child.stdout.take();
        let server = Self(child);
        let mut line = String::new();
        let said = out.map(|out| BufReader::new(out).read_line(&mut line));
        match (said, line.trim()) {
            (Some(Ok(_)), "ready") => Ok(server),
            _ => Err(format!("the server in {namespace} did not start")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program it starts, so this is the server itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves until it is killed.
pub(crate) fn run() {
    if let Err(error) = serve() {
        eprintln!("cannot serve: {error}");
        std::process::exit(1);
    }
}

fn serve() -> std::io::Result<()> {
    let any = Ipv4Addr::UNSPECIFIED;
    let discard = TcpListener::bind((any, DISCARD))?;
    let names = TcpListener::bind((any, 53))?;
    let echo = UdpSocket::bind((any, ECHO))?;
    let questions = UdpSocket::bind((any, 53))?;
    thread::spawn(move || {
        for mut stream in discard.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
    thread::spawn(move || {
        for mut stream in names.incoming().flatten() {
            let _ = over_tcp(&mut stream);
        }
    });
    thread::spawn(move || datagrams(&echo, |packet| Some(packet.to_vec())));
    println!("ready");
    std::io::stdout().flush()?;
    datagrams(&questions, answer);
    Ok(())
}

fn datagrams(socket: &UdpSocket, answer: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = [0; 2048];
    while let Ok((read, from)) = socket.recv_from(&mut buffer) {
        if let Some(packet) = answer(&buffer[..read]) {
            let _ = socket.send_to(&packet, from);
        }
    }
}

fn over_tcp(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet)?;
    let packet = answer(&packet).unwrap_or_default();
    let length = u16::try_from(packet.len()).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], &packet].concat())
}

/// One address for whatever is asked for.
fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    let asked = Message::from_vec(packet).ok()?;
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    answer.add_queries(asked.queries.clone());
    let name = asked.queries.first()?.name.clone();
    answer.add_answer(Record::from_rdata(name, 60, RData::A(A(Ipv4Addr::new(192, 0, 2, 1)))));
    answer.to_vec().ok()
}
