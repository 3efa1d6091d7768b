//! Certificates, those who judge them, and proxies.

use anyhow::{Context as _, Result};
use seaworthy_tests::authority::{Authority, GOOD, Identity};
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::{Certified, ForwardProxy, Scripted, Told, Way};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = trust();
    scenes.extend(certificates());
    scenes.extend(proxies());
    scenes.extend(near());
    scenes
}

// ---- TLS

/// Public names, which the lab's name server leads to the scene's machine.
const PUBLIC: [&str; 2] = ["api.github.com", "pypi.org"];
/// A server of one's own.
const OWN: &str = "minio.lab.test";
const PORT: u16 = 8443;
/// A store of a distribution has more than a hundred; fewer than twenty are none.
const FILLING: usize = 24;

/// Authorities of a scene.
struct Authorities {
    /// As good as public: the scene's trust store holds it.
    public: Authority,
    /// A company's own, which it does not hold.
    company: Authority,
    /// Certificates of the store.
    store: String,
}

fn of(name: &'static str, faults: &'static [&'static str], causes: &'static [&'static str]) -> Scene {
    Scene { setup: trusted, remedy: mended, ..Scene::new(name, Topology::Wire, faults, causes) }
}

/// Who trusts what.
fn trust() -> Vec<Scene> {
    vec![
        Scene {
            inject: |world| {
                let all = world.kept::<Authorities>("authorities")?;
                let store = all.store.clone() + &all.company.pem();
                stored(world, "roots.pem", &store)?;
                intercepted(world)
            },
            ..of("tls/intercepted-and-trusted", &["F72"], &["tls.intercepted"])
        },
        Scene { inject: intercepted, ..of("tls/intercepted", &["F72"], &["tls.intercepted"]) },
        Scene {
            inject: |world| {
                let company = world.kept::<Authorities>("authorities")?.company.pem();
                stored(world, "company.pem", &company)
            },
            ..of("tls/variable-replaces-store", &["F73"], &["tls.store-replaced"])
        },
        Scene { inject: |world| stored(world, "empty.pem", ""), ..of("tls/no-roots", &["F74"], &["tls.no-roots"]) },
        Scene {
            inject: |world| Ok(world.env("SSL_CERT_FILE", "/nonexistent/roots.pem")),
            ..of("tls/store-that-is-not-there", &[], &["tls.bundle-missing"])
        },
        Scene {
            inject: |world| Ok(world.env("NODE_EXTRA_CA_CERTS", "/nonexistent/company.pem")),
            remedy: |world| Ok(world.unset("NODE_EXTRA_CA_CERTS")),
            ..of("tls/variable-without-its-file", &[], &["tls.bundle-missing"])
        },
        Scene {
            setup: own_server,
            inject: |world| {
                let identity = world.kept::<Authorities>("authorities")?.company.identity(&[OWN], GOOD)?;
                show(world, &identity)
            },
            ..of("tls/private-authority", &[], &["tls.private-authority"])
        },
    ]
}

/// What is the certificate's own fault.
fn certificates() -> Vec<Scene> {
    let own = |name, causes| Scene { setup: own_server, ..of(name, &[], causes) };
    vec![
        Scene {
            inject: |world| {
                let ended = world.kept::<Authorities>("authorities")?.public.identity(&[OWN], (2020, 2022))?;
                show(world, &ended)
            },
            ..own("tls/expired", &["tls.expired"])
        },
        Scene {
            inject: |world| {
                let early = world.kept::<Authorities>("authorities")?.public.identity(&[OWN], (2090, 2100))?;
                show(world, &early)
            },
            ..own("tls/not-yet-valid", &["tls.not-yet-valid"])
        },
        Scene {
            inject: |world| {
                let other = world.kept::<Authorities>("authorities")?.public.identity(&["other.lab.test"], GOOD)?;
                show(world, &other)
            },
            ..own("tls/other-name", &["tls.name-mismatch"])
        },
        Scene {
            inject: |world| show(world, &Identity::self_signed(&[OWN])?),
            ..own("tls/self-signed", &["tls.self-signed"])
        },
        Scene {
            inject: |world| {
                let all = world.kept::<Authorities>("authorities")?;
                let whole = all.public.below("R11", "Let's Encrypt")?.identity(&[OWN], GOOD)?;
                show(world, &whole.leaf_only())
            },
            ..own("tls/incomplete-chain", &["tls.incomplete-chain"])
        },
        Scene {
            // Alert 70, protocol_version, in a record of TLS 1.1 (RFC 5246 7.2).
            inject: |world| blunt(world, &[0x15, 3, 2, 0, 2, 2, 70]),
            ..own("tls/old-protocol", &["tls.old-protocol"])
        },
        Scene {
            inject: |world| blunt(world, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
            ..own("tls/plain-http", &["tls.not-tls"])
        },
        Scene { inject: |world| blunt(world, b""), ..own("tls/closed-by-a-filter", &["tls.handshake-failed"]) },
    ]
}

/// Two public names, one server, and a trust store that knows its authority.
fn trusted(world: &mut World) -> Result<()> {
    serving(world, &PUBLIC)
}

fn own_server(world: &mut World) -> Result<()> {
    serving(world, &[OWN])
}

fn serving(world: &mut World, names: &[&str]) -> Result<()> {
    let public = Authority::root("ISRG Root X1", "Internet Security Research Group")?;
    let company = Authority::root("Corp Inspection CA", "Corp")?;
    let mut store = public.pem();
    for n in 0..FILLING {
        store += &Authority::root(&format!("Root {n}"), "Filling")?.pem();
    }
    let identity = public.identity(names, GOOD)?;
    world.keep("authorities", Authorities { public, company, store: store.clone() });
    stored(world, "roots.pem", &store)?;
    world.keep("server", Certified::on(world.listener(PORT)?, &identity)?);
    let mut urls = Vec::new();
    for name in names {
        world.name(name, seaworthy_tests::Reply::Addresses(vec![world.address()?.into()]));
        urls.push(format!("\"https://{name}:{PORT}/\""));
    }
    world.policy(&format!(
        "[targets.servers]\nkind = \"http\"\naddresses = [{}]\n[[check]]\nid = \"net.tls\"\n\
         use = \"bundled:net/tls\"\ntarget = \"servers\"\nseverity = \"critical\"\ntimeout = \"15s\"\n",
        urls.join(", ")
    ));
    Ok(())
}

/// Makes a file the runner's trust store.
fn stored(world: &mut World, name: &str, pem: &str) -> Result<()> {
    let path = world.folder().join(name);
    std::fs::write(&path, pem).with_context(|| path.display().to_string())?;
    world.env("SSL_CERT_FILE", &path.display().to_string());
    Ok(())
}

fn show(world: &mut World, identity: &Identity) -> Result<()> {
    world.kept::<Certified>("server")?.show(identity)
}

fn intercepted(world: &mut World) -> Result<()> {
    let identity = world.kept::<Authorities>("authorities")?.company.identity(&PUBLIC, GOOD)?;
    show(world, &identity)
}

/// Store and certificate as they were.
fn mended(world: &mut World) -> Result<()> {
    let all = world.kept::<Authorities>("authorities")?;
    let names = [PUBLIC[0], PUBLIC[1], OWN];
    let (store, identity) = (all.store.clone(), all.public.identity(&names, GOOD)?);
    stored(world, "roots.pem", &store)?;
    world.end("blunt");
    if world.kept::<Certified>("server").is_err() {
        world.keep("server", Certified::on(world.listener(PORT)?, &identity)?);
    }
    show(world, &identity)
}

/// In place of the server: reads something, says this, and ends.
fn blunt(world: &mut World, words: &'static [u8]) -> Result<()> {
    world.end("server");
    world.keep("blunt", Blunt::on(world.listener(PORT)?, words)?);
    Ok(())
}

/// Ends with the scene: it listens for nobody else.
struct Blunt(TcpListener);

impl Blunt {
    fn on(listener: TcpListener, words: &'static [u8]) -> Result<Self> {
        let accepting = listener.try_clone()?;
        std::thread::spawn(move || {
            for mut stream in accepting.incoming().map_while(Result::ok) {
                let mut some = [0; 4096];
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = stream.read(&mut some).and_then(|_| stream.write_all(words));
            }
        });
        Ok(Self(listener))
    }
}

impl Drop for Blunt {
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.0).shutdown(std::net::Shutdown::Both);
    }
}

// ---- proxies

const API: &str = "api.lab.test";
const API_PORT: u16 = 8080;
const PROXY_PORT: u16 = 3128;

/// An API behind the only way out: directly it is not reached.
fn proxies() -> Vec<Scene> {
    let way = |name, faults, causes| Scene {
        setup: only_by_proxy,
        remedy: |world| turned(world, Way::Through),
        ..Scene::new(name, Topology::Wire, faults, causes)
    };
    vec![
        Scene {
            inject: |world| turned(world, Way::Status(407, "Proxy-Authenticate: Basic realm=\"corp\"\r\n")),
            ..way("proxy/wants-credentials", &[], &["proxy.credentials"])
        },
        Scene {
            inject: |world| turned(world, Way::Status(403, "Server: squid/6.6\r\n")),
            ..way("proxy/refuses", &[], &["proxy.refuses"])
        },
        Scene {
            inject: |world| turned(world, Way::Status(503, "Server: squid/6.6\r\nVia: 1.1 corp\r\n")),
            ..way("proxy/cannot-reach", &[], &["proxy.cannot-reach"])
        },
        Scene {
            inject: |world| turned(world, Way::Words(b"SSH-2.0-OpenSSH_9.6\r\n")),
            ..way("proxy/is-none", &[], &["proxy.not-a-proxy"])
        },
        Scene {
            inject: |world| proxied(world, "ftp://10.77.1.2:3128"),
            remedy: |world| by_its_proxy(world),
            ..way("proxy/unusable", &[], &["proxy.unusable"])
        },
        Scene {
            inject: |world| {
                let url = format!("http://{}:{}", world.address()?, PROXY_PORT + 1);
                proxied(world, &url)
            },
            remedy: |world| by_its_proxy(world),
            ..way("proxy/not-reached", &[], &["proxy.unreachable"])
        },
        Scene {
            inject: |world| Ok(world.unset("HTTPS_PROXY")),
            remedy: |world| by_its_proxy(world),
            ..way("proxy/one-variable-of-two", &[], &["proxy.scheme-missing"])
        },
        Scene {
            inject: |world| turned(world, Way::Cut(Duration::from_secs(2))),
            ..way("proxy/idle-time-out", &["F71"], &["proxy.idle-timeout"])
        },
    ]
}

fn only_by_proxy(world: &mut World) -> Result<()> {
    let authority = Authority::root("Lab Root", "Internet Security Research Group")?;
    let mut store = authority.pem();
    for n in 0..FILLING {
        let _ = write!(store, "{}", Authority::root(&format!("Root {n}"), "Filling")?.pem());
    }
    stored(world, "roots.pem", &store)?;
    let service = Certified::on(TcpListener::bind("127.0.0.1:0")?, &authority.identity(&[API], GOOD)?)?;
    let proxy = ForwardProxy::on(world.listener(PROXY_PORT)?, service.address()?, Way::Through)?;
    world.keep("service", service);
    world.keep("proxy", proxy);
    world.name(API, seaworthy_tests::Reply::Addresses(vec![world.address()?.into()]));
    // Directly nothing answers there, and nothing says so.
    world.firewall(&["-I", "INPUT", "-p", "tcp", "--dport", "443", "-j", "DROP"])?;
    by_its_proxy(world)?;
    world.policy(&format!(
        "[targets.api]\nkind = \"http\"\nurl = \"https://{API}/\"\n[[check]]\nid = \"net.proxy\"\n\
         use = \"bundled:net/proxy\"\ntarget = \"api\"\nseverity = \"critical\"\ntimeout = \"20s\"\nwith = {{ idle-s = 4 }}\n"
    ));
    Ok(())
}

fn by_its_proxy(world: &mut World) -> Result<()> {
    let url = format!("http://{}:{PROXY_PORT}", world.address()?);
    proxied(world, &url)
}

fn proxied(world: &mut World, url: &str) -> Result<()> {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy"] {
        world.env(name, url);
    }
    Ok(())
}

