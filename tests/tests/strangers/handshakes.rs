//! Before the encrypted handshake is done: what anybody can do who reaches the port.

use crate::{Here, Watched};
use anyhow::{Context, Result, bail, ensure};
use seaworthy_tests::Scene;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("garbage_is_hung_up_on_and_counted", |_| garbage()),
        Scene::new("slow_handshakes_end_and_block_nobody", |_| slow()),
        Scene::new("a_crowd_that_says_nothing_delays_others_for_one_timeout", |_| crowd()),
        Scene::new("what_comes_before_the_handshake_takes_no_memory", |_| flood()),
    ]
}

const ERRORS: &str = "seaworthy_peer_errors_total";
const HEADER: &[u8] = b"\x13/multistream/1.0.0\n";
/// From TCP accepted to handshake done, and a little for a loaded machine.
const HANDSHAKE: Duration = Duration::from_secs(5 + 4);

fn connect(watched: &Watched) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", watched.port()?)).context("the port does not answer")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn crowd_of(watched: &Watched, count: usize) -> Result<Vec<TcpStream>> {
    (0..count).map(|_| connect(watched)).collect()
}

/// As `crowd_of`, from another address of this machine.
fn crowd_from(source: Ipv4Addr, watched: &Watched, count: usize) -> Result<Vec<TcpStream>> {
    let port = watched.port()?;
    let one = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        Ok::<_, std::io::Error>(TcpStream::from(socket))
    };
    (0..count).map(|_| one().context("the port does not answer")).collect()
}

/// Reads until the peer hangs up.
fn hung_up(stream: &mut TcpStream, until: Instant) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "the peer did not hang up");
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return Ok(()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => bail!("reading from the peer: {e}"),
        }
    }
}

fn garbage() -> Result<()> {
    let watched = Watched::start()?;
    let noise = [HEADER, b"\x07/noise\n", &[0xff; 2000]].concat();
    let endless_line = [HEADER, &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    let lines: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0; 500],
        &[0xff; 500],
        b"\x13/multistream/9.9.9\n",
        &endless_line,
        &noise,
    ];
    let mut strangers = Vec::new();
    for _ in 0..25 {
        for line in lines {
            let mut stream = connect(&watched)?;
            // It may hang up in the middle of it.
            let _ = stream.write_all(line);
            strangers.push(stream);
        }
    }
    watched.serves_within(Duration::from_secs(10))?;
    let until = Instant::now() + HANDSHAKE;
    for stream in &mut strangers {
        hung_up(stream, until)?;
    }
    watched.counts(ERRORS, &[("kind", "handshake")], 200.0)?;
    watched.is_bounded()
}

fn slow() -> Result<()> {
    let watched = Watched::start()?;
    let mut strangers = crowd_of(&watched, 200)?;
    let started = Instant::now();
    // A byte now and then is no progress: the time is for the whole handshake.
    for byte in HEADER.iter().take(4) {
        for stream in &mut strangers {
            let _ = stream.write_all(&[*byte]);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    watched.serves_within(Duration::from_secs(4))?;
    for stream in &mut strangers {
        hung_up(stream, started + HANDSHAKE)?;
    }
    watched.counts(ERRORS, &[("kind", "handshake")], 200.0)?;
    watched.is_bounded()
}

fn crowd() -> Result<()> {
    let watched = Watched::start()?;
    // More than one address may have: the others are not kept waiting.
    let some = crowd_from(Ipv4Addr::new(127, 0, 0, 2), &watched, 400)?;
    watched.serves_within(Duration::from_secs(4))?;
    // More than may wait at a time: whoever comes later waits for their time to run out.
    let mut more = Vec::new();
    for last in 3..=6 {
        more.extend(crowd_from(Ipv4Addr::new(127, 0, 0, last), &watched, 100)?);
    }
    watched.serves_within(HANDSHAKE + Duration::from_secs(6))?;
    drop((some, more));
    watched.counts(ERRORS, &[], 800.0)?;
    watched.is_bounded()
}

fn flood() -> Result<()> {
    let watched = Watched::start()?;
    let started = Instant::now();
    let mut strangers = crowd_of(&watched, 50)?;
    for stream in &mut strangers {
        stream.set_write_timeout(Some(Duration::from_millis(50)))?;
        let _ = stream.write_all(HEADER);
    }
    let block = [0x7f; 64 * 1024];
    let mut sent = 0;
    while !strangers.is_empty() && started.elapsed() < HANDSHAKE {
        strangers.retain_mut(|stream| match stream.write(&block) {
            Ok(written) => {
                sent += written;
                true
            }
            Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        });
    }
    ensure!(strangers.is_empty(), "{} are still there after {sent} bytes", strangers.len());
    watched.serves_within(Duration::from_secs(4))?;
    watched.is_bounded()
}
