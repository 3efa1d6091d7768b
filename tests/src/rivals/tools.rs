use super::{Ask, Complaints};
use anyhow::{Context as _, Result};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

/// `nc -w 3`, and what the script's own time-out is taken for.
const PATIENCE: Duration = Duration::from_secs(3);
/// The default of goss.
const GOSS: Duration = Duration::from_millis(500);

/// Its complaints.
type Tool<'a> = dyn FnOnce() -> Vec<String> + Send + 'a;

/// What each tool complains about, where this process is.
///
/// # Errors
/// The question cannot be read.
pub fn answer(asks: &str) -> Result<Complaints> {
    let asks: Vec<Ask> = serde_json::from_str(asks).context("the question cannot be read")?;
    let told = std::thread::scope(|scope| {
        let tools: [(&str, Box<Tool>); 3] = [
            ("script", Box::new(script)),
            ("nc -z", Box::new(|| asks.iter().filter_map(netcat).collect())),
            ("goss", Box::new(|| asks.iter().filter_map(goss).collect())),
        ];
        let running = tools.map(|(name, tool)| (name, scope.spawn(tool)));
        running.map(|(name, tool)| (name.to_owned(), tool.join().unwrap_or_default()))
    });
    Ok(told.into_iter().collect())
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("Name or service not known".into()),
        // The C library's own words: std adds its own before them.
        Err(error) => {
            let text = error.to_string();
            Err(match text.to_lowercase() {
                t if t.contains("try again") || t.contains("temporary") => {
                    "Temporary failure in name resolution".into()
                }
                t if t.contains("does not resolve") || t.contains("not known") => "Name or service not known".into(),
                _ => text,
            })
        }
    }
}

fn connect(host: &str, port: u16, patience: Duration) -> Result<TcpStream, String> {
    let mut why = String::new();
    for address in resolve(host, port)? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => why = "timed out".into(),
            // `Connection refused (os error 111)` without the number, as strerror says it.
            Err(error) => why = error.to_string().split(" (").next().unwrap_or_default().to_owned(),
        }
    }
    Err(why)
}

/// `nc -z -w 3 HOST PORT`, with `-u` for UDP.
fn netcat(ask: &Ask) -> Option<String> {
    match ask {
        Ask::Tcp { host, port } => match connect(host, *port, PATIENCE) {
            Ok(_) => None,
            Err(why) if why.contains("resolution") || why.contains("not known") => {
                Some(format!("nc: getaddrinfo for host \"{host}\" port {port}: {why}"))
            }
            Err(why) => Some(format!("nc: connect to {host} port {port} (tcp) failed: {why}")),
        },
        Ask::Udp { host, port } => {
            let address = match resolve(host, *port) {
                Ok(found) => *found.first()?,
                Err(why) => return Some(format!("nc: getaddrinfo for host \"{host}\" port {port}: {why}")),
            };
            // It writes a few bytes and takes silence for success.
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).ok()?;
            socket.connect(address).ok()?;
            for _ in 0..3 {
                if socket.send(b"X").is_err() {
                    return Some(format!("nc: connect to {host} port {port} (udp) failed"));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            None
        }
        Ask::Name { .. } | Ask::Http { .. } => None,
    }
}

/// goss: `addr` with `reachable: true`, `dns` with `resolvable: true`, `http` with a status.
fn goss(ask: &Ask) -> Option<String> {
    match ask {
        Ask::Tcp { host, port } => connect(host, *port, GOSS)
            .err()
            .map(|_| format!("Addr: tcp://{host}:{port}: reachable: Expected false to equal true")),
        Ask::Udp { .. } => None,
        Ask::Name { name } => {
            resolve(name, 1).err().map(|_| format!("DNS: {name}: resolvable: Expected false to equal true"))
        }
        Ask::Http { url } => http(url).err().map(|why| format!("HTTP: {url}: {why}")),
    }
}

/// One GET without TLS; of what needs TLS only the connection is judged.
fn http(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("unsupported protocol scheme")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, text)) if !text.contains(']') => (host, text.parse().unwrap_or(port)),
        _ => (authority, port),
    };
    let error = |why: String| {
        let why = if why.contains("not known") { "no such host".into() } else { why.to_lowercase() };
        format!("error: Get \"{url}\": dial tcp {authority}: {why}")
    };
    let mut stream = connect(host, port, PATIENCE).map_err(error)?;
    if scheme == "https" {
        return Ok(());
    }
    let exchange = || -> std::io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: goss\r\nConnection: close\r\n\r\n")?;
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head)?;
        Ok(String::from_utf8_lossy(&head[..length]).into_owned())
    };
    let mut exchange = exchange;
    let head = exchange().map_err(|e| error(e.to_string()))?;
    let status: u16 = head.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or("malformed HTTP response")?;
    if status < 400 { Ok(()) } else { Err(format!("status: Expected status {status} to equal 200")) }
}

