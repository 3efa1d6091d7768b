//! Caches that work and are of no use, by what they count and by what is tried in them.

use anyhow::Result;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::{Scripted, Told};
use serde_json::{Value, json};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = pages();
    scenes.extend(statistics());
    scenes
}

fn policy(world: &mut World, with: &str) {
    world.policy(&format!(
        "[[check]]\nid = \"cache.effectiveness\"\nuse = \"bundled:cache/effectiveness\"\ntarget = \"usage\"\n\
         severity = \"major\"\ntimeout = \"20s\"\nwith = {{ trial = false, {with} }}\n"
    ));
}

/// A page of metrics at the scene's own port, in place of the one before.
fn page(world: &mut World, text: &'static str) -> Result<()> {
    world.end("page");
    let port = if let Ok(port) = world.kept::<u16>("port") {
        *port
    } else {
        let port = world.free_port()?;
        world.keep("port", port);
        port
    };
    let listener = world.listener(port)?;
    world.keep("page", Scripted::on(listener, move |_| Told::text(200, text))?);
    world.env("CACHE_METRICS_URL", &format!("http://{}:{port}/metrics", world.address()?));
    Ok(())
}

const SPEGEL: &str = "# TYPE spegel_advertised_keys gauge\nspegel_advertised_keys{registry=\"docker.io\"} 40\n\
# TYPE spegel_mirror_requests_total counter\nspegel_mirror_requests_total{registry=\"docker.io\",cache=\"hit\"} 30\n\
spegel_mirror_requests_total{registry=\"docker.io\",cache=\"miss\"} 10\n\
# TYPE spegel_resolve_duration_seconds histogram\nspegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"0.005\"} 38\n\
spegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"10\"} 40\nspegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"+Inf\"} 40\n\
process_start_time_seconds 1700000000\n";
const SPEGEL_UNASKED: &str = "spegel_advertised_keys{registry=\"docker.io\"} 40\nspegel_mirror_last_success_timestamp_seconds 0\nprocess_start_time_seconds 1700000000\n";
const SPEGEL_ALONE: &str = "spegel_advertised_keys{registry=\"docker.io\"} 40\n\
spegel_mirror_requests_total{registry=\"docker.io\",cache=\"miss\"} 40\nprocess_start_time_seconds 1700000000\n";
const SPEGEL_STALLS: &str = "spegel_advertised_keys{registry=\"docker.io\"} 40\n\
spegel_mirror_requests_total{registry=\"docker.io\",cache=\"hit\"} 2\nspegel_mirror_requests_total{registry=\"docker.io\",cache=\"miss\"} 38\n\
spegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"0.005\"} 2\nspegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"10\"} 3\n\
spegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"60\"} 40\nspegel_resolve_duration_seconds_bucket{router=\"libp2p\",le=\"+Inf\"} 40\n\
process_start_time_seconds 1700000000\n";
const BAZEL: &str = "bazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"hit\"} 500\n\
bazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"miss\"} 20\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"contains\",status=\"miss\"} 700\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"get\",status=\"hit\"} 900\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"get\",status=\"miss\"} 0\n";
const BAZEL_TORN: &str = "bazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"hit\"} 500\n\
bazel_remote_incoming_requests_total{kind=\"ac\",method=\"get\",status=\"miss\"} 20\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"contains\",status=\"miss\"} 700\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"get\",status=\"hit\"} 850\n\
bazel_remote_incoming_requests_total{kind=\"cas\",method=\"get\",status=\"miss\"} 50\n";

fn pages() -> Vec<Scene> {
    let spegel = |name, faults, causes| Scene {
        setup: |world| {
            policy(world, "expect-requests = true");
            page(world, SPEGEL)
        },
        remedy: |world| page(world, SPEGEL),
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| page(world, SPEGEL_UNASKED),
            ..spegel("usage/nobody-asks", &["F83"], &["usage.no-requests"])
        },
        Scene {
            inject: |world| page(world, SPEGEL_ALONE),
            ..spegel("usage/peers-are-not-used", &["F84"], &["usage.peers-unused"])
        },
        Scene {
            inject: |world| page(world, SPEGEL_STALLS),
            ..spegel("usage/look-ups-stall", &["F85"], &["usage.lookups-stall"])
        },
        Scene {
            setup: |world| {
                policy(world, "expect-requests = true");
                page(world, BAZEL)
            },
            inject: |world| page(world, BAZEL_TORN),
            remedy: |world| page(world, BAZEL),
            ..Scene::new("usage/index-without-values", Topology::Here, &["F77"], &["usage.index-without-blob"])
        },
    ]
}

/// What `sccache --show-stats --stats-format json` says, with some numbers of its own.
fn stats(world: &mut World, hits: u64, misses: u64, read_errors: u64, writes: [u64; 2]) -> Result<()> {
    let counted = |n: u64| -> Value { json!({ "counts": { "Rust": n }, "adv_counts": {} }) };
    let stats = json!({ "stats": {
        "compile_requests": hits + misses, "cache_hits": counted(hits), "cache_misses": counted(misses),
        "cache_read_errors": read_errors, "cache_timeouts": 0, "cache_writes": writes[0], "cache_write_errors": writes[1],
    } });
    let path = world.folder().join("sccache.json");
    std::fs::write(&path, stats.to_string())?;
    world.env("CACHE_STATS_FILE", &path.display().to_string());
    Ok(())
}

fn log(world: &mut World, text: &str) -> Result<()> {
    let path = world.folder().join("sccache.log");
    std::fs::write(&path, text)?;
    world.env("CACHE_LOG_FILE", &path.display().to_string());
    Ok(())
}

fn statistics() -> Vec<Scene> {
    let sccache = |name, faults, causes| Scene {
        setup: |world| {
            policy(world, "expect-warm = true");
            log(world, "[INFO] sccache: Init s3 cache with bucket cache\n")?;
            stats(world, 40, 10, 0, [10, 0])
        },
        remedy: |world| {
            log(world, "[INFO] sccache: Init s3 cache with bucket cache\n")?;
            stats(world, 40, 10, 0, [10, 0])
        },
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| stats(world, 0, 50, 50, [50, 0]),
            ..sccache("usage/errors-as-misses", &["F76"], &["usage.errors-as-misses"])
        },
        Scene {
            inject: |world| {
                log(world, "[WARN] storage write check failed: RateLimited (429), storage is ReadOnly\n")?;
                stats(world, 10, 40, 0, [0, 0])
            },
            ..sccache("usage/only-reads-since-its-start", &["F88"], &["usage.read-only"])
        },
        Scene {
            inject: |world| {
                log(world, "[WARN] cache write failed: status 429 too many requests\n")?;
                stats(world, 20, 30, 0, [12, 18])
            },
            ..sccache("usage/writes-are-lost", &["F89"], &["usage.writes-lost"])
        },
        Scene {
            inject: |world| {
                world.env("TURBO_REMOTE_CACHE_SIGNATURE_KEY", "a key that the server drops");
                stats(world, 0, 50, 0, [50, 0])
            },
            remedy: |world| {
                world.unset("TURBO_REMOTE_CACHE_SIGNATURE_KEY");
                stats(world, 40, 10, 0, [10, 0])
            },
            ..sccache("usage/signed-and-never-found", &["F96"], &["usage.signed-never-hits"])
        },
    ]
}
