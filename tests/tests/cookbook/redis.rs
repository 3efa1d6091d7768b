use crate::Here;
use crate::listed::{Listed, fact, obstacle};
use crate::saying::saying;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Program, Scene, free_address, installed};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let plugin = obstacle("redis");
    let redis = plugin.clone().or_else(|| installed("redis-server", "redis-server").err());
    vec![
        Scene::new("a_redis_that_evicts_is_right", |_| healthy()).unless(redis.clone()),
        Scene::new("a_redis_with_a_password_is_told_from_a_wrong_password", |_| passwords()).unless(redis.clone()),
        Scene::new("a_redis_that_is_a_replica_is_told", |_| replica()).unless(redis.clone()),
        Scene::new("a_redis_that_is_full_is_told", |_| full()).unless(redis),
        Scene::new("a_redis_that_loads_is_told", |_| loading()).unless(plugin.clone()),
        Scene::new("what_is_no_redis_is_told", |_| strangers()).unless(plugin),
    ]
}

fn listed(address: SocketAddr) -> Listed {
    Listed::new("redis").at(address)
}

struct Redis {
    _program: Program,
    address: SocketAddr,
}

impl Redis {
    fn start(arguments: &[&str]) -> Result<Self> {
        let program = installed("redis-server", "redis-server").map_err(anyhow::Error::msg)?;
        let address = free_address()?;
        let program = Program::start(address, |folder| {
            let mut command = Command::new(program);
            command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""]);
            command.arg("--dir").arg(folder).args(arguments);
            Ok(command)
        })?;
        Ok(Self { _program: program, address })
    }

    /// Says a line, and answers what comes back first.
    fn say(&self, line: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes)?;
        Ok(String::from_utf8_lossy(bytes.get(..read).context("more than was asked for")?).into_owned())
    }
}

const CACHE: [&str; 4] = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"];

fn healthy() -> Result<()> {
    let redis = Redis::start(&CACHE)?;
    let facts = listed(redis.address).passes()?;
    ensure!(fact(&facts, "redis-role")? == "master" && fact(&facts, "redis-policy")? == "allkeys-lru", "{facts:?}");
    Ok(())
}

fn passwords() -> Result<()> {
    let redis = Redis::start(&[CACHE.as_slice(), &["--requirepass", "scene-password"]].concat())?;
    listed(redis.address).finds("redis.auth-required")?;
    listed(redis.address).with("password = \"another\"").finds("redis.wrong-password")?;
    listed(redis.address).with("password = \"scene-password\"").passes()?;
    listed(redis.address).with("password = \"scene-password\", username = \"nobody\"").finds("redis.wrong-password")?;
    let open = Redis::start(&CACHE)?;
    listed(open.address).with("password = \"scene-password\"").finds("redis.wrong-password").map(|_| ())
}

fn replica() -> Result<()> {
    let master = Redis::start(&CACHE)?;
    let port = master.address.port().to_string();
    let replica = Redis::start(&[CACHE.as_slice(), &["--replicaof", "127.0.0.1", &port]].concat())?;
    listed(replica.address).finds("redis.read-only")?;
    listed(replica.address).with("writes = false").passes().map(|_| ())
}

fn full() -> Result<()> {
    let redis = Redis::start(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"])?;
    listed(redis.address).finds("redis.no-eviction")?;
    let value = "x".repeat(64 << 10);
    let started = Instant::now();
    for number in 0.. {
        let said = redis.say(&format!("SET key{number} {value}"))?;
        if said.starts_with("-OOM") {
            break;
        }
        ensure!(said.starts_with("+OK") && started.elapsed() < Duration::from_secs(30), "{said}");
    }
    // What is used by the connection that filled it goes with it.
    redis.say("CONFIG SET maxmemory 3mb")?;
    let facts = listed(redis.address).finds("redis.full")?;
    ensure!(fact(&facts, "redis-used-percent")?.parse::<u32>()? >= 100, "{facts:?}");
    Ok(())
}

/// A server that loads is too quick for a scene.
fn loading() -> Result<()> {
    let loading = saying(b"-LOADING Redis is loading the dataset in memory\r\n", false)?;
    listed(loading).finds("redis.loading").map(|_| ())
}

fn strangers() -> Result<()> {
    listed(free_address()?).finds("redis.unreachable")?;
    listed(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", true)?).finds("redis.other-protocol")?;
    listed(saying(b"", true)?).finds("redis.no-answer").map(|_| ())
}
