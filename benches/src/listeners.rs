use anyhow::Result;
use std::net::{SocketAddr, TcpListener};

/// Live ports on loopback that take every connection.
#[derive(Debug)]
pub struct Listeners {
    /// One address a port.
    pub addresses: Vec<SocketAddr>,
}

impl Listeners {
    /// Opens `count` ports; each is served until the process ends.
    ///
    /// # Errors
    /// When a port cannot be opened.
    pub fn open(count: usize) -> Result<Self> {
        let mut addresses = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            addresses.push(listener.local_addr()?);
            std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
                // Taken and closed at once.
                for stream in listener.incoming() {
                    drop(stream);
                }
            })?;
        }
        Ok(Self { addresses })
    }
}
