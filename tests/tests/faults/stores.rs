//! Stores of caches and their ways: S3 with other clients, Kubo among other nodes.

use anyhow::Result;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::{Asked, Kubo, KuboOptions, Told};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = s3();
    scenes.push(metadata());
    scenes.extend(kubo());
    scenes.push(filters());
    scenes
}

// ---------------------------------------------------------------- S3

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ill {
    No,
    /// No `s3:ListBucket`.
    NoListing,
    /// It does not know a header of newer clients.
    NoChecksums,
    /// One key is slowed down.
    HotKey,
    /// A proxy before it takes 1 MiB.
    SmallBodies,
    /// Nobody is let in without credentials.
    NoStrangers,
}

type Objects = Arc<Mutex<BTreeMap<String, (Vec<(String, String)>, Vec<u8>)>>>;

fn error(status: u16, code: &str) -> Told {
    Told::of(
        status,
        "application/xml",
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"),
    )
}

/// A store that keeps what it is given, but for its illness.
fn store(objects: &Objects, ill: Ill, asked: &Asked) -> Told {
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    if ill == Ill::NoStrangers && asked.header("authorization").is_none() {
        return error(403, "AccessDenied");
    }
    if query.contains("list-type=2") {
        return match ill {
            Ill::NoListing => error(403, "AccessDenied"),
            _ => Told::of(
                200,
                "application/xml",
                "<?xml version=\"1.0\"?><ListBucketResult><Name>cache</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>",
            ),
        };
    }
    if ill == Ill::HotKey && path.ends_with("/.sccache_check") {
        return error(503, "SlowDown");
    }
    match asked.method.as_str() {
        "PUT" if ill == Ill::NoChecksums && asked.header("x-amz-checksum-crc32").is_some() => {
            error(501, "NotImplemented")
        }
        "PUT" if ill == Ill::SmallBodies && asked.body.len() > 1 << 20 => {
            let mut told = Told::of(413, "text/html", "<html><h1>413 Request Entity Too Large</h1></html>");
            told.head.push_str("Server: nginx/1.27\r\n");
            told
        }
        "PUT" => {
            let kept = asked.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-")).cloned().collect();
            objects.insert(path.to_owned(), (kept, asked.body.clone()));
            Told::text(200, "")
        }
        "DELETE" => {
            objects.remove(path);
            Told::text(204, "")
        }
        _ => match objects.get(path) {
            Some((headers, body)) => {
                let mut told = Told::of(200, "application/octet-stream", body.clone());
                for (name, value) in headers {
                    told.head.push_str(&format!("{name}: {value}\r\n"));
                }
                told
            }
            None if ill == Ill::NoListing => error(403, "AccessDenied"),
            None => error(404, "NoSuchKey"),
        },
    }
}

/// A store at the scene's own port, in place of the one before.
fn serve_s3(world: &mut World, ill: Ill) -> Result<()> {
    let objects = Objects::default();
    let port = world.serve(move |asked| store(&objects, ill, asked))?;
    world.env("CACHE_S3_ENDPOINT", &format!("http://{}:{port}", world.address()?));
    Ok(())
}

fn s3_policy(world: &mut World, with: &str) {
    world.policy(&format!(
        "[vars.upload]\nenv = \"UPLOAD\"\ntype = \"string\"\ndefault = \"plain\"\n\
         [[check]]\nid = \"s3.store\"\nuse = \"bundled:s3/store\"\ntarget = \"s3\"\nseverity = \"major\"\n\
         timeout = \"20s\"\nwith = {{ {with} }}\n"
    ));
    world.arg("--allow-writes");
    world.env("CACHE_S3_BUCKET", "cache");
    world.env("AWS_REGION", "us-east-1");
    credentials(world);
}

fn credentials(world: &mut World) {
    world.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    world.env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

fn s3() -> Vec<Scene> {
    let store = |name, faults, causes| Scene {
        remedy: |world| serve_s3(world, Ill::No),
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            setup: |world| {
                s3_policy(world, "need = [\"read\", \"write\", \"delete\"]");
                serve_s3(world, Ill::No)
            },
            inject: |world| serve_s3(world, Ill::NoListing),
            ..store("stores/403-for-what-is-not-there", &["F79"], &["s3.missing-is-forbidden"])
        },
        Scene {
            setup: |world| {
                s3_policy(world, "upload = \"${upload}\"");
                serve_s3(world, Ill::NoChecksums)
            },
            inject: |world| {
                world.env("UPLOAD", "checksum");
                Ok(())
            },
            // The client is told to send checksums only where they are required.
            remedy: |world| {
                world.unset("UPLOAD");
                Ok(())
            },
            ..store("stores/checksums-of-newer-clients", &["F82"], &["s3.checksum-refused"])
        },
        Scene {
            setup: |world| {
                s3_policy(world, "constant-key = \".sccache_check\"");
                serve_s3(world, Ill::No)
            },
            inject: |world| serve_s3(world, Ill::HotKey),
            ..store("stores/one-key-for-all-runs", &["F87"], &["s3.hot-key"])
        },
        Scene {
            setup: |world| {
                s3_policy(world, "large-bytes = 2097152");
                serve_s3(world, Ill::No)
            },
            inject: |world| serve_s3(world, Ill::SmallBodies),
            ..store("stores/large-uploads-refused", &["F97"], &["s3.body-limit"])
        },
    ]
}

