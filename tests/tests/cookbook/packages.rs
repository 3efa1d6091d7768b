use crate::Here;
use crate::listed::{Listed, fact, obstacle};
use anyhow::{Result, ensure};
use seaworthy_tests::{Program, Scene, Scripted, Told, free_address, server};
use serde_json::json;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let plugin = obstacle("package-proxy");
    let npm = plugin.clone().or_else(|| server(&["packages", "npm"]).err());
    let pypi = plugin.clone().or_else(|| server(&["packages", "pypi"]).err());
    vec![
        Scene::new("a_proxy_of_npm_is_right", |_| of_npm()).unless(npm),
        Scene::new("a_proxy_of_pypi_is_right", |_| of_pypi()).unless(pypi),
        Scene::new("an_index_in_json_is_right", |_| in_json()).unless(plugin.clone()),
        Scene::new("a_login_page_is_no_proxy_of_packages", |_| login()).unless(plugin.clone()),
        Scene::new("a_proxy_of_packages_that_refuses_or_is_down_is_told", |_| refuses()).unless(plugin),
    ]
}

fn npm(address: impl ToString) -> Listed {
    Listed::new("package-proxy").only("packages.npm").at(address).with("kind = \"npm\"")
}

fn pypi(address: impl ToString) -> Listed {
    Listed::new("package-proxy").only("packages.pypi").at(address).with("kind = \"pypi\"")
}

/// Verdaccio with one package, and nobody to ask for others.
fn verdaccio(address: SocketAddr) -> Result<Program> {
    let installed = server(&["packages", "npm"]).map_err(anyhow::Error::msg)?;
    Program::start(address, |folder| {
        let version = json!({ "name": "abbrev", "version": "2.0.0",
            "dist": { "shasum": "0".repeat(40), "tarball": "http://elsewhere/abbrev/-/abbrev-2.0.0.tgz" } });
        let package = json!({ "name": "abbrev", "versions": { "2.0.0": version }, "dist-tags": { "latest": "2.0.0" },
            "time": {}, "_attachments": {}, "_distfiles": {}, "_uplinks": {}, "_rev": "1-1", "users": {} });
        std::fs::create_dir_all(folder.join("storage/abbrev"))?;
        std::fs::write(folder.join("storage/abbrev/package.json"), package.to_string())?;
        let config = "storage: ./storage\npackages:\n  '**':\n    access: $all\nlog: { type: stdout, level: warn }\n";
        std::fs::write(folder.join("config.yaml"), config)?;
        let mut command = Command::new("node");
        command.arg(installed.join("node_modules/verdaccio/bin/verdaccio"));
        command.args(["--config", "config.yaml", "--listen", &address.to_string()]);
        Ok(command)
    })
}

fn of_npm() -> Result<()> {
    let address = free_address()?;
    let _proxy = verdaccio(address)?;
    let url = format!("http://{address}");
    let facts = npm(&url).passes()?;
    ensure!(fact(&facts, "package-ping")? == "true" && fact(&facts, "package-format")? == "npm", "{facts:?}");
    ensure!(fact(&facts, "package-files-host")? == "127.0.0.1", "it rewrites where files are: {facts:?}");
    npm(&url).with("kind = \"npm\", package = \"absent\"").finds("package.not-found")?;
    // Its page for people.
    npm(format!("{url}/-/web/detail")).finds("package.login-page").map(|_| ())
}

/// pypiserver with one file, and nobody to ask for others.
fn of_pypi() -> Result<()> {
    let installed = server(&["packages", "pypi"]).map_err(anyhow::Error::msg)?;
    let address = free_address()?;
    let _proxy = Program::start(address, |folder| {
        let packages = folder.join("packages");
        std::fs::create_dir(&packages)?;
        std::fs::write(packages.join("six-1.16.0-py2.py3-none-any.whl"), "")?;
        let mut command = Command::new(installed.join("bin/pypi-server"));
        command.args(["run", "-i", "127.0.0.1", "-p", &address.port().to_string(), "--disable-fallback"]);
        command.arg(packages);
        Ok(command)
    })?;
    let url = format!("http://{address}/simple");
    let facts = pypi(&url).passes()?;
    ensure!(fact(&facts, "package-format")? == "simple-html", "{facts:?}");
    pypi(&url).with("kind = \"pypi\", package = \"absent\"").finds("package.not-found")?;
    // Without /simple it leads to where the index is.
    pypi(format!("http://{address}")).finds("package.not-proxy").map(|_| ())
}

fn in_json() -> Result<()> {
    let files = json!([{ "filename": "six.whl", "url": "https://files.test/six.whl", "hashes": {} }]);
    let page = json!({ "meta": { "api-version": "1.1" }, "name": "six", "files": files }).to_string();
    let proxy = Scripted::start(move |_| Told::of(200, "application/vnd.pypi.simple.v1+json", page.clone()))?;
    let facts = pypi(proxy.url()).passes()?;
    ensure!(fact(&facts, "package-files-host")? == "files.test", "{facts:?}");
    Ok(())
}

fn login() -> Result<()> {
    let portal =
        Scripted::start(|_| Told::of(200, "text/html", "<html><form action='/login'><a href='/help'>help</a>"))?;
    npm(portal.url()).finds("package.login-page")?;
    pypi(portal.url()).finds("package.login-page").map(|_| ())
}

fn refuses() -> Result<()> {
    let proxy = Scripted::start(|_| Told::json(401, &json!({ "error": "sign in" })))?;
    npm(proxy.url()).finds("package.refuses")?;
    pypi(format!("http://{}", free_address()?)).finds("package.unreachable").map(|_| ())
}
