//! The cookbook's adapter of Bazel's HTTP cache: before bazel-remote, which checks what is
//! stored, and before a web server with WebDAV, which does not.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::Result;
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{BazelRemote, NoStage, Program, build_cookbook, free_address, installed};
use std::net::SocketAddr;
use std::process::Command;

pub(crate) fn by_bazel_remote() -> Store {
    Store { name: "bazel-remote", start: bazel_remote }
}

pub(crate) fn by_nginx() -> Store {
    Store { name: "bazel-webdav", start: nginx }
}

fn place(server: SocketAddr, credentials: &str) -> Result<Place> {
    let policy = format!(
        "[vars]\nbazel-cache = {{ env = \"BAZEL\", type = \"secret\" }}\n[targets.bazel]\nkind = \"http\"\n\
         url = \"http://{server}\"\ncredentials = {{ authorization = \"${{bazel-cache}}\" }}\n\
         [tiers.bazel]\nadapter = \"bazel-http\"\ntarget = \"bazel\"\nwith = {{ timeout-ms = 20000 }}\n"
    );
    let component = build_cookbook()?.join("bazel_http.wasm");
    Place::new("bazel", &policy, &[("BAZEL", credentials)]).plugin("bazel-http", &component)
}

fn bazel_remote() -> Result<Running, NoStage> {
    if let Some(why) = BazelRemote::obstacle() {
        return Err(NoStage::Unavailable(why));
    }
    let cache = BazelRemote::with_password()?;
    let server = cache.http();
    let wrong = place(server, "cache:another-password")?;
    Ok(Running::new(place(server, BazelRemote::CREDENTIALS)?.keeping(cache))
        .through_http(server, |relay| place(relay, BazelRemote::CREDENTIALS))
        .with(Fault::WrongCredentials, Breakage::At(wrong))
        .without(&[Fault::Skewed], "a cache judges no clock; a value from the future is one of the cases"))
}

fn nginx() -> Result<Running, NoStage> {
    let program = installed("nginx", "nginx-light").map_err(NoStage::Unavailable)?;
    let server = free_address()?;
    let nginx = Program::start(server, |folder| {
        let root = folder.join("cache");
        std::fs::create_dir_all(&root)?;
        // Its workers are nobody's.
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        let file = folder.join("nginx.conf");
        let text = format!(
            "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_max_body_size 64m;\nclient_body_temp_path {0}/body;\nproxy_temp_path {0}/proxy;\n\
             fastcgi_temp_path {0}/fastcgi;\nuwsgi_temp_path {0}/uwsgi;\nscgi_temp_path {0}/scgi;\n\
             server {{\nlisten {server};\nroot {0}/cache;\nlocation / {{\ndav_methods PUT;\ncreate_full_put_path on;\n\
             dav_access user:rw group:rw all:rw;\n}}\n}}\n}}\n",
            folder.display()
        );
        std::fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(file);
        Ok(command)
    })?;
    let for_everybody = "nobody:asks";
    Ok(Running::new(place(server, for_everybody)?.keeping(nginx))
        .through_http(server, move |relay| place(relay, for_everybody))
        .without(&[Fault::WrongCredentials], "this server wants none; the store `bazel-remote` has it")
        .without(&[Fault::Skewed], "a cache judges no clock; a value from the future is one of the cases"))
}
