//! `cookbook/zstd-missing`: how actions/cache compresses in this image.
//!
//! [`judge`] decides from plain data. Nothing is started: where a program is says the host,
//! and its version the database of the packages.

mod judge;

use judge::{Compression, Seen, Tar};
use seaworthy_check_sdk::env::{files, system};
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, argument, query, row_value,
};

seaworthy_check_sdk::descriptor!();

/// What a zstd has to be where the setting does not say.
const LEAST: &str = "1.3.2";
/// Databases of packages, and how each is read.
const DATABASES: [(&str, judge::Database); 2] =
    [("/var/lib/dpkg/status", judge::dpkg), ("/lib/apk/db/installed", judge::apk)];
/// More of a database than the host hands over.
const MOST: u32 = 1 << 20;

struct ZstdMissing;

impl Check for ZstdMissing {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let names = vec![argument("name", "zstd"), argument("name", "tar")];
        let programs = system::inspect(&[query("executables", names)]);
        let mut evidence = Evidence::of(programs.iter().map(|seen| seen.id))?;
        let rows = match programs.into_iter().next().map(|seen| seen.outcome) {
            Some(Ok(rows)) => rows,
            Some(Err(failure)) => {
                let why = ["the host could not look for programs: ", &failure.message].concat();
                return Ok(Findings::new().inconclusive(why, evidence));
            }
            None => return Err("the host answered no topic".into()),
        };
        let place = |name: &str| {
            let row = rows.iter().find(|row| row_value(row, "name") == Some(name))?;
            row_value(row, "path").map(str::to_owned)
        };
        let (zstd, tar) = (place("zstd"), place("tar"));
        let tar = match tar {
            None => Tar::Missing,
            Some(path) if !judge::is_usual(&path) => Tar::Foreign(path),
            Some(path) => {
                let (id, leads_to) = leads_to(&path)?;
                evidence = evidence.and(id);
                Tar::At { path, leads_to }
            }
        };
        let mut version = None;
        if zstd.is_some() {
            for (path, read) in DATABASES {
                let Some(seen) = files::read(&[path.to_owned()], MOST).into_iter().next() else { continue };
                evidence = evidence.and(seen.id);
                version = version.or(seen.outcome.ok().and_then(|bytes| read(&String::from_utf8_lossy(&bytes))));
            }
        }
        let seen = Seen { zstd, tar, version };
        Ok(report(&seen, &context, evidence))
    }
}

seaworthy_check_sdk::export_check!(ZstdMissing);

/// Where a path leads, if it is a link.
fn leads_to(path: &str) -> Result<(ObservationId, Option<String>), String> {
    let seen = system::inspect(&[query("paths", vec![argument("path", path)])]).into_iter().next();
    let seen = seen.ok_or("the host answered no topic")?;
    let row = seen.outcome.ok().and_then(|rows| rows.into_iter().next()).unwrap_or_default();
    Ok((seen.id, row_value(&row, "leads-to").map(str::to_owned)))
}

fn report(seen: &Seen, context: &Context, evidence: Evidence) -> Outcome {
    let least = context.setting("least-version").unwrap_or(LEAST);
    let mut findings = Findings::new();
    match &seen.tar {
        Tar::Missing => findings.add(
            codes::TAR_MISSING.at("tar").message("tar is not on PATH; no cache can be packed").cite_all(&evidence),
        ),
        Tar::At { path, .. } if seen.tar.is_busybox() => {
            let message = [path, " is the tar of busybox, which lacks options that actions/cache uses"].concat();
            findings.add(codes::TAR_BUSYBOX.at("tar").message(message).expected("GNU tar").cite_all(&evidence));
        }
        Tar::At { .. } | Tar::Foreign(_) => {}
    }
    let foreign = context.setting("foreign") == Some("true");
    let compression = judge::compression(seen, least);
    findings.fact(facts::COMPRESSION, compression.method(), &evidence);
    if let Some(version) = &seen.version {
        findings.fact(facts::ZSTD_VERSION, version, &evidence);
    }
    match compression {
        Compression::Gzip => {
            let message = "zstd is not on PATH: actions/cache falls back to gzip, and finds no cache that was stored \
                           with zstd";
            findings.add(
                codes::ZSTD_MISSING.at("zstd").message(message).observed("gzip").expected("zstd").cite_all(&evidence),
            );
        }
        Compression::Old(version) => {
            let message = ["zstd ", &version, " is older than ", least].concat();
            findings
                .add(codes::ZSTD_OLD.at("zstd").message(message).observed(version).expected(least).cite_all(&evidence));
        }
        Compression::Unknown(path) if !foreign => {
            let why = [
                &path,
                " belongs to no package that is known here, so its version is not known; \
                       `foreign = true` takes it as it is",
            ];
            return findings.inconclusive(why.concat(), evidence);
        }
        Compression::Unknown(_) | Compression::Zstd => {}
    }
    if let Tar::Foreign(path) = &seen.tar
        && !foreign
    {
        let why =
            [path, " is no tar of the distribution, so its kind is not known; `foreign = true` takes it as it is"];
        return findings.inconclusive(why.concat(), evidence);
    }
    findings.conclude(["actions/cache compresses with ", compression_of(seen)].concat(), evidence)
}

fn compression_of(seen: &Seen) -> &'static str {
    if seen.zstd.is_some() { "zstd" } else { "gzip" }
}