/// The eight checks of the script that this tool takes the place of: what its summary
/// says of them. It is a Python program; here it needs no Python.
fn script() -> Vec<String> {
    let mut issues = Vec::new();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // 1 and 2, dependencies and the cache's module: whether the four packages can be found.
    issues.extend(packages());
    // 3 and 5, a cache without P2P in its folder, and a value put and got.
    let folder = variable("CACHE_DIR").or_else(|| variable("HOME").map(|home| format!("{home}/.cache/github_cache")));
    if let Some(folder) = folder.map(PathBuf::from) {
        let file = folder.join(format!("probe-{}", std::process::id()));
        if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, "x")).is_err() {
            issues.push(format!("cannot write the cache in {}", folder.display()));
        }
        let _ = std::fs::remove_file(file);
    }
    // 4, a connection to each bootstrap peer.
    let peers = variable("CACHE_BOOTSTRAP_PEERS").unwrap_or_default();
    for peer in peers.split(',').map(str::trim).filter(|peer| !peer.is_empty()) {
        let parts: Vec<&str> = peer.split('/').collect();
        let place = match parts.as_slice() {
            ["", _, host, _, port, ..] => port.parse::<u16>().ok().map(|port| (*host, port)),
            _ => None,
        };
        match place {
            Some((host, port)) => {
                if let Err(why) = connect(host, port, PATIENCE) {
                    issues.push(format!("Cannot connect to bootstrap peer {host}:{port}: {why}"));
                }
            }
            None => issues.push(format!("cannot read the address {peer}")),
        }
    }
    // 6, a key can be derived from a secret.
    if ["CACHE_P2P_SHARED_SECRET", "GITHUB_TOKEN", "GH_TOKEN"].iter().all(|name| variable(name).is_none()) {
        issues.push("no secret is set to derive a key from".into());
    }
    // 7, the variables are there.
    let known = ["CACHE_ENABLE_P2P", "CACHE_LISTEN_PORT", "CACHE_BOOTSTRAP_PEERS"];
    if known.iter().all(|name| variable(name).is_none()) {
        issues.push("no cache variable is set".into());
    } else if variable("CACHE_ENABLE_P2P").as_deref() != Some("true") {
        issues.push("CACHE_ENABLE_P2P is not true".into());
    } else if peers.is_empty() {
        issues.push("CACHE_BOOTSTRAP_PEERS is not set".into());
    }
    // 8, the network mode: a container on a bridge is said to be isolated.
    if std::path::Path::new("/.dockerenv").exists() {
        issues.push("Running in Docker: the default bridge isolates the container from the host".into());
    }
    issues
}

/// Python packages that are not found, where there is a Python.
fn packages() -> Vec<String> {
    const LOOK: &str = "import importlib.util as u\nfor m in ('libp2p','multihash','cryptography','multiformats'):\n  print(m) if u.find_spec(m) is None else None";
    let output = std::process::Command::new("python3").args(["-c", LOOK]).output();
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|name| format!("{name} is not installed")).collect()
}
