use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a link looks at what it is told, and for whether it is to end.
const BEAT: Duration = Duration::from_millis(5);

/// What a link does to the traffic. It holds for connections that are there, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Traffic {
    /// Passes it on.
    Pass,
    /// Nobody listens, and connections that are there are reset.
    Refuse,
    /// Takes everything and passes nothing on.
    Silent,
    /// Passes each piece on after 700 ms.
    Slow,
    /// Ends each connection after some bytes.
    Cut,
    /// Changes a bit in each piece.
    Flip,
}

impl Traffic {
    const ALL: [Self; 6] = [Self::Pass, Self::Refuse, Self::Silent, Self::Slow, Self::Cut, Self::Flip];

    fn of(number: u8) -> Self {
        Self::ALL.into_iter().find(|traffic| *traffic as u8 == number).unwrap_or(Self::Pass)
    }
}

/// A stretch of TCP on loopback that can be told to misbehave. Ended when it is dropped.
#[derive(Debug)]
pub struct Link {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    traffic: AtomicU8,
    ended: AtomicBool,
    connections: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// A link to `upstream` that passes everything on.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(listener, address, upstream, &shared)
        });
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// From now on.
    pub fn set(&self, traffic: Traffic) {
        self.shared.traffic.store(traffic as u8, Ordering::SeqCst);
        if traffic == Traffic::Refuse {
            self.shared.reset_all();
        }
    }

    /// Connections that it has taken so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.reset_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn traffic(&self) -> Traffic {
        Traffic::of(self.traffic.load(Ordering::SeqCst))
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn reset_all(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let socket = Socket::from(stream);
            let _ = socket.set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn keep(&self, stream: &TcpStream) {
        if let Ok(copy) = stream.try_clone() {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).with_context(|| format!("cannot listen on {address}"))?;
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn accept(listener: TcpListener, address: SocketAddr, upstream: SocketAddr, shared: &Arc<Shared>) {
    let mut listener = Some(listener);
    while !shared.ended() {
        if shared.traffic() == Traffic::Refuse {
            // Only where nobody listens the kernel refuses.
            listener = None;
        } else if listener.is_none() {
            listener = listen(address).ok();
        }
        match listener.as_ref().map(TcpListener::accept) {
            Some(Ok((stream, _))) => {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let _ = join(&stream, upstream, shared);
            }
            _ => std::thread::sleep(BEAT),
        }
    }
}

/// Two threads for one connection, one a direction.
fn join(from: &TcpStream, upstream: SocketAddr, shared: &Arc<Shared>) -> Result<()> {
    let to = TcpStream::connect_timeout(&upstream, Duration::from_secs(5))?;
    for stream in [from, &to] {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        shared.keep(stream);
    }
    for (reader, writer) in [(from.try_clone()?, to.try_clone()?), (to, from.try_clone()?)] {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || pump(reader, writer, &shared));
    }
    Ok(())
}

fn pump(mut reader: TcpStream, mut writer: TcpStream, shared: &Shared) {
    let mut buffer = vec![0; 16 << 10];
    while !shared.ended() {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        let piece = &mut buffer[..count];
        match shared.traffic() {
            Traffic::Pass => {}
            Traffic::Refuse => break,
            Traffic::Silent => continue,
            Traffic::Slow => std::thread::sleep(Duration::from_millis(700)),
            Traffic::Cut => {
                let _ = writer.write_all(&piece[..count / 2]);
                break;
            }
            Traffic::Flip => piece[count / 2] ^= 1,
        }
        if writer.write_all(piece).is_err() {
            break;
        }
    }
    let _ = reader.shutdown(Shutdown::Both);
    let _ = writer.shutdown(Shutdown::Both);
}
