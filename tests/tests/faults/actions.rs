//! GitHub Actions: what a job lacks of what its caches need.

use anyhow::Result;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::rivals::Ask;
use seaworthy_tests::{Asked, Reply, Scripted, Told};
use serde_json::json;
use std::net::IpAddr;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = services();
    scenes.extend(variables());
    scenes.extend(answers());
    scenes.extend(scopes());
    scenes
}

/// The check, with settings and further targets.
fn policy(world: &mut World, targets: &str, with: &str) {
    world.policy(&format!(
        "[[check]]\nid = \"ci.actions\"\nuse = \"bundled:ci/actions\"\ntarget = [{targets}]\nseverity = \"major\"\n\
         timeout = \"15s\"\nwith = {{ {with} }}\n"
    ));
    world.env("GITHUB_ACTIONS", "true");
    world.env("GITHUB_REPOSITORY", "acme/app");
}

/// Both versions of the cache service, of which the first has ended.
fn cache_service(asked: &Asked) -> Told {
    if asked.target.contains("/_apis/artifactcache/") {
        return Told::text(422, "This legacy service is shutting down, effective April 15, 2025.");
    }
    if asked.header("authorization").is_none_or(|value| !value.starts_with("Bearer ")) {
        return Told::json(401, &json!({ "code": "unauthenticated" }));
    }
    Told::json(200, &json!({ "ok": false }))
}

/// A step that has all that it needs of the cache service.
fn cached(world: &mut World) -> Result<()> {
    let port = world.serve(cache_service)?;
    let url = format!("http://{}:{port}/", world.address()?);
    policy(world, "\"actions\"", "cache = \"required\"");
    exported(world, &url);
    world.ask(Ask::Http { url });
    Ok(())
}

fn exported(world: &mut World, url: &str) {
    world.env("ACTIONS_RESULTS_URL", url);
    world.env("ACTIONS_CACHE_URL", url);
    world.env("ACTIONS_CACHE_SERVICE_V2", "true");
    world.env("ACTIONS_RUNTIME_TOKEN", "eyJhbGciOiJub25lIn0.e30.of-this-job");
}

// ---------------------------------------------------------------- services

fn services() -> Vec<Scene> {
    vec![Scene {
        setup: |world| {
            let port = world.serve(|_| Told::text(200, "here"))?;
            world.name("web.lab.test", Reply::Addresses(vec![IpAddr::V4(world.address()?)]));
            world.env("container", "docker");
            world.env("SERVICE_URL", &format!("http://web.lab.test:{port}/"));
            world.policy(&format!(
                "[vars.service]\nenv = \"SERVICE_URL\"\ntype = \"url\"\n\
                 [targets.web]\nkind = \"http\"\nurl = \"${{service}}\"\n\
                 [targets.services]\nkind = \"service\"\naddresses = [\"web.lab.test:{port}\"]\n"
            ));
            policy(world, "\"actions\", \"services\", \"web\"", "cache = \"off\"");
            Ok(())
        },
        inject: |world| {
            let port = *world.kept::<u16>("port")?;
            world.env("SERVICE_URL", &format!("http://127.0.0.1:{port}/"));
            world.ask(Ask::Tcp { host: "127.0.0.1".into(), port });
            Ok(())
        },
        remedy: |world| {
            let port = *world.kept::<u16>("port")?;
            world.env("SERVICE_URL", &format!("http://web.lab.test:{port}/"));
            Ok(())
        },
        ..Scene::new("actions/service-on-localhost", Topology::Wire, &["F22"], &["ci.service-on-localhost"])
    }]
}

// ---------------------------------------------------------------- variables

fn variables() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                cached(world)?;
                world.env("SCCACHE_GHA_ENABLED", "true");
                Ok(())
            },
            inject: |world| {
                for name in
                    ["ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL", "ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RUNTIME_TOKEN"]
                {
                    world.unset(name);
                }
                Ok(())
            },
            remedy: cached,
            ..Scene::new("actions/variables-not-exported", Topology::Here, &["F91"], &["ci.cache-not-exported"])
        },
        Scene {
            setup: cached,
            inject: |world| {
                world.unset("ACTIONS_CACHE_SERVICE_V2");
                Ok(())
            },
            remedy: cached,
            ..Scene::new("actions/first-version-of-the-cache", Topology::Here, &["F90"], &["ci.cache-v1-retired"])
        },
        Scene {
            setup: |world| {
                policy(world, "\"actions\"", "cache = \"off\"");
                world.env("TURBO_TEAM", "acme");
                world.env("TURBO_TOKEN", "a-token-of-the-team");
                Ok(())
            },
            inject: |world| {
                world.unset("TURBO_TOKEN");
                Ok(())
            },
            remedy: |world| {
                world.env("TURBO_TOKEN", "a-token-of-the-team");
                Ok(())
            },
            ..Scene::new("actions/turbo-without-token", Topology::Here, &["F95"], &["ci.remote-cache-token-missing"])
        },
        Scene {
            setup: |world| {
                policy(world, "\"actions\"", "cache = \"off\"");
                world.env("GITHUB_EVENT_NAME", "pull_request");
                world.env("CACHE_P2P_SHARED_SECRET", "one secret of the repository, 32+");
                event(world, "acme/app")
            },
            inject: |world| {
                // What a workflow passes on of a secret that the run does not get.
                world.env("CACHE_P2P_SHARED_SECRET", "");
                event(world, "eve/app")
            },
            remedy: |world| {
                world.env("CACHE_BACKENDS", "disk");
                Ok(())
            },
            ..Scene::new("actions/fork-without-secrets", Topology::Here, &["F94"], &["ci.fork-without-secrets"])
        },
        Scene {
            setup: |world| {
                policy(world, "\"actions\"", "cache = \"off\"");
                world.env("GITHUB_EVENT_NAME", "pull_request");
                world.env("GITHUB_ACTOR", "ann");
                world.env("CACHE_P2P_SHARED_SECRET", "one secret of the repository, 32+");
                event(world, "acme/app")
            },
            inject: |world| {
                world.env("GITHUB_ACTOR", "dependabot[bot]");
                world.env("CACHE_P2P_SHARED_SECRET", "");
                Ok(())
            },
            remedy: |world| {
                world.env("CACHE_P2P_SHARED_SECRET", "one secret, set for Dependabot too");
                Ok(())
            },
            ..Scene::new("actions/dependabot-without-secrets", Topology::Here, &[], &["ci.dependabot-without-secrets"])
        },
    ]
}

