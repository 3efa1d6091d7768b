//! S3 stores: scripted ones on the scene's machine, and real servers that verify
//! signatures where they are installed.

use anyhow::Result;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::rivals::Ask;
use seaworthy_tests::{Asked, Behaviour, Make, ObjectStore, Relay, Reply, Scripted, Told, store_denying, store_says};
use std::net::{IpAddr, SocketAddr};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = scripted();
    scenes.extend(credentials());
    scenes.extend(real());
    scenes
}

/// Where a scene's store listens.
const PORT: u16 = 9000;

/// A store that says yes to everything, and the check on it.
fn setup(world: &mut World) -> Result<()> {
    let n = world.number();
    world.env(&format!("LAB{n}_KEY"), ObjectStore::KEY);
    world.env(&format!("LAB{n}_SECRET"), ObjectStore::SECRET);
    serve(world, store_denying(&[], true))?;
    let url = format!("http://{}:{PORT}", world.address()?);
    look_at(world, &url, "");
    world.ask(Ask::Http { url: format!("{url}/{}", ObjectStore::BUCKET) });
    world.ask(Ask::Tcp { host: world.address()?.to_string(), port: PORT });
    Ok(())
}

/// A store at the scene's machine, in place of the one before.
fn serve<T: Into<Told>>(world: &mut World, script: impl Fn(&Asked) -> T + Send + Sync + 'static) -> Result<()> {
    world.end("store");
    let listener = world.listener(PORT)?;
    world.keep("store", Scripted::on(listener, script)?);
    Ok(())
}

/// The check, with further settings.
fn look_at(world: &mut World, url: &str, settings: &str) {
    let n = world.number();
    let (bucket, region) = (ObjectStore::BUCKET, ObjectStore::REGION);
    world.set_policy(
        "store",
        &format!(
            "[vars.lab{n}-key]\nenv = \"LAB{n}_KEY\"\ntype = \"secret\"\n\
             [vars.lab{n}-secret]\nenv = \"LAB{n}_SECRET\"\ntype = \"secret\"\n\
             [targets.store{n}]\nkind = \"s3\"\nurl = \"{url}\"\n\
             details = {{ bucket = \"{bucket}\", region = \"{region}\" }}\n\
             credentials = {{ key = \"${{lab{n}-key}}\", secret = \"${{lab{n}-secret}}\" }}\n\
             [[check]]\nid = \"store{n}\"\nuse = \"bundled:s3/store\"\ntarget = \"store{n}\"\nseverity = \"critical\"\n\
             timeout = \"20s\"\nwith = {{ need = [\"list\", \"read\"]{settings} }}\n"
        ),
    );
}

fn permitted(world: &mut World) -> Result<()> {
    serve(world, store_denying(&[], true))
}