/// Takes connections and says nothing; ends when it is dropped.
struct Silent(TcpListener);

impl Silent {
    fn on(listener: TcpListener) -> Result<Self> {
        let accepting = listener.try_clone()?;
        std::thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok((stream, _)) = accepting.accept() {
                held.push(stream);
            }
        });
        Ok(Self(listener))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.0).shutdown(std::net::Shutdown::Both);
    }
}

/// The metadata service of EC2, whose answers do not get into the container.
fn metadata() -> Scene {
    Scene {
        setup: |world| {
            s3_policy(world, "metadata-service = \"always\"");
            world.env("container", "docker");
            let listener = {
                let runner = &world.wire()?.runner;
                runner.command(&["ip", "addr", "add", "169.254.169.254/32", "dev", "lo"])?;
                runner.inside(|| TcpListener::bind("169.254.169.254:80"))?
            };
            world.keep("metadata", Silent::on(listener)?);
            serve_s3(world, Ill::NoStrangers)
        },
        inject: |world| {
            world.unset("AWS_ACCESS_KEY_ID");
            world.unset("AWS_SECRET_ACCESS_KEY");
            Ok(())
        },
        remedy: |world| {
            credentials(world);
            Ok(())
        },
        ..Scene::new("stores/metadata-service-out-of-reach", Topology::Wire, &["F86"], &["s3.metadata-hop-limit"])
    }
}

// ---------------------------------------------------------------- Kubo

const EMPTY: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const FOLDER: &str = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354";
const NODE: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

/// What a node among others does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Well,
    NoConnectionsLeft,
    EmptyTable,
    ProviderGone,
}

fn rpc(node: Node, asked: &Asked) -> Told {
    let command = asked.target.trim_start_matches("/api/v0/");
    let (command, query) = command.split_once('?').unwrap_or((command, ""));
    let value = match command {
        "version" => {
            json!({ "Version": "0.43.0", "Commit": "", "Repo": "18", "System": "amd64/linux", "Golang": "go1.25" })
        }
        "repo/stat" => json!({ "RepoSize": 1000, "StorageMax": 10_000_000, "NumObjects": 0 }),
        "config" if query.contains("Watermark") => json!({ "Key": "Datastore.StorageGCWatermark", "Value": 90 }),
        "config" if query.contains("AddrFilters") => json!({ "Key": "Swarm.AddrFilters", "Value": [] }),
        "config" => json!({ "Key": "Addresses.API", "Value": "/ip4/127.0.0.1/tcp/5001" }),
        "swarm/peers" => json!({ "Peers": [{ "Addr": "/ip4/10.0.0.9/tcp/4001", "Peer": NODE }] }),
        "add" => json!({ "Name": "record", "Hash": EMPTY, "Size": "9" }),
        "files/stat" => json!({ "Hash": FOLDER, "Size": 0, "CumulativeSize": 4, "Blocks": 0, "Type": "directory" }),
        "files/ls" => json!({ "Entries": null }),
        "id" => {
            json!({ "ID": NODE, "Addresses": [format!("/ip4/10.0.0.3/tcp/4001/p2p/{NODE}")], "AgentVersion": "kubo/0.43.0" })
        }
        "swarm/resources" => {
            let used = if node == Node::NoConnectionsLeft { 100 } else { 10 };
            json!({ "System": { "ConnsInbound": 100, "ConnsInboundUsage": used, "Memory": "unlimited", "MemoryUsage": 1 } })
        }
        "stats/dht" => {
            let peers = if node == Node::EmptyTable { json!([]) } else { json!([{ "ID": NODE }]) };
            json!({ "Name": "wan", "Buckets": [{ "LastRefresh": "", "Peers": peers }] })
        }
        "routing/findprovs" => json!({
            "Type": 4, "ID": "", "Extra": "", "Responses": [{ "ID": NODE, "Addrs": ["/ip4/192.168.7.7/tcp/4001"] }]
        }),
        "swarm/connect" if node == Node::ProviderGone => {
            return Told::json(
                500,
                &json!({ "Message": "connect failure: failed to dial", "Code": 0, "Type": "error" }),
            );
        }
        "swarm/connect" => json!({ "Strings": [format!("connect {NODE} success")] }),
        "files/rm" | "cat" => return Told::text(200, ""),
        _ => return Told::text(404, "404 page not found\n"),
    };
    Told::json(200, &value)
}