/// The runner's file about a pull request from a repository to acme/app.
fn event(world: &mut World, head: &str) -> Result<()> {
    let path = world.folder().join("event.json");
    let event = json!({
        "pull_request": { "head": { "repo": { "full_name": head } }, "base": { "repo": { "full_name": "acme/app" } } },
        "repository": { "full_name": "acme/app", "default_branch": "main" },
    });
    std::fs::write(&path, event.to_string())?;
    world.env("GITHUB_EVENT_PATH", &path.display().to_string());
    Ok(())
}

// ---------------------------------------------------------------- answers

fn answers() -> Vec<Scene> {
    let service = |name, faults, causes| Scene {
        setup: cached,
        remedy: cached,
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| world.serve(|_| Told::json(401, &json!({ "code": "unauthenticated" }))).map(drop),
            ..service("actions/token-of-another-job", &[], &["ci.cache-token-rejected"])
        },
        Scene {
            inject: |world| world.serve(|_| Told::text(429, "slow down")).map(drop),
            ..service("actions/cache-rate-limited", &["F89"], &["ci.cache-rate-limited"])
        },
        Scene {
            inject: |world| {
                world.end("service");
                Ok(())
            },
            ..service("actions/cache-service-down", &[], &["ci.cache-unreachable"])
        },
        Scene {
            setup: |world| {
                let port = world.serve(cache_service)?;
                let blob = world.free_port()?;
                let listener = world.listener(blob)?;
                // What a storage says to whoever names no container.
                world.keep("blob", Scripted::on(listener, |_| Told::text(400, "InvalidQueryParameterValue"))?);
                world.keep("blob-port", blob);
                world.policy(&format!(
                    "[targets.actions]\nkind = \"actions\"\nurl = \"${{actions-results}}\"\n\
                     details = {{ blob = \"http://{}:{blob}/\" }}\ncredentials = {{ token = \"${{actions-token}}\" }}\n",
                    world.address()?
                ));
                policy(world, "\"actions\"", "cache = \"required\"");
                let address = world.address()?;
                exported(world, &format!("http://{address}:{port}/"));
                world.ask(Ask::Tcp { host: address.to_string(), port: blob });
                Ok(())
            },
            inject: |world| {
                let port = world.kept::<u16>("blob-port")?.to_string();
                world.firewall(&["-I", "INPUT", "-p", "tcp", "--dport", &port, "-j", "DROP"])
            },
            remedy: |world| {
                let port = world.kept::<u16>("blob-port")?.to_string();
                world.firewall(&["-D", "INPUT", "-p", "tcp", "--dport", &port, "-j", "DROP"])
            },
            ..Scene::new("actions/storage-blocked", Topology::Wire, &["F92"], &["ci.blob-unreachable"])
        },
    ]
}

// ---------------------------------------------------------------- scopes

/// The list of caches, with entries of some refs.
fn list(refs: &[&str]) -> Told {
    let entries: Vec<_> = refs.iter().map(|one| json!({ "ref": one, "key": "sccache-linux-1" })).collect();
    Told::json(200, &json!({ "total_count": entries.len(), "actions_caches": entries }))
}

fn scopes() -> Vec<Scene> {
    let setup = |world: &mut World| -> Result<()> {
        let port = world.serve(|_| list(&["refs/pull/7/merge", "refs/heads/main"]))?;
        policy(world, "\"actions\"", "cache = \"off\", key = \"sccache-\", default-branch = \"main\"");
        world.env("GITHUB_API_URL", &format!("http://127.0.0.1:{port}"));
        world.env("GITHUB_TOKEN", "ghs_0123456789abcdefghijABCDEFGHIJ012345");
        world.env("GITHUB_REF", "refs/pull/9/merge");
        world.env("GITHUB_BASE_REF", "main");
        Ok(())
    };
    vec![
        Scene {
            setup,
            inject: |world| world.serve(|_| list(&["refs/pull/7/merge", "refs/heads/topic"])).map(drop),
            remedy: |world| world.serve(|_| list(&["refs/pull/7/merge", "refs/heads/main"])).map(drop),
            ..Scene::new("actions/entries-of-other-branches", Topology::Here, &["F93"], &["ci.branch-scope"])
        },
        Scene {
            setup,
            inject: |world| {
                let told = |_: &Asked| Told::json(403, &json!({ "message": "Resource not accessible by integration" }));
                world.serve(told).map(drop)
            },
            remedy: |world| world.serve(|_| list(&["refs/heads/main"])).map(drop),
            ..Scene::new("actions/token-without-permission", Topology::Here, &[], &["ci.token-permission"])
        },
    ]
}
