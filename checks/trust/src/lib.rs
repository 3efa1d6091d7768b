//! `net/tls`: whose certificates are shown, and who trusts them.
//!
//! [`judge`] decides and does not call the host; this asks.

pub mod certificate;
pub mod judge;

use judge::{Leaf, Shown, Store};
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::net::tls;
use seaworthy_check_sdk::{
    Check, CitedFinding, Context, ContextExt, Evidence, Findings, Outcome, argument, endpoint, query, row_value,
};

seaworthy_check_sdk::descriptor!();

/// Variables that name files of certificates, and who reads them.
const BUNDLES: [(&str, &str); 5] = [
    ("SSL_CERT_FILE", "OpenSSL, Go, rustls with native roots"),
    ("SSL_CERT_DIR", "OpenSSL, Go, rustls with native roots"),
    ("NODE_EXTRA_CA_CERTS", "Node.js"),
    ("REQUESTS_CA_BUNDLE", "Python requests"),
    ("CURL_CA_BUNDLE", "curl, Python requests"),
];
/// Targets that are looked at; three handshakes each.
const TARGETS: usize = 16;

/// The check.
pub struct Trust;

impl Check for Trust {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let targets: Vec<(String, String)> = context
            .addresses()
            .into_iter()
            .filter_map(|address| Some((tls_socket(&address)?, address)))
            .take(TARGETS)
            .collect();
        if targets.is_empty() {
            // Asking for nothing is an observation too: the check ran and had no target.
            let seen = vars::read(&[]);
            let reason = "none of the check's targets speaks TLS";
            return Ok(Findings::new().not_configured(reason, Evidence::one(seen.id)));
        }
        let machine = Machine::look();
        let handshakes = tls::handshake(&attempts(&targets, context.budget - context.budget / 10));
        let evidence = Evidence::of(handshakes.iter().map(|seen| seen.id))?.with(machine.ids.iter().copied());
        let looked: Vec<Looked> = targets
            .iter()
            .zip(handshakes.chunks(ROOTS.len()))
            .filter_map(|((socket, address), seen)| Looked::of(socket, address, seen))
            .collect();
        Ok(report(&looked, &machine, evidence))
    }
}

seaworthy_check_sdk::export_check!(Trust);

/// Who judges, in the order asked.
const ROOTS: [&str; 3] = ["native", "bundled", "none"];

/// `host:port` of a target that is meant to speak TLS: not one whose scheme says otherwise.
fn tls_socket(address: &str) -> Option<String> {
    let plain = address.split_once("://").is_some_and(|(scheme, _)| !matches!(scheme, "https" | "wss" | "tls"));
    if plain || address.starts_with('/') {
        return None;
    }
    endpoint::socket(address)
}

fn attempts(targets: &[(String, String)], timeout: u32) -> Vec<tls::Attempt> {
    let of = |socket: &String| {
        ROOTS.map(|roots| tls::Attempt {
            target: socket.clone(),
            server_name: None,
            // Any TLS server takes a client that asks for nothing.
            alpn: Vec::new(),
            roots: roots.into(),
            timeout,
        })
    };
    targets.iter().flat_map(|(socket, _)| of(socket)).collect()
}

