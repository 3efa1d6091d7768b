use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ports on loopback that answer nothing at all, as behind a firewall that drops:
/// the accept queue of each listener is full, so the kernel drops every further SYN.
#[derive(Debug)]
pub struct SilentPorts {
    listeners: Vec<Socket>,
    fillers: Vec<TcpStream>,
    /// One address a port.
    pub addresses: Vec<SocketAddr>,
}

impl SilentPorts {
    /// `count` silent ports.
    ///
    /// # Errors
    /// When a socket cannot be made.
    pub fn open(count: usize) -> Result<Self> {
        let mut ports = Self { listeners: Vec::new(), fillers: Vec::new(), addresses: Vec::new() };
        for _ in 0..count {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).into())?;
            socket.listen(0)?;
            let address = socket.local_addr()?.as_socket().context("not an IP socket")?;
            // A backlog of 0 takes one connection.
            ports.fillers.push(TcpStream::connect(address)?);
            ports.listeners.push(socket);
            ports.addresses.push(address);
        }
        Ok(ports)
    }
}

/// A stand-in for a service, from the `lab-server` program. Ended when it is dropped.
#[derive(Debug)]
pub struct Stand {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Stand {
    /// Starts `lab-server KIND ADDRESS` through another command.
    ///
    /// # Errors
    /// When it cannot be started or cannot listen.
    pub fn start(program: &Path, kind: &str, address: &str, through: &[std::ffi::OsString]) -> Result<Self> {
        let mut words = through.to_vec();
        words.extend([program.into(), kind.into(), address.into()]);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                anyhow::bail!("lab-server {kind} {address} does not listen")
            }
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
