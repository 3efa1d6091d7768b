//! Clocks. The binary under test is static, so its own clock is as good as turned by turning
//! those of all others.

use anyhow::Result;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::{Scripted, Told};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Seconds by which each of three sources is ahead.
type Shifts = Arc<[AtomicI64; 3]>;

pub(crate) fn scenes() -> Vec<Scene> {
    let clock = |name, faults, causes| Scene {
        setup: clocks,
        remedy: |world| turned(world, [0, 0, 0]),
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| turned(world, [1200, 1201, 1199]),
            ..clock("clock/behind", &["F75"], &["clock.wrong"])
        },
        Scene {
            inject: |world| turned(world, [-4000, -4000, -4000]),
            ..clock("clock/ahead", &["F75"], &["clock.wrong"])
        },
        Scene { inject: |world| turned(world, [60, 61, 60]), ..clock("clock/a-minute", &["F75"], &["clock.wrong"]) },
        Scene {
            inject: |world| turned(world, [0, 1200, 0]),
            ..clock("clock/one-source-wrong", &[], &["clock.source-wrong"])
        },
        Scene {
            setup: |world| {
                clocks(world)?;
                api(world)
            },
            inject: |world| turned(world, [1200, 1200, 1200]),
            ..clock("clock/seen-by-others-too", &["F75"], &["clock.wrong"])
        },
    ]
}

/// Three web servers with clocks that are right, and the check.
fn clocks(world: &mut World) -> Result<()> {
    let shifts: Shifts = Arc::default();
    let mut servers = Vec::new();
    for at in 0..3 {
        let shifts = Arc::clone(&shifts);
        servers.push(Scripted::on(world.listener(0)?, move |_| dated(shifts[at].load(Ordering::Relaxed)))?);
    }
    let urls: Vec<String> = servers.iter().map(|server| format!("\"{}/\"", server.url())).collect();
    let n = world.number();
    world.policy(&format!(
        "[targets.clocks{n}]\nkind = \"http\"\naddresses = [{}]\n[[check]]\nid = \"system.clock{n}\"\n\
         use = \"bundled:system/clock\"\ntarget = \"clocks{n}\"\nseverity = \"critical\"\ntimeout = \"10s\"\n",
        urls.join(", ")
    ));
    world.keep("servers", servers);
    world.keep("shifts", shifts);
    Ok(())
}

/// The same servers are an API too, which another check compares its clock with.
fn api(world: &mut World) -> Result<()> {
    let url = world.kept::<Vec<Scripted>>("servers")?[0].url();
    world.policy(&format!(
        "[targets.api]\nkind = \"http\"\nurl = \"{url}\"\n[[check]]\nid = \"origin.api\"\n\
         use = \"bundled:origin/api\"\ntarget = \"api\"\nseverity = \"critical\"\ntimeout = \"10s\"\n"
    ));
    Ok(())
}

fn turned(world: &mut World, by: [i64; 3]) -> Result<()> {
    let shifts = world.kept::<Shifts>("shifts")?;
    for (shift, by) in shifts.iter().zip(by) {
        shift.store(by, Ordering::Relaxed);
    }
    Ok(())
}

fn dated(shift: i64) -> Told {
    let now = Timestamp::now().as_second().saturating_add(shift);
    let date =
        Timestamp::from_second(now).ok().and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    let told = Told::json(200, &serde_json::json!({}));
    Told { head: format!("{}Date: {}\r\n", told.head, date.unwrap_or_default()), ..told }
}