fn scripted() -> Vec<Scene> {
    let store =
        |name, faults, causes| Scene { setup, remedy: permitted, ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            inject: |world| serve(world, store_says("400 Bad Request", "", "<Code>ExpiredToken</Code>")),
            ..store("s3/expired-token", &[], &["s3.expired-token"])
        },
        Scene {
            inject: |world| serve(world, store_says("400 Bad Request", "", "<Code>InvalidToken</Code>")),
            ..store("s3/invalid-token", &[], &["s3.invalid-token"])
        },
        Scene {
            inject: |world| {
                let times = "<RequestTime>20150830T123600Z</RequestTime><ServerTime>2015-08-30T14:36:00Z</ServerTime>";
                serve(world, store_says("403 Forbidden", "", &format!("<Code>RequestTimeTooSkewed</Code>{times}")))
            },
            ..store("s3/clock", &["F75"], &["s3.clock-skew"])
        },
        Scene {
            inject: |world| {
                let region = "x-amz-bucket-region: us-west-2\r\n";
                let inner = "<Code>PermanentRedirect</Code><Endpoint>b.s3-us-west-2.amazonaws.com</Endpoint>";
                serve(world, store_says("301 Moved Permanently", region, inner))
            },
            ..store("s3/region", &["F80"], &["s3.wrong-region"])
        },
        Scene {
            inject: |world| {
                let inner = "<Code>TemporaryRedirect</Code><Endpoint>elsewhere.test</Endpoint>";
                serve(world, store_says("307 Temporary Redirect", "", inner))
            },
            ..store("s3/redirected", &[], &["s3.redirected"])
        },
        Scene {
            inject: |world| serve(world, store_says("404 Not Found", "", "<Code>NoSuchBucket</Code>")),
            ..store("s3/no-bucket", &[], &["s3.no-bucket"])
        },
        Scene {
            inject: |world| serve(world, store_denying(&[], false)),
            ..store("s3/may-not-list", &["F79"], &["s3.denied"])
        },
        Scene {
            inject: |world| serve(world, store_denying(&["GET"], true)),
            ..store("s3/may-not-read", &[], &["s3.denied"])
        },
        Scene {
            inject: |world| serve(world, |_| Told::of(200, "text/html", "<!doctype html><title>Console</title>")),
            ..store("s3/console-in-place-of-api", &[], &["s3.not-s3"])
        },
        Scene {
            inject: |world| serve(world, store_says("503 Slow Down", "Retry-After: 7\r\n", "<Code>SlowDown</Code>")),
            ..store("s3/slow-down", &["F87"], &["s3.busy"])
        },
        Scene { inject: |world| Ok(world.end("store")), ..store("s3/not-running", &[], &["s3.unreachable"]) },
        Scene {
            inject: |world| {
                let url = format!("https://{}:{PORT}", world.address()?);
                look_at(world, &url, "");
                Ok(())
            },
            remedy: |world| {
                let url = format!("http://{}:{PORT}", world.address()?);
                look_at(world, &url, "");
                Ok(())
            },
            ..store("s3/plain-port-for-tls", &[], &["s3.tls"])
        },
        Scene {
            setup: by_bucket_name,
            inject: |world| {
                world.name(&bucket_name(world), Reply::NoName);
                Ok(())
            },
            remedy: |world| {
                let url = format!("http://store{}.lab.test:{PORT}", world.number());
                look_at(world, &url, ", addressing = \"path\"");
                Ok(())
            },
            ..store("s3/no-name-for-the-bucket", &["F81"], &["s3.virtual-host"])
        },
        Scene {
            inject: |world| {
                let listener = world.listener(3128)?;
                let squid = |_: &Asked| Told::text(407, "Proxy Authentication Required");
                world.keep("proxy", Scripted::on(listener, squid)?);
                let proxy = format!("http://{}:3128", world.address()?);
                world.env("HTTP_PROXY", &proxy);
                Ok(())
            },
            remedy: |world| {
                let host = world.address()?.to_string();
                world.env("NO_PROXY", &host);
                Ok(())
            },
            ..store("s3/proxy-in-between", &["F69"], &["s3.proxy"])
        },
    ]
}

fn bucket_name(world: &World) -> String {
    format!("{}.store{}.lab.test", ObjectStore::BUCKET, world.number())
}

/// A store that is asked with the bucket in the host name.
fn by_bucket_name(world: &mut World) -> Result<()> {
    setup(world)?;
    let here = Reply::Addresses(vec![IpAddr::V4(world.address()?)]);
    let name = format!("store{}.lab.test", world.number());
    world.name(&name, here.clone());
    world.name(&bucket_name(world), here);
    look_at(world, &format!("http://{name}:{PORT}"), ", addressing = \"virtual-host\"");
    Ok(())
}