fn turned(world: &mut World, way: Way) -> Result<()> {
    world.kept::<ForwardProxy>("proxy")?.turn(way);
    Ok(())
}

/// What is reached directly, and gets another answer.
fn near() -> Vec<Scene> {
    vec![
        Scene {
            setup: local_api,
            inject: |world| Ok(world.unset("NO_PROXY")),
            remedy: |world| Ok(world.env("NO_PROXY", "127.0.0.1,localhost,::1,169.254.169.254")),
            ..Scene::new("proxy/catches-loopback", Topology::Here, &["F69"], &["proxy.catches-local"])
        },
        Scene {
            setup: excepted,
            inject: |world| Ok(world.env("NO_PROXY", "10.77.0.0/16")),
            remedy: |world| {
                let address = world.address()?.to_string();
                Ok(world.env("NO_PROXY", &address))
            },
            ..Scene::new("proxy/entry-not-read", Topology::Wire, &["F70"], &["proxy.entry-unread"])
        },
        Scene {
            setup: |world| api(world, false),
            inject: |world| answering(world, true),
            remedy: |world| answering(world, false),
            ..Scene::new("proxy/login-page", Topology::Wire, &["F63"], &["egress.login-page"])
        },
        Scene {
            setup: |world| api(world, true),
            inject: |world| answering(world, true),
            remedy: |world| answering(world, false),
            ..Scene::new("proxy/portal-at-probe", Topology::Wire, &["F63"], &["egress.login-page"])
        },
    ]
}

