//! `lab-server KIND ADDRESS`: stands in for a service in a scene and prints the
//! address it listens on.
//!
//! * `http`: answers every connection as a web server would, whatever was sent.
//! * `silent`: accepts, keeps the connection and says nothing.
//! * `names`: a name server (UDP) that knows no name.
//!
//! `lab-server rivals QUESTIONS`: prints what other tools complain about from here.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(kind), Some(address)) = (args.next(), args.next()) else {
        bail!("usage: lab-server http|silent|names ADDRESS");
    };
    match kind.as_str() {
        "http" => each_connection(&address, |stream| {
            std::thread::spawn(move || answer_http(stream));
        }),
        "silent" => {
            let mut kept = Vec::new();
            each_connection(&address, move |stream| kept.push(stream))
        }
        "names" => answer_names(&address),
        "rivals" => {
            println!("{}", serde_json::to_string(&seaworthy_tests::rivals::answer(&address)?)?);
            Ok(())
        }
        other => bail!("no service is called {other}"),
    }
}

fn each_connection(address: &str, mut serve: impl FnMut(TcpStream)) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| address.to_owned())?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        serve(stream?);
    }
    Ok(())
}

/// Like a server that got something which is no request.
fn answer_http(mut stream: TcpStream) -> std::io::Result<()> {
    const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nServer: lab-http\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nbad request\n";
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut asked = [0; 1024];
    let _ = stream.read(&mut asked)?;
    stream.write_all(ANSWER.as_bytes())
}

/// Turns each query into the answer NXDOMAIN (RFC 1035 4.1.1: QR set, RCODE 3).
fn answer_names(address: &str) -> Result<()> {
    let socket = UdpSocket::bind(address).with_context(|| address.to_owned())?;
    println!("{}", socket.local_addr()?);
    let mut packet = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut packet)?;
        if length >= 12 {
            packet[2] = 0x80 | (packet[2] & 0x79);
            packet[3] = 0x83;
            // Only the question goes back, without the additional records of EDNS.
            let end = question_end(&packet[..length]).unwrap_or(length);
            packet[6..12].fill(0);
            socket.send_to(&packet[..end], from)?;
        }
    }
}

/// Where the first question ends.
fn question_end(packet: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *packet.get(at)? {
            0 => return (at + 5 <= packet.len()).then_some(at + 5),
            length => at += 1 + usize::from(length),
        }
    }
}