/// The runner's own half of the credentials.
fn credentials() -> Vec<Scene> {
    let store = |name, faults, causes| Scene {
        setup: |world| {
            setup(world)?;
            serve(world, anonymous_refused)
        },
        remedy: |world| {
            let n = world.number();
            world.env(&format!("LAB{n}_KEY"), ObjectStore::KEY);
            world.env(&format!("LAB{n}_SECRET"), ObjectStore::SECRET);
            Ok(())
        },
        ..Scene::new(name, Topology::Wire, faults, causes)
    };
    vec![
        Scene {
            inject: |world| {
                let n = world.number();
                world.unset(&format!("LAB{n}_KEY"));
                world.unset(&format!("LAB{n}_SECRET"));
                Ok(())
            },
            ..store("s3/no-credentials", &["F94"], &["s3.credentials-missing"])
        },
        Scene {
            inject: |world| {
                let n = world.number();
                world.unset(&format!("LAB{n}_SECRET"));
                Ok(())
            },
            ..store("s3/half-of-the-credentials", &[], &["s3.credentials-incomplete"])
        },
        Scene {
            inject: |world| {
                let n = world.number();
                world.env(&format!("LAB{n}_SECRET"), &format!("{}\n", ObjectStore::SECRET));
                Ok(())
            },
            ..store("s3/pasted-with-a-line-break", &[], &["s3.credentials-whitespace"])
        },
    ]
}

/// Who signs may do everything.
fn anonymous_refused(asked: &Asked) -> (String, String) {
    let signed = asked.header("authorization").is_some();
    if signed { store_denying(&[], true)(asked) } else { store_denying(&["GET", "PUT", "DELETE"], false)(asked) }
}

/// Servers that verify signatures, on this machine's loopback.
fn real() -> Vec<Scene> {
    vec![
        Scene {
            needs: &[Need::S3(Make::JuiceFs)],
            setup: |world| running(world, Make::JuiceFs),
            inject: wrong_secret,
            remedy: right_keys,
            ..Scene::new("s3/juicefs-wrong-secret", Topology::Here, &[], &["s3.wrong-secret"])
        },
        Scene {
            needs: &[Need::S3(Make::JuiceFs)],
            setup: |world| running(world, Make::JuiceFs),
            inject: unknown_key,
            remedy: right_keys,
            ..Scene::new("s3/juicefs-unknown-key", Topology::Here, &[], &["s3.unknown-key"])
        },
        Scene {
            needs: &[Need::S3(Make::S3s)],
            setup: |world| running(world, Make::S3s),
            inject: wrong_secret,
            remedy: right_keys,
            ..Scene::new("s3/s3s-wrong-secret", Topology::Here, &[], &["s3.wrong-secret"])
        },
        Scene {
            needs: &[Need::S3(Make::S3s)],
            setup: |world| running(world, Make::S3s),
            inject: unknown_key,
            remedy: right_keys,
            ..Scene::new("s3/s3s-unknown-key", Topology::Here, &[], &["s3.unknown-key"])
        },
        Scene {
            needs: &[Need::S3(Make::S3s)],
            setup: |world| running(world, Make::S3s),
            inject: |world| world.kept::<Relay>("relay")?.behave(Behaviour::Skew(3600)),
            remedy: |world| world.kept::<Relay>("relay")?.behave(Behaviour::Pass),
            ..Scene::new("s3/s3s-clock", Topology::Here, &["F75"], &["s3.clock-skew"])
        },
    ]
}

fn running(world: &mut World, make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let relay = Relay::http(store.address())?;
    let address: SocketAddr = relay.address();
    world.keep("relay", relay);
    world.keep("store", store);
    right_keys(world)?;
    let url = format!("http://{address}");
    look_at(world, &url, "");
    world.ask(Ask::Http { url: format!("{url}/{}", ObjectStore::BUCKET) });
    Ok(())
}

fn right_keys(world: &mut World) -> Result<()> {
    world.env("LAB0_KEY", ObjectStore::KEY);
    world.env("LAB0_SECRET", ObjectStore::SECRET);
    Ok(())
}

fn wrong_secret(world: &mut World) -> Result<()> {
    world.env("LAB0_SECRET", "another-secret-of-some-length");
    Ok(())
}

fn unknown_key(world: &mut World) -> Result<()> {
    world.env("LAB0_KEY", "another-key-id-of-some-length");
    Ok(())
}