/// An API on loopback, as Kubo's, and a proxy that leads to no loopback.
fn local_api(world: &mut World) -> Result<()> {
    let service = Scripted::on(world.listener(0)?, |_| Told::json(200, &serde_json::json!({})))?;
    let listener = world.listener(0)?;
    let proxy = format!("http://{}", listener.local_addr()?);
    let refuses = ForwardProxy::on(listener, service.address(), Way::Status(403, "Server: squid/6.6\r\n"))?;
    world.policy(&checked(&format!("url = \"{}/\"", service.url()), ""));
    world.keep("service", service);
    world.keep("proxy", refuses);
    world.env("NO_PROXY", "127.0.0.1,localhost,::1");
    proxied(world, &proxy)
}

/// A service of one's own network, which is excepted from the proxy by its address.
fn excepted(world: &mut World) -> Result<()> {
    answering(world, false)?;
    let service = world.kept::<Scripted>("service")?.address();
    // The proxy leads to a service of this very process, by this machine's loopback.
    let inner = Scripted::start(|_| Told::json(200, &serde_json::json!({})))?;
    let proxy = ForwardProxy::on(world.listener(PROXY_PORT)?, inner.address(), Way::Through)?;
    world.keep("inner", inner);
    world.keep("proxy", proxy);
    world.policy(&checked(&format!("url = \"http://{service}/\""), ""));
    let address = world.address()?.to_string();
    world.env("NO_PROXY", &address);
    // Node reads these variables only where it is told to.
    world.env("NODE_USE_ENV_PROXY", "1");
    by_its_proxy(world)
}

