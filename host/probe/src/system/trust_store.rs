use super::{Context, Row, RowBuilder};
use rustls_native_certs::load_certs_from_paths;
use std::path::Path;

/// Where distributions keep their bundle: Debian and Alpine, Fedora and RHEL, openSUSE, and
/// Alpine's and OpenSSL's own name for it.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Which trusted certificates there are: the system's bundle, and what SSL_CERT_FILE and
/// SSL_CERT_DIR point at, where they are set.
pub(crate) fn inspect(context: &Context) -> Vec<Row> {
    let found = BUNDLES.into_iter().find(|path| Path::new(path).is_file());
    let mut rows = vec![match found {
        Some(path) => source("system", Path::new(path), true),
        None => RowBuilder::default()
            .put("source", "system")
            .put("certificates", 0)
            .put("error", format!("there is none of {}", BUNDLES.join(", ")))
            .done(),
    }];
    let variable = |name: &str| context.environment.text(name).filter(|value| !value.is_empty());
    if let Some(file) = variable("SSL_CERT_FILE") {
        rows.push(source("SSL_CERT_FILE", Path::new(file), true));
    }
    if let Some(folders) = variable("SSL_CERT_DIR") {
        rows.extend(std::env::split_paths(folders).map(|folder| source("SSL_CERT_DIR", &folder, false)));
    }
    rows
}

fn source(name: &str, path: &Path, file: bool) -> Row {
    let found = if file { load_certs_from_paths(Some(path), None) } else { load_certs_from_paths(None, Some(path)) };
    let errors: Vec<String> = found.errors.iter().take(3).map(ToString::to_string).collect();
    let nothing = found.certs.is_empty() && errors.is_empty();
    let error = if nothing { Some("it holds no certificate".to_owned()) } else { Some(errors.join("; ")) };
    RowBuilder::default()
        .put("source", name)
        .put("path", path.display())
        .put("certificates", found.certs.len())
        .known("error", error.filter(|text| !text.is_empty()))
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::Environment;

    fn value<'a>(row: &'a Row, key: &str) -> &'a str {
        row.iter().find(|(k, _)| k == key).map_or("absent", |(_, v)| v)
    }

    #[test]
    fn certificates_are_counted_and_what_cannot_be_read_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
        let bundle = folder.path().join("bundle.pem");
        std::fs::write(&bundle, key.cert.pem()).unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let rows = |file: &Path| {
            let pairs = [("SSL_CERT_FILE".to_owned(), file.display().to_string())];
            inspect(&Context { environment: Environment::from_pairs(pairs) })
        };
        let seen = rows(&bundle);
        assert_eq!((value(&seen[0], "source"), value(&seen[1], "source")), ("system", "SSL_CERT_FILE"));
        assert_eq!((value(&seen[1], "certificates"), value(&seen[1], "error")), ("1", "absent"));
        assert_eq!(value(&rows(&empty)[1], "certificates"), "0");
        assert_ne!(value(&rows(&empty)[1], "error"), "absent");
        let missing = rows(&folder.path().join("missing.pem"));
        assert_eq!(value(&missing[1], "certificates"), "0");
        assert!(value(&missing[1], "error").contains("missing.pem"), "{missing:?}");
    }
}
