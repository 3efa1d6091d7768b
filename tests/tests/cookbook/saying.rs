use anyhow::Result;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// A service on loopback that says the same to everyone, before it is asked, and then
/// listens on or hangs up.
pub(crate) fn saying(bytes: &'static [u8], hangs_up: bool) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(bytes);
                // What is not read would end the connection with a reset.
                let _ = stream.set_read_timeout(Some(Duration::from_millis(if hangs_up { 200 } else { 10_000 })));
                let _ = stream.read(&mut [0; 4096]);
                if !hangs_up {
                    let _ = stream.read(&mut [0; 4096]);
                }
            });
        }
    });
    Ok(address)
}
