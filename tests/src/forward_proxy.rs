use anyhow::Result;
use socket2::SockRef;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a [`ForwardProxy`] does with a request.
#[derive(Clone, Debug)]
pub enum Way {
    /// Leads on to the service.
    Through,
    /// The same, and ends a tunnel after so long.
    Cut(Duration),
    /// Answers itself with this status and these further headers, each with its `\r\n`.
    Status(u16, &'static str),
    /// Says this and ends.
    Words(&'static [u8]),
}

/// A proxy of HTTP: `CONNECT`, and requests in absolute form. All that is led on comes to one
/// service, whatever it was asked for, so that it needs no way out of its own network
/// namespace. Ended when it is dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    listener: TcpListener,
    ended: Arc<AtomicBool>,
    way: Arc<Mutex<Way>>,
}

impl ForwardProxy {
    /// Listens there and leads to `service`.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn on(listener: TcpListener, service: SocketAddr, way: Way) -> Result<Self> {
        let accepting = listener.try_clone()?;
        let (ended, way) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(way)));
        let (over, ways) = (Arc::clone(&ended), Arc::clone(&way));
        std::thread::spawn(move || {
            for stream in accepting.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let way = ways.lock().unwrap_or_else(PoisonError::into_inner).clone();
                std::thread::spawn(move || serve(stream, service, &way));
            }
        });
        Ok(Self { listener, ended, way })
    }

    /// Does something else from now on.
    pub fn turn(&self, way: Way) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

fn serve(mut client: TcpStream, service: SocketAddr, way: &Way) -> Option<()> {
    client.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim_end().is_empty() {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("proxy-") {
            head.push(line);
        }
    }
    match way {
        Way::Words(words) => client.write_all(words).ok(),
        Way::Status(status, headers) => {
            let text = format!("HTTP/1.1 {status} Proxy\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
            client.write_all(text.as_bytes()).ok()
        }
        Way::Through | Way::Cut(_) => {
            let mut on = TcpStream::connect(service).ok()?;
            let mut words = first.split(' ');
            let (method, target) = (words.next()?, words.next()?);
            if method == "CONNECT" {
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
            } else {
                // In the form that a service wants: without scheme and host.
                let path = target.splitn(4, '/').nth(3).unwrap_or_default();
                on.write_all(format!("{method} /{path} HTTP/1.1\r\n{}\r\n", head.concat()).as_bytes()).ok()?;
            }
            let (a, b) = (client.try_clone().ok()?, on.try_clone().ok()?);
            std::thread::spawn(move || pump(a, b));
            if let Way::Cut(after) = way {
                let (client, on) = (client.try_clone().ok()?, on.try_clone().ok()?);
                let after = *after;
                std::thread::spawn(move || {
                    std::thread::sleep(after);
                    let _ = client.shutdown(Shutdown::Both);
                    let _ = on.shutdown(Shutdown::Both);
                });
            }
            pump(on, client);
            Some(())
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
