use anyhow::{Context, Result};
use seaworthy_tests::authority::Identity;
use seaworthy_tests::{Certified, ForwardProxy, NameServer, Peer, PeerOptions, Reply, Scripted, Told, Way};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// What the HTTP service wants to see in `authorization`.
pub(crate) const TOKEN: &str = "compat-token-123";
/// A seed of RFC 8032, 7.1, test 1.
pub(crate) const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// One service for each kind of probe, all on loopback.
pub(crate) struct Services {
    greeter: SocketAddr,
    echo: SocketAddr,
    http: Scripted,
    tls: Certified,
    names: NameServer,
    proxy: SocketAddr,
    peer: Peer,
    _proxy: ForwardProxy,
}

impl Services {
    pub(crate) fn start() -> Result<Self> {
        let (greeter, proxy) = (greeter()?, TcpListener::bind("127.0.0.1:0")?);
        let bearer = format!("Bearer {TOKEN}");
        let http = Scripted::start(move |asked| match asked.target.as_str() {
            "/plain" => Told::text(200, "plain"),
            _ if asked.header("authorization") == Some(&bearer) => Told::text(200, "authorized"),
            _ => Told::text(401, "who is that?"),
        })?;
        let names = NameServer::on(UdpSocket::bind("127.0.0.1:0")?, None, |question| match question.name.as_str() {
            "compat.test" => Reply::Addresses(vec![Ipv4Addr::new(192, 0, 2, 7).into()]),
            _ => Reply::NoName,
        })?;
        Ok(Self {
            greeter,
            echo: echo()?,
            http,
            tls: Certified::on(TcpListener::bind("127.0.0.1:0")?, &Identity::self_signed(&["localhost"])?)?,
            names,
            proxy: proxy.local_addr()?,
            peer: Peer::start(&PeerOptions {
                arguments: vec!["--listen".into(), "/ip4/127.0.0.1/udp/0/quic-v1".into()],
                ..PeerOptions::on("/ip4/127.0.0.1/tcp/0")
            })?,
            _proxy: ForwardProxy::on(proxy, greeter, Way::Through)?,
        })
    }

    /// The URL of the HTTP service.
    pub(crate) fn http(&self) -> String {
        self.http.url()
    }

    /// The multiaddr of the peer.
    pub(crate) fn peer(&self) -> Result<String> {
        self.peer.at("ip4/127.0.0.1")
    }

    /// Where each is, for checks.toml.
    pub(crate) fn targets(&self) -> Result<String> {
        let quic = self.peer.addresses().iter().find(|address| address.contains("/quic-v1"));
        let quic = quic.and_then(|address| address.split('/').nth(4)).context("the peer has no QUIC address")?;
        let targets = [
            ("greeter", "tcp", self.greeter.to_string()),
            ("echo", "udp", self.echo.to_string()),
            ("http", "http", self.http()),
            ("tls", "tcp", self.tls.address()?.to_string()),
            ("names", "dns", self.names.address().to_string()),
            ("proxy", "http", format!("http://{}", self.proxy)),
            ("peer", "libp2p", self.peer()?),
            ("quic", "udp", format!("127.0.0.1:{quic}")),
        ];
        let block = |(label, kind, address): &(&str, &str, String)| {
            format!("[targets.{label}]\nkind = \"{kind}\"\naddresses = [\"{address}\"]\n\n")
        };
        Ok(targets.iter().map(block).collect())
    }
}

/// Says `220 ready` to everyone, and reads what they say.
fn greeter() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"220 ready");
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    Ok(address)
}

/// Sends every datagram back.
fn echo() -> Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok((size, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..size], from);
        }
    });
    Ok(address)
}
