//! HTTP APIs behind the cache: what they refuse, and what answers in their place.

use anyhow::Result;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::rivals::Ask;
use seaworthy_tests::{CADDY_TOKEN, Scripted, Told};

pub(crate) fn scenes() -> Vec<Scene> {
    let api =
        |name, faults, causes| Scene { setup, remedy: healthy, ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            inject: |world| github(world, 401, r#"{"message":"Bad credentials"}"#, ""),
            ..api("origin/bad-token", &[], &["origin.token-rejected"])
        },
        Scene {
            inject: |world| {
                let limits = "x-ratelimit-remaining: 0\r\nx-ratelimit-limit: 5000\r\n";
                github(world, 403, r#"{"message":"API rate limit exceeded"}"#, limits)
            },
            ..api("origin/rate-limit", &["F98"], &["origin.rate-limited"])
        },
        Scene {
            inject: |world| github(world, 200, "{}", "x-ratelimit-remaining: 7\r\n"),
            ..api("origin/rate-limit-is-near", &["F98"], &["origin.rate-limit-low"])
        },
        Scene {
            inject: |world| github(world, 429, "{}", "retry-after: 60\r\n"),
            ..api("origin/pause-is-asked-for", &["F98"], &["origin.secondary-limit"])
        },
        Scene {
            inject: |world| github(world, 403, "{}", "x-github-sso: required; url=https://x\r\n"),
            ..api("origin/single-sign-on", &[], &["origin.sso-required"])
        },
        Scene {
            inject: |world| github(world, 403, "{}", "x-accepted-github-permissions: contents=read\r\n"),
            ..api("origin/lacks-a-permission", &[], &["origin.scope-missing"])
        },
        Scene {
            inject: |world| github(world, 403, "{}", ""),
            ..api("origin/not-on-the-allow-list", &[], &["origin.forbidden"])
        },
        Scene { inject: |world| github(world, 502, "{}", ""), ..api("origin/out-of-order", &[], &["origin.failing"]) },
        Scene {
            inject: |world| serve(world, |_| told(301, "", "location: https://github.com/\r\n")),
            ..api("origin/web-site-in-place-of-api", &[], &["origin.not-an-api"])
        },
        Scene {
            inject: |world| serve(world, |_| Told::of(403, "text/html", "<!doctype html><title>Log in</title>")),
            ..api("origin/log-in-page", &["F63"], &["origin.intercepted"])
        },
        Scene {
            inject: |world| github(world, 200, "{}", "date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
            ..api("origin/clock", &["F75"], &["origin.clock-skew"])
        },
        Scene {
            inject: |world| {
                github(world, 200, "{}", "github-authentication-token-expiration: 2020-01-02 00:00:00 UTC\r\n")
            },
            ..api("origin/token-ends", &[], &["origin.token-expires"])
        },
        Scene {
            inject: |world| {
                let token = format!("LAB{}_TOKEN", world.number());
                world.unset(&token);
                github(world, 403, "{}", "x-ratelimit-remaining: 0\r\nx-ratelimit-limit: 60\r\n")
            },
            remedy: |world| {
                let token = format!("LAB{}_TOKEN", world.number());
                world.env(&token, CADDY_TOKEN);
                healthy(world)
            },
            ..api("origin/no-token", &["F98"], &["origin.no-token"])
        },
        Scene { inject: |world| Ok(world.end("api")), ..api("origin/not-running", &[], &["origin.unreachable"]) },
    ]
}

/// Where a scene's API listens.
const PORT: u16 = 8080;

fn setup(world: &mut World) -> Result<()> {
    let n = world.number();
    healthy(world)?;
    world.env(&format!("LAB{n}_TOKEN"), CADDY_TOKEN);
    let url = format!("http://{}:{PORT}", world.address()?);
    world.set_policy(
        "api",
        &format!(
            "[vars.lab{n}-token]\nenv = \"LAB{n}_TOKEN\"\ntype = \"secret\"\n\
             [targets.api{n}]\nkind = \"http\"\nurl = \"{url}\"\ncredentials = {{ token = \"${{lab{n}-token}}\" }}\n\
             [[check]]\nid = \"api{n}\"\nuse = \"bundled:origin/api\"\ntarget = \"api{n}\"\nseverity = \"critical\"\ntimeout = \"8s\"\n"
        ),
    );
    world.ask(Ask::Http { url });
    Ok(())
}

fn healthy(world: &mut World) -> Result<()> {
    github(world, 200, "{}", "x-ratelimit-remaining: 4000\r\n")
}

/// Answers as GitHub does, with further headers.
fn github(world: &mut World, status: u16, body: &'static str, headers: &'static str) -> Result<()> {
    serve(world, move |_| {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT");
        let date = if headers.starts_with("date:") { String::new() } else { format!("date: {now}\r\n") };
        let all = format!("x-github-request-id: 0AB1\r\ncontent-type: application/json\r\n{date}{headers}");
        told(status, body, &all)
    })
}

fn told(status: u16, body: &str, headers: &str) -> Told {
    Told { head: format!("HTTP/1.1 {status} Scripted\r\n{headers}"), body: body.as_bytes().to_vec() }
}

fn serve(world: &mut World, answer: impl Fn(&seaworthy_tests::Asked) -> Told + Send + Sync + 'static) -> Result<()> {
    world.end("api");
    let listener = world.listener(PORT)?;
    world.keep("api", Scripted::on(listener, answer)?);
    Ok(())
}