fn api(world: &mut World, probe: bool) -> Result<()> {
    answering(world, false)?;
    world.name(API, seaworthy_tests::Reply::Addresses(vec![world.address()?.into()]));
    let url = format!("http://{API}:{API_PORT}");
    let with = if probe { format!("with = {{ probe-url = \"{url}/generate_204\" }}\n") } else { String::new() };
    world.policy(&checked(&format!("url = \"{url}/\""), &with));
    Ok(())
}

fn checked(target: &str, with: &str) -> String {
    format!(
        "[targets.api]\nkind = \"http\"\n{target}\n[[check]]\nid = \"net.proxy\"\nuse = \"bundled:net/proxy\"\n\
         target = \"api\"\nseverity = \"critical\"\ntimeout = \"15s\"\n{with}"
    )
}

/// The service, or a portal in its place.
fn answering(world: &mut World, portal: bool) -> Result<()> {
    const PAGE: &str = "<!DOCTYPE html><title>Corp Wi-Fi</title><form>Please log in <input type=\"password\"></form>";
    world.end("service");
    let listener = world.listener(API_PORT)?;
    let service = Scripted::on(listener, move |asked| match asked.target.as_str() {
        _ if portal => Told::of(200, "text/html", PAGE),
        "/generate_204" => Told::text(204, ""),
        _ => Told::json(200, &serde_json::json!({})),
    })?;
    world.keep("service", service);
    Ok(())
}
