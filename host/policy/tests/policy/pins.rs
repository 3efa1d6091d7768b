use crate::support::Case;
use seaworthy_policy::RegistryPlugin;
use std::path::PathBuf;

const TAG: &str = "version = 1\n[plugins.acme]\nsource = 'oci://ghcr.io/acme/banner:1'\n";

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

fn lock(source: &str) -> String {
    format!(
        "version = 1\n[plugins.acme]\nsource = '{source}'\nmanifest = '{}'\ncomponent = '{}'\n",
        digest("a"),
        digest("b")
    )
}

fn only(case: Case<'_>) -> RegistryPlugin {
    let mut plugins = case.load().unwrap().registry_plugins().unwrap();
    assert_eq!(plugins.len(), 1);
    plugins.remove(0)
}

fn refused(text: &str, lock: Option<&str>) -> String {
    let case = Case::file(text);
    let case = if let Some(lock) = lock { case.lock(lock) } else { case };
    case.load().unwrap().registry_plugins().unwrap_err().to_string()
}

#[test]
fn the_lock_pins_a_tag() {
    let lock = lock("oci://ghcr.io/acme/banner:1");
    let plugin = only(Case::file(TAG).lock(&lock));
    assert_eq!((plugin.manifest, plugin.component), (Some(digest("a")), Some(digest("b"))));
    assert_eq!(plugin.reference.to_string(), "oci://ghcr.io/acme/banner:1");
    assert_eq!(plugin.keys, None);
    assert!(!plugin.plain_http);
    let shown = Case::file(TAG).lock(&lock).load().unwrap().show_config(&Default::default());
    assert!(
        shown.contains(&format!("# manifest {}, component {}  # checks.lock", digest("a"), digest("b"))),
        "{shown}"
    );
}

#[test]
fn a_tag_that_nothing_pins_is_an_error_where_it_is_run() {
    let told = refused(TAG, None);
    assert!(told.contains("checks.toml:3:10: plugin `acme` is named by a tag, which may be moved"), "{told}");
    assert!(told.contains("checks.lock does not pin it") && told.contains("plugin add --update acme"), "{told}");
    let told = refused(TAG, Some(&lock("oci://ghcr.io/acme/banner:0")));
    assert!(told.contains("checks.lock pins it as oci://ghcr.io/acme/banner:0"), "{told}");
}

#[test]
fn the_policy_pins_by_manifest_or_component() {
    let manifest = TAG.replace(":1'", &format!(":1@{}'", digest("c")));
    let plugin = only(Case::file(&manifest));
    assert_eq!((plugin.manifest, plugin.component), (Some(digest("c")), None));
    let component = format!("{TAG}digest = '{}'\n", digest("d"));
    let plugin = only(Case::file(&component));
    assert_eq!((plugin.manifest, plugin.component), (None, Some(digest("d"))));
}

#[test]
fn pins_that_contradict_each_other_are_an_error() {
    let text = format!("{TAG}digest = '{}'\n", digest("c"));
    let told = refused(&text, Some(&lock("oci://ghcr.io/acme/banner:1")));
    assert!(told.contains("checks.toml:4:10") && told.contains("another than checks.lock says: sha256:bbbb"), "{told}");
    let source = format!("oci://ghcr.io/acme/banner:1@{}", digest("c"));
    let text = TAG.replace("oci://ghcr.io/acme/banner:1", &source);
    let told = refused(&text, Some(&lock(&source)));
    assert!(told.contains("checks.lock says sha256:aaaa"), "{told}");
}

#[test]
fn who_must_have_signed() {
    let pinned = format!("{TAG}digest = '{}'\n", digest("d"));
    let keys = |more: &str| only(Case::file(&format!("{pinned}{more}"))).keys;
    assert_eq!(keys("[signatures]\nkeys = ['a.pub', '/b.pub']\n"), Some(vec!["a.pub".into(), "/b.pub".into()]));
    assert_eq!(keys("[signatures]\nkeys = ['a.pub']\nrequire = false\n"), None);
    assert_eq!(keys("signed-by = ['own.pub']\n"), Some(vec![PathBuf::from("own.pub")]));
    assert_eq!(keys("signed-by = ['own.pub']\n[signatures]\nkeys = ['a.pub']\n"), Some(vec!["own.pub".into()]));
    let told = Case::file(&format!("{pinned}[signatures]\nrequire = true\n")).load_error();
    assert!(told.contains("checks.toml:6:11: plugin `acme` must be signed, and nothing says by whom"), "{told}");
}

#[test]
fn what_is_said_of_a_registry_is_not_said_of_a_file() {
    let told = Case::file("version = 1\n[plugins.a]\nsource = 'file:a.wasm'\nplain-http = true\nsigned-by = ['a']\n")
        .load_error();
    assert!(told.contains("checks.toml:4:14: `plain-http` of plugin `a` is said of a registry"), "{told}");
    assert!(told.contains("checks.toml:5:13: `signed-by` of plugin `a` is said of a registry"), "{told}");
    let plain = format!("{TAG}digest = '{}'\nplain-http = true\n", digest("d"));
    assert!(only(Case::file(&plain)).plain_http);
}
