//! checks.lock: what each plugin from a registry is, to the byte.

use crate::error::{PolicyError, PolicyErrors};
use crate::file::digest;
use crate::origin::{At, Layer};
use crate::reader::{Block, Reader};
use crate::scalar::{count, prose};
use crate::source::Source;
use crate::{ErrorKind, file};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Version of the format.
const LOCK_VERSION: u64 = 1;

/// The pins of a policy file, by the names of the plugins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// Each plugin from a registry.
    pub plugins: BTreeMap<String, Locked>,
}

/// One plugin, as it was when it was added.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// `source` of checks.toml at that time: an entry holds for no other.
    pub source: String,
    /// `sha256:...` of the manifest.
    pub manifest: String,
    /// `sha256:...` of the component.
    pub component: String,
    /// `sha256:...` of the public key that had signed the manifest, where one had to.
    pub signer: Option<String>,
}

impl Lock {
    /// Where the lock of a policy file is: beside it, with `.lock` in the place of `.toml`.
    #[must_use]
    pub fn path(policy: &Path) -> PathBuf {
        policy.with_extension("lock")
    }

    /// Reads one; `name` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(name: &str, text: &str) -> Result<Self, PolicyErrors> {
        let source = Source::new(name, text);
        read(&source).map_err(|errors| PolicyErrors::from(errors, &[&source]))
    }

    /// As a file: sorted, so that it differs where a pin does and nowhere else.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = String::from(
            "# What each plugin from a registry is, to the byte. Written by `seaworthy plugin add`; keep it under version control.\n",
        );
        let _ = writeln!(text, "version = {LOCK_VERSION}");
        for (name, locked) in &self.plugins {
            let _ = writeln!(text, "\n[plugins.{}]", crate::show::key(name));
            let signer = locked.signer.as_ref();
            let lines = [("source", Some(&locked.source)), ("manifest", Some(&locked.manifest))];
            for (key, value) in lines.into_iter().chain([("component", Some(&locked.component)), ("signer", signer)]) {
                if let Some(value) = value {
                    let _ = writeln!(text, "{key} = {}", toml::Value::String(value.clone()));
                }
            }
        }
        text
    }
}

fn read(source: &Source) -> Result<Lock, Vec<PolicyError>> {
    let mut reader = Reader { source, layer: Layer::File, errors: Vec::new() };
    let (document, syntax) = toml::de::DeTable::parse_recoverable(&source.text);
    if !syntax.is_empty() {
        return Err(syntax.iter().map(|e| file::syntax_error(source, e)).collect());
    }
    let help = "`seaworthy plugin add --update NAME` writes entries anew";
    let mut root = Block::new("", document.get_ref(), 0..0);
    let version = root.req(&mut reader, "version", help, count::<1>);
    if let Some(newer) = version.filter(|version| version.value > LOCK_VERSION) {
        let message = format!("the file has format version {}; this seaworthy reads {LOCK_VERSION}", newer.value);
        return Err(vec![PolicyError::new(ErrorKind::Version, newer.place(), message).help("use a newer seaworthy")]);
    }
    let plugins = root.named(&mut reader, "plugins", |reader, name, value| {
        let mut block = Block::of(format!("[plugins.{name}]"), value, reader)?;
        let source = block.req(reader, "source", help, prose);
        let manifest = block.req(reader, "manifest", help, digest);
        let component = block.req(reader, "component", help, digest);
        let signer = block.opt(reader, "signer", digest);
        block.finish(reader);
        Some(Locked {
            source: source?.value,
            manifest: manifest?.value,
            component: component?.value,
            signer: signer.map(|signer| signer.value),
        })
    });
    root.finish(&mut reader);
    let plugins = plugins.into_iter().map(|(name, At { value, .. })| (name, value)).collect();
    if reader.errors.is_empty() { Ok(Lock { plugins }) } else { Err(reader.errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let locked = |source: &str, signer: Option<&str>| Locked {
            source: source.into(),
            manifest: format!("sha256:{}", "a".repeat(64)),
            component: format!("sha256:{}", "b".repeat(64)),
            signer: signer.map(str::to_owned),
        };
        let signer = format!("sha256:{}", "c".repeat(64));
        let plugins = [
            ("zz".to_owned(), locked("oci://ghcr.io/acme/zz:1", None)),
            ("a.b".to_owned(), locked("oci://ghcr.io/acme/a:1", Some(&signer))),
        ];
        Lock { plugins: plugins.into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = lock().write();
        assert_eq!(Lock::read("checks.lock", &text).unwrap(), lock());
        assert!(text.find("[plugins.\"a.b\"]").unwrap() < text.find("[plugins.zz]").unwrap(), "{text}");
        assert_eq!(Lock::read("checks.lock", "version = 1\n").unwrap(), Lock::default());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let told = |text: &str| Lock::read("checks.lock", text).unwrap_err().to_string();
        assert!(told("version = 2").contains("format version 2"));
        assert!(told("").contains("`version` is missing"));
        let text = lock().write().replace(&"b".repeat(64), "b");
        assert!(
            told(&text).contains("checks.lock:7:13") && told(&text).contains("64 lower-case hex digits"),
            "{}",
            told(&text)
        );
        assert!(told("<<<<<<< HEAD\nversion = 1\n").contains("checks.lock:1"));
        assert!(told("version = 1\n[plugins.a]\nsauce = 1\n").contains("unknown key `sauce`"));
    }

    #[test]
    fn it_lies_beside_its_policy() {
        assert_eq!(Lock::path(Path::new("a/checks.toml")), Path::new("a/checks.lock"));
        assert_eq!(Lock::path(Path::new("ci.policy")), Path::new("ci.lock"));
    }
}