fn serve_kubo(world: &mut World, node: Node) -> Result<()> {
    let port = world.serve(move |asked| rpc(node, asked))?;
    world.env("CACHE_IPFS_API", &format!("http://{}:{port}", world.address()?));
    Ok(())
}

fn ipfs_policy(world: &mut World, with: &str) {
    world.policy(&format!(
        "[[check]]\nid = \"ipfs.node\"\nuse = \"bundled:ipfs/node\"\ntarget = \"ipfs\"\nseverity = \"major\"\n\
         timeout = \"20s\"\nwith = {{ {with} }}\n"
    ));
}

fn kubo() -> Vec<Scene> {
    let among_others = |name, faults, causes| Scene {
        setup: |world| {
            ipfs_policy(world, &format!("need-peers = true, cid = \"{EMPTY}\""));
            serve_kubo(world, Node::Well)
        },
        remedy: |world| serve_kubo(world, Node::Well),
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    let stopped = |name, causes| Scene {
        setup: |world| {
            let log = world.folder().join("daemon.log");
            std::fs::write(&log, "Initializing daemon...\nDaemon is ready\n")?;
            ipfs_policy(world, &format!("log = \"{}\"", log.display()));
            serve_kubo(world, Node::Well)
        },
        remedy: |world| {
            ended(world, "Initializing daemon...\nDaemon is ready\n")?;
            serve_kubo(world, Node::Well)
        },
        ..Scene::new(name, Topology::Here, &["F99"], causes)
    };
    vec![
        Scene {
            inject: |world| serve_kubo(world, Node::NoConnectionsLeft),
            ..among_others("stores/kubo-limits-used-up", &["F42"], &["ipfs.resource-limits"])
        },
        Scene {
            inject: |world| serve_kubo(world, Node::EmptyTable),
            ..among_others("stores/kubo-routing-table-empty", &["F48"], &["ipfs.routing-table-empty"])
        },
        Scene {
            inject: |world| serve_kubo(world, Node::ProviderGone),
            ..among_others("stores/kubo-provider-out-of-reach", &["F49"], &["ipfs.provider-unreachable"])
        },
        Scene {
            inject: |world| {
                ended(world, "Initializing daemon...\nError: lock /data/ipfs/repo.lock: someone else has the lock\n")
            },
            ..stopped("stores/kubo-repository-locked", &["ipfs.repo-locked"])
        },
        Scene {
            inject: |world| {
                ended(
                    world,
                    "Initializing daemon...\nFound outdated fs-repo, migrations need to be run.\nRun migrations now? [y/N] Not running migrations of fs-repo now.\n",
                )
            },
            ..stopped("stores/kubo-repository-outdated", &["ipfs.migration-needed"])
        },
    ]
}

/// A daemon that is not there any more, and what it left in its log.
fn ended(world: &mut World, log: &str) -> Result<()> {
    world.end("service");
    Ok(std::fs::write(world.folder().join("daemon.log"), log)?)
}

/// Two real nodes side by side, one of which filters the network that it is in.
fn filters() -> Scene {
    fn meet(world: &mut World) -> Result<()> {
        let other = world.kept::<Kubo>("other")?.ipfs(&["id", "-f", "<addrs>"])?;
        let address = other.lines().next().unwrap_or_default().to_owned();
        world.kept::<Kubo>("node")?.ipfs(&["swarm", "connect", &address]).map(drop)
    }
    fn filter(world: &mut World, list: &str) -> Result<()> {
        let node = world.kept::<Kubo>("node")?;
        node.ipfs(&["config", "--json", "Swarm.AddrFilters", list])?;
        node.restart()
    }
    Scene {
        needs: &[Need::Kubo],
        setup: |world| {
            ipfs_policy(world, "need-peers = true");
            world.keep("other", Kubo::start(&KuboOptions::default())?);
            let mut node = Kubo::start(&KuboOptions::default())?;
            // The address that it would have in a network of containers.
            node.ipfs(&["config", "--json", "Addresses.AppendAnnounce", "[\"/ip4/172.18.0.3/tcp/4001\"]"])?;
            node.restart()?;
            world.env("CACHE_IPFS_API", &format!("http://{}", node.rpc()));
            world.keep("node", node);
            meet(world)
        },
        inject: |world| filter(world, "[\"/ip4/127.0.0.0/ipcidr/8\", \"/ip4/172.16.0.0/ipcidr/12\"]"),
        remedy: |world| {
            filter(world, "[]")?;
            meet(world)
        },
        ..Scene::new("stores/kubo-filters-its-neighbours", Topology::Here, &["F41"], &["ipfs.address-filters"])
    }
}