/// What this machine trusts, and by which variables.
#[derive(Clone, Debug, Default)]
struct Machine {
    ids: Vec<u32>,
    store: Store,
    /// Variables that are set.
    set: Vec<(&'static str, String)>,
    /// Those whose file is not there, with the path.
    dangling: Vec<(&'static str, String)>,
}

impl Machine {
    fn look() -> Self {
        let names: Vec<String> = BUNDLES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let read = vars::read(&names);
        let set: Vec<(&'static str, String)> = BUNDLES
            .iter()
            .filter_map(|(name, _)| {
                let variable = read.variables.iter().find(|variable| variable.name == *name)?;
                let value = variable.value.clone().filter(|value| !value.is_empty())?;
                Some((*name, value))
            })
            .collect();
        let paths = set.iter().flat_map(|(name, value)| paths(name, value)).filter(|path| path.starts_with('/'));
        let seen = system::inspect(&[
            query("trust-store", Vec::new()),
            query("paths", paths.map(|path| argument("path", path)).collect()),
        ]);
        let rows = |at: usize| seen.get(at).and_then(|one| one.outcome.as_ref().ok()).cloned();
        Self {
            ids: std::iter::once(read.id).chain(seen.iter().map(|one| one.id)).collect(),
            store: store(rows(0)),
            dangling: gone(&set, &rows(1).unwrap_or_default()),
            set,
        }
    }
}

/// The paths of a variable: only SSL_CERT_DIR is a list.
fn paths<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    if name == "SSL_CERT_DIR" { value.split(':').filter(|path| !path.is_empty()).collect() } else { vec![value] }
}

/// Variables that lead to nothing. *Behaviour*: one folder of a list is enough, and a path that
/// was not looked at may be there.
fn gone(set: &[(&'static str, String)], rows: &[Vec<(String, String)>]) -> Vec<(&'static str, String)> {
    let missing = |path: &&str| {
        let row = rows.iter().find(|row| row_value(row, "path") == Some(*path));
        row.is_some_and(|row| row_value(row, "exists") == Some("false"))
    };
    let all = |(name, value): &&(&'static str, String)| {
        let paths = paths(name, value);
        !paths.is_empty() && paths.iter().all(missing)
    };
    set.iter().filter(all).cloned().collect()
}

fn store(rows: Option<Vec<Vec<(String, String)>>>) -> Store {
    let Some(rows) = rows else { return Store::default() };
    let number = |row: &[(String, String)]| row_value(row, "certificates").and_then(|text| text.parse::<u64>().ok());
    // A single count that cannot be read makes the sum unknown.
    let sum = |wanted: fn(&str) -> bool| -> Option<u64> {
        rows.iter().filter(|row| row_value(row, "source").is_some_and(wanted)).map(|row| number(row)).sum()
    };
    let variable = rows.iter().filter_map(|row| row_value(row, "source")).find(|source| replaces(source));
    match variable {
        // The variables replace what the system has, and programs read what both lead to.
        Some(name) => {
            let certificates = sum(replaces);
            Store { certificates, replaced: Some((name.to_owned(), certificates)) }
        }
        None => Store { certificates: sum(|source| source == "system"), replaced: None },
    }
}

/// Whether a variable takes the place of the machine's store; the others add to it, or are of
/// one program.
fn replaces(variable: &str) -> bool {
    variable.starts_with("SSL_CERT_")
}

/// A target with what was seen of it.
#[derive(Clone, Debug)]
struct Looked {
    address: String,
    shown: Shown,
    names: Vec<String>,
    details: Vec<(String, String)>,
    version: Option<String>,
    ids: Vec<u32>,
}

impl Looked {
    fn of(socket: &str, address: &str, seen: &[tls::Seen]) -> Option<Self> {
        let [native, bundled, nobody] = seen else { return None };
        let ended = |seen: &tls::Seen| match &seen.outcome {
            Ok(_) => Ok(()),
            // A time-out during the handshake is not one of the connection.
            Err(failure) if failure.kind == "timeout" && failure.stage == "tls" => Err("timeout-tls".to_owned()),
            Err(failure) => Err(failure.kind.clone()),
        };
        let session = seen.iter().find_map(|one| one.outcome.as_ref().ok());
        let refused = seen
            .iter()
            .filter_map(|one| one.outcome.as_ref().err())
            .find(|f| row_value(&f.details, "issuer").is_some());
        let details = session.map(|session| &session.details).or(refused.map(|failure| &failure.details));
        let of = |key: &str| details.and_then(|all| row_value(all, key)).map(str::to_owned);
        let chain =
            session.map(|session| session.chain.len()).or_else(|| of("chain-length")?.parse().ok()).unwrap_or(0);
        let leaf = of("issuer").map(|issuer| Leaf { subject: of("subject").unwrap_or_default(), issuer, chain });
        let failure = nobody.outcome.as_ref().err().or(native.outcome.as_ref().err());
        let shown = Shown {
            host: endpoint::host(socket).to_owned(),
            native: ended(native),
            bundled: ended(bundled),
            nobody: ended(nobody),
            leaf,
            message: failure.map(|failure| failure.message.clone()).unwrap_or_default(),
        };
        let keys = ["subject", "issuer", "not-before", "not-after"];
        Some(Self {
            address: address.to_owned(),
            shown,
            names: session
                .and_then(|session| session.chain.first())
                .map(|der| certificate::names(der))
                .unwrap_or_default(),
            details: keys.iter().filter_map(|key| Some(((*key).to_owned(), of(key)?))).collect(),
            version: session.map(|session| session.version.clone()),
            ids: seen.iter().map(|one| one.id).collect(),
        })
    }

    fn detail(&self, key: &str) -> &str {
        row_value(&self.details, key).unwrap_or("unknown")
    }
}

fn report(looked: &[Looked], machine: &Machine, evidence: Evidence) -> Outcome {
    let mut findings = Findings::new();
    let shown: Vec<Shown> = looked.iter().map(|one| one.shown.clone()).collect();
    let interceptors = judge::interceptors(&shown);
    let replacing = machine.dangling.iter().find(|(name, _)| replaces(name));
    let (mut unreached, mut told) = (Vec::new(), Vec::new());
    for one in looked {
        let trusted = one.shown.native.is_ok();
        match (judge::one(&one.shown, &machine.store), replacing) {
            // Nobody is trusted since the file that replaces the store is not there.
            (Some(code), Some((name, path))) if code.code == codes::TLS_NO_ROOTS.code => {
                findings.add(dangling(&one.address, name, path, machine));
                told.push(*name);
            }
            (Some(code), _) => findings.add(telling(one, code, machine, &interceptors)),
            (None, _) if !trusted => unreached.push(one.address.as_str()),
            (None, _) => {}
        }
    }
    for (name, path) in machine.dangling.iter().filter(|(name, _)| !told.contains(name)) {
        findings.add(dangling(name, name, path, machine));
    }
    let trusted = looked.iter().filter(|one| one.shown.native.is_ok()).count();
    findings.fact(facts::TLS_TRUSTED, trusted, &evidence);
    findings.fact(facts::TLS_TARGETS, looked.len(), &evidence);
    if let Some(count) = machine.store.certificates {
        findings.fact(facts::TRUSTED_ROOTS, count, &evidence);
    }
    if let Some(version) = looked.iter().filter_map(|one| one.version.as_deref()).min() {
        findings.fact(facts::TLS_VERSION, version, &evidence);
    }
    if findings.is_empty() && !unreached.is_empty() && unreached.len() == looked.len() {
        let reason = format!("no TLS handshake came about with {}: not reached", unreached.join(", "));
        return findings.inconclusive(reason, evidence);
    }
    let summary = format!("this machine trusts the certificates of {trusted} of {} targets", looked.len());
    findings.conclude(summary, evidence)
}

fn telling(one: &Looked, code: seaworthy_check_sdk::Code, machine: &Machine, interceptors: &[String]) -> CitedFinding {
    let host = &one.shown.host;
    let (issuer, subject) = (one.detail("issuer"), one.detail("subject"));
    let message = match code.code {
        "tls.intercepted" => format!(
            "the certificate of {host} is signed by {issuer}, which is no public authority: somebody stands in between"
        ),
        "tls.store-replaced" => {
            let (name, count) = machine.store.replaced.clone().unwrap_or_default();
            let count = counted(count);
            format!(
                "{name} replaces this machine's store with {count} certificates, and the authority of {host} ({issuer}) is not among them"
            )
        }
        "tls.no-roots" => format!("this machine trusts nobody: no root certificate was found, so {host} is refused"),
        "tls.old-store" => format!(
            "a public authority signed the certificate of {host} ({issuer}), and this machine's store does not lead to it"
        ),
        "tls.private-authority" => {
            format!("the certificate of {host} is signed by {issuer}, which this machine does not know")
        }
        "tls.self-signed" => format!("the certificate of {host} is signed by itself ({subject})"),
        "tls.incomplete-chain" => format!(
            "{host} sends {} certificates, and the one of {issuer}, which signed for it, is missing",
            one.shown.leaf.as_ref().map_or(0, |leaf| leaf.chain)
        ),
        "tls.expired" => format!("the certificate of {host} ended {}", one.detail("not-after")),
        "tls.not-yet-valid" => format!("the certificate of {host} begins {} only", one.detail("not-before")),
        "tls.name-mismatch" => format!("the certificate is for {}, not for {host}", named(one)),
        "tls.old-protocol" => format!("{host} speaks no TLS newer than 1.1: {}", one.shown.message),
        "tls.not-tls" => format!("{host} answers, and not in TLS: {}", one.shown.message),
        _ => format!("the TLS handshake with {host} fails, whoever judges: {}", one.shown.message),
    };
    let kind = one.shown.native.as_ref().err().map_or("accepted", String::as_str);
    let mut finding = code.at(&one.address).message(message).observed(kind).detail("kind", kind).detail("host", host);
    for (key, value) in &one.details {
        finding = finding.detail(key, value);
    }
    if let Some((name, count)) = &machine.store.replaced {
        finding = finding.detail("variable", name).detail("certificates", counted(*count));
    }
    if code.code == "tls.intercepted" {
        let native = if one.shown.native.is_ok() { "trusted" } else { "refused" };
        finding = finding.detail("here", native);
        let unset: Vec<&str> = BUNDLES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| machine.set.iter().all(|(set, _)| set != name))
            .collect();
        finding = finding.detail("unset", unset.join(", "));
        // One server with a strange certificate may be its owner's doing; several may not.
        if !interceptors.iter().any(|one| one == issuer) {
            finding = finding.likely();
        }
    }
    if matches!(code.code, "tls.incomplete-chain" | "tls.expired" | "tls.not-yet-valid") {
        // The clock, or another server behind the name, could contradict it.
        finding = finding.likely();
    }
    if code.code == "tls.store-replaced" && one.shown.bundled.is_err() {
        // The issuer is taken at its word to be a public authority.
        finding = finding.likely();
    }
    let cited = finding.cite(one.ids[0]);
    one.ids.iter().chain(&machine.ids).fold(cited, |finding, id| finding.and(*id))
}

fn named(one: &Looked) -> String {
    if one.names.is_empty() { one.detail("subject").to_owned() } else { one.names.join(", ") }
}

fn counted(certificates: Option<u64>) -> String {
    certificates.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string())
}

fn dangling(target: &str, name: &str, path: &str, machine: &Machine) -> CitedFinding {
    let reader = BUNDLES.iter().find(|(known, _)| *known == name).map_or("programs", |(_, reader)| *reader);
    let elsewhere = machine.store.certificates.is_some_and(|count| count > 0);
    let (level, then) = match name {
        "NODE_EXTRA_CA_CERTS" => ("warn", format!("{reader} goes on without what it was to hold")),
        _ if replaces(name) && elsewhere => {
            ("warn", format!("{reader} use what the other variable leads to, and nothing of this one"))
        }
        _ => ("fail", format!("{reader} will refuse every certificate")),
    };
    let ids = &machine.ids;
    let finding = codes::TLS_BUNDLE_MISSING
        .at(target)
        .message(format!("{name} names {path}, which does not exist: {then}"))
        .level(level)
        .observed(path)
        .detail("variable", name)
        .detail("path", path)
        .detail("reader", reader);
    let cited = finding.cite(ids.first().copied().unwrap_or_default());
    ids.iter().fold(cited, |finding, id| finding.and(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_tls_by_its_notation() {
        for (address, expected) in [
            ("https://a.test/x", Some("a.test:443")),
            ("a.test:8443", Some("a.test:8443")),
            ("http://a.test/", None),
            ("redis://a.test", None),
            ("/ip4/10.0.0.1/tcp/9100", None),
            ("a.test", None),
        ] {
            assert_eq!(tls_socket(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_variable_replaces_the_store() {
        let row = |source: &str, certificates: &str| {
            vec![("source".to_owned(), source.to_owned()), ("certificates".to_owned(), certificates.to_owned())]
        };
        assert_eq!(store(None), Store::default(), "unknown is not empty");
        assert_eq!(store(Some(vec![row("system", "140")])).certificates, Some(140));
        let both = store(Some(vec![row("system", "140"), row("SSL_CERT_FILE", "1")]));
        assert_eq!(both, Store { certificates: Some(1), replaced: Some(("SSL_CERT_FILE".into(), Some(1))) });
        assert_eq!(store(Some(vec![row("system", "?")])).certificates, None);
    }

    #[test]
    fn a_list_of_folders_is_gone_when_all_of_them_are() {
        let row = |path: &str, exists: &str| {
            vec![("path".to_owned(), path.to_owned()), ("exists".to_owned(), exists.to_owned())]
        };
        let set = |name: &'static str, value: &str| vec![(name, value.to_owned())];
        let rows = [row("/a", "false"), row("/b", "true"), row("/c", "false"), row("/x:y.pem", "true")];
        assert!(gone(&set("SSL_CERT_DIR", "/a:/b"), &rows).is_empty());
        assert_eq!(gone(&set("SSL_CERT_DIR", "/a:/c"), &rows).len(), 1);
        assert!(gone(&set("SSL_CERT_DIR", "/a:relative"), &rows).is_empty(), "not looked at");
        assert!(gone(&set("SSL_CERT_DIR", ":"), &rows).is_empty(), "no folder is named");
        assert!(gone(&set("SSL_CERT_FILE", "/x:y.pem"), &rows).is_empty(), "one path with a colon");
        assert_eq!(gone(&set("SSL_CERT_FILE", "/a"), &rows).len(), 1);
        let machine = |certificates| Machine {
            ids: vec![4],
            dangling: set("SSL_CERT_FILE", "/a"),
            store: Store { certificates, replaced: Some(("SSL_CERT_FILE".into(), certificates)) },
            ..Machine::default()
        };
        let level = |certificates| {
            let seen = [looked("a.test", Ok(()), Ok(()))];
            report(&seen, &machine(certificates), Evidence::one(1)).findings[0].level.clone()
        };
        assert_eq!((level(Some(0)).as_str(), level(Some(130)).as_str()), ("fail", "warn"), "the folder holds them");
    }

    #[test]
    fn one_unreadable_count_is_not_none() {
        let row = |source: &str, certificates: &str| {
            vec![("source".to_owned(), source.to_owned()), ("certificates".to_owned(), certificates.to_owned())]
        };
        assert_eq!(store(Some(vec![row("system", "140"), row("SSL_CERT_FILE", "?")])).certificates, None);
        let both = store(Some(vec![row("SSL_CERT_FILE", "1"), row("SSL_CERT_DIR", "130"), row("SSL_CERT_DIR", "9")]));
        assert_eq!(both.certificates, Some(140), "programs read both");
    }

    fn looked(address: &str, native: Result<(), &str>, nobody: Result<(), &str>) -> Looked {
        let of = |ended: Result<(), &str>| ended.map_err(str::to_owned);
        Looked {
            address: address.into(),
            shown: Shown {
                host: address.into(),
                native: of(native),
                bundled: of(native),
                nobody: of(nobody),
                leaf: Some(Leaf { subject: "CN=a".into(), issuer: "CN=Corp".into(), chain: 1 }),
                message: "why".into(),
            },
            names: vec!["b.test".into()],
            details: vec![("issuer".into(), "CN=Corp".into())],
            version: None,
            ids: vec![1, 2, 3],
        }
    }

    #[test]
    fn not_reached_is_not_refused() {
        let machine = Machine { ids: vec![4], ..Machine::default() };
        let outcome = report(&[looked("a.test", Err("timeout"), Err("timeout"))], &machine, Evidence::one(1));
        assert!(outcome.findings.is_empty() && outcome.summary.contains("not reached"));
        let wrong = looked("a.test", Err("tls-name-mismatch"), Ok(()));
        let outcome = report(&[wrong, looked("c.test", Err("timeout"), Err("timeout"))], &machine, Evidence::one(1));
        assert_eq!(outcome.findings.len(), 1);
        assert!(outcome.findings[0].message.contains("for b.test, not for a.test"), "{}", outcome.findings[0].message);
    }

    #[test]
    fn a_variable_without_its_file_is_told_with_its_reader() {
        let gone = vec![("NODE_EXTRA_CA_CERTS", "/corp.pem".to_owned())];
        let machine = Machine { ids: vec![4], dangling: gone, ..Machine::default() };
        let outcome = report(&[looked("a.test", Ok(()), Ok(()))], &machine, Evidence::one(1));
        assert_eq!(outcome.findings[0].code, "tls.bundle-missing");
        assert!(outcome.findings[0].message.contains("Node.js"));
        // Node warns, goes on with its own roots and lacks those of the file only.
        assert_eq!(outcome.findings[0].level, "warn");
        assert!(!outcome.findings[0].message.contains("every"), "{}", outcome.findings[0].message);
        let gone = vec![("SSL_CERT_FILE", "/corp.pem".to_owned())];
        let store = Store { certificates: Some(0), replaced: Some(("SSL_CERT_FILE".into(), Some(0))) };
        let machine = Machine { ids: vec![4], dangling: gone, store, ..Machine::default() };
        let outcome = report(&[looked("a.test", Err("tls-no-roots"), Ok(()))], &machine, Evidence::one(1));
        let told: Vec<_> = outcome.findings.iter().map(|f| (f.code.as_str(), f.target.as_deref())).collect();
        assert_eq!(told, [("tls.bundle-missing", Some("a.test"))], "one cause, at what fails for it");
    }
}
