//! The fault lab: faults that are made for real, and what the diagnosis calls them.
//!
//! A [`Scene`] is data and three small functions. This one needs namespaces, and a
//! server of this process that runs in one of them:
//!
//! ```no_run
//! use anyhow::Result;
//! use seaworthy_tests::faults::{Scene, Topology, World};
//! use seaworthy_tests::rivals::Ask;
//! use seaworthy_tests::{Scripted, Told};
//!
//! pub fn scenes() -> Vec<Scene> {
//!     vec![Scene {
//!         setup: |world| answers(world, 204),
//!         inject: |world| answers(world, 500),
//!         remedy: |world| answers(world, 204),
//!         ..Scene::new("example/bad-status", Topology::Wire, &[], &["http.bad-status"])
//!     }]
//! }
//!
//! fn answers(world: &mut World, status: u16) -> Result<()> {
//!     // The server of before ends first: port 8080 is one of the scene's own machine.
//!     world.end("server");
//!     let listener = world.listener(8080)?;
//!     world.keep("server", Scripted::on(listener, move |_| Told::text(status, ""))?);
//!     let url = format!("http://{}:8080/", world.address()?);
//!     world.set_policy("example", &format!(
//!         "[targets.example]\nkind = \"http\"\nurl = \"{url}\"\n[[check]]\nid = \"example\"\n\
//!          use = \"bundled:net/http\"\ntarget = \"example\"\nseverity = \"critical\"\n"
//!     ));
//!     world.ask(Ask::Http { url });
//!     Ok(())
//! }
//! ```
//!
//! In Docker the machine of a scene is the containers' host, and options of `docker run`
//! are set with [`World::option`]:
//!
//! ```no_run
//! # use seaworthy_tests::faults::{Scene, Topology};
//! # let _ =
//! Scene {
//!     setup: |world| world.serve_peer(),
//!     inject: |world| Ok(world.option("--network", &["none"])),
//!     remedy: |world| Ok(world.option("--network", &["bridge"])),
//!     ..Scene::new("example/no-network", Topology::Docker, &[], &["docker.no-network"])
//! }
//! # ;
//! ```
//!
//! And without any network, where only the environment is wrong:
//!
//! ```no_run
//! # use seaworthy_tests::faults::{Scene, Topology};
//! # let _ =
//! Scene {
//!     setup: |world| world.serve_peer(),
//!     inject: |world| Ok(world.env("CACHE_LISTEN_PORT", "ninety")),
//!     remedy: |world| Ok(world.unset("CACHE_LISTEN_PORT")),
//!     ..Scene::new("example/bad-port", Topology::Here, &[], &["env.invalid"])
//! }
//! # ;
//! ```
//!
//! *Rules for scenes*: what differs between the runs is the fault and nothing else; a
//! scene that keeps to its own machine ([`World::address`], [`World::listener`],
//! [`World::serve_peer`]) can be half of a pair; whatever it starts is kept in the world
//! ([`World::keep`]), which ends it.

mod bench;
mod confusion;
mod files;
mod play;
mod scene;
mod suite;
mod world;

pub use bench::Bench;
pub use confusion::Confusion;
pub use play::{Outcome, play, play_pair};
pub use scene::{Need, Scene, Topology};
pub use suite::{Suite, Trick};
pub use world::World;
