use crate::authority::Identity;
use anyhow::Result;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A server that speaks TLS with the certificate that it is given, and answers every request
/// with an empty object in JSON. Ended when it is dropped.
#[derive(Debug)]
pub struct Certified {
    listener: TcpListener,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    ended: Arc<AtomicBool>,
}

impl Certified {
    /// Serves on a listener, which may be one of another network namespace.
    ///
    /// # Errors
    /// The certificate is no good, or the listener.
    pub fn on(listener: TcpListener, identity: &Identity) -> Result<Self> {
        let accepting = listener.try_clone()?;
        let config = Arc::new(Mutex::new(identity.server()?));
        let ended = Arc::new(AtomicBool::new(false));
        let (shown, over) = (Arc::clone(&config), Arc::clone(&ended));
        std::thread::spawn(move || {
            for stream in accepting.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let config = Arc::clone(&shown.lock().unwrap_or_else(PoisonError::into_inner));
                std::thread::spawn(move || answer(stream, config));
            }
        });
        Ok(Self { listener, config, ended })
    }

    /// Shows another certificate from now on.
    ///
    /// # Errors
    /// It is no good.
    pub fn show(&self, identity: &Identity) -> Result<()> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = identity.server()?;
        Ok(())
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }
}

impl Drop for Certified {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream));
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let stream = reader.get_mut();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    stream.write_all(head.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}
