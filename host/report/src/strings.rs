use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seaworthy_model::{
    Attempt, Cause, CheckResult, ConfigInfo, Denial, Fact, Failure, Finding, Gate, HostCall, Observation, PluginInfo,
    RecordedStep, Recording, Remediation, RemedyStep, Report, SkippedStep, Snippet, SourceLocation, ToolInfo,
    VantageInfo, WaiverUse,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Replaces every string of a report, keys of open maps and numbers in evidence
/// included, by what `f` makes of it; none leaves it as it is. *Behaviour*: names that belong to the format
/// (fields, statuses, the schema version) stay, so a report stays readable whatever
/// `f` does. Every type is taken apart field by field, so that a new field cannot
/// be forgotten here: it does not compile.
pub(crate) fn replace(report: &mut Report, f: &dyn Fn(&str) -> Option<String>) {
    Walk(f).report(report);
}

/// What stands in a recording for the value of a header that holds credentials.
const CREDENTIAL: &str = "***";

/// Headers whose values are credentials, whatever they look like.
fn is_credential(header: &str) -> bool {
    const HEADERS: [&str; 9] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "www-authenticate",
        "proxy-authenticate",
        "x-api-key",
        "x-auth-token",
        "x-amz-security-token",
    ];
    HEADERS.iter().any(|known| header.eq_ignore_ascii_case(known))
}

/// The same for a recording: every text that a guest was given or gave, and the observations.
/// Numbers of the contract stay numbers, as a text in their place could not be read again.
pub(crate) fn replace_in_recording(recording: &mut Recording, f: &dyn Fn(&str) -> Option<String>) {
    let walk = Walk(f);
    let Recording { schema_version: _, tool_version: _, started: _, steps, skipped, observations } = recording;
    for RecordedStep { check: _, attempt: _, component: _, digest: _, context, calls } in steps {
        walk.contract(context);
        for HostCall { function: _, asked, answer, denials } in calls {
            walk.contract(asked);
            answer.iter_mut().for_each(|answer| walk.contract(answer));
            for Denial { capability: _, wanted, add } in denials {
                walk.text(wanted);
                walk.text(add);
            }
        }
    }
    for SkippedStep { check: _, reason: _, message } in skipped {
        walk.text(message);
    }
    observations.iter_mut().for_each(|seen| walk.observation(seen));
}

struct Walk<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Walk<'_> {
    fn text(&self, text: &mut String) {
        if let Some(new) = (self.0)(text) {
            *text = new;
        }
    }

    fn owned(&self, text: String) -> String {
        (self.0)(&text).unwrap_or(text)
    }

    fn maybe(&self, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn list(&self, texts: &mut [String]) {
        texts.iter_mut().for_each(|text| self.text(text));
    }

    fn map(&self, map: &mut BTreeMap<String, String>) {
        *map = std::mem::take(map).into_iter().map(|(key, value)| (self.owned(key), self.owned(value))).collect();
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => {
                map.values_mut().for_each(|inner| self.value(inner));
                if map.keys().any(|key| (self.0)(key).is_some()) {
                    let renamed = std::mem::take(map).into_iter().map(|(key, inner)| (self.owned(key), inner));
                    *map = renamed.collect::<Map<_, _>>();
                }
            }
            // A secret of digits may stand as a number.
            Value::Number(number) => {
                if let Some(new) = (self.0)(&number.to_string()) {
                    *value = Value::String(new);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn report(&self, report: &mut Report) {
        let Report {
            schema_version: _,
            run_id,
            started,
            duration_s: _,
            interrupted: _,
            tool: ToolInfo { name, version },
            config: ConfigInfo { path, digest, profile },
            vantage: VantageInfo { name: vantage, facts },
            plugins,
            gate: Gate { verdict: _, exit_code: _, reasons, exit: _ },
            summary: _,
            causes,
            checks,
            waivers,
        } = report;
        for text in [run_id, started, name, version, path, digest, profile, vantage] {
            self.text(text);
        }
        self.map(facts);
        self.list(reasons);
        plugins.iter_mut().for_each(|plugin| self.plugin(plugin));
        causes.iter_mut().for_each(|cause| self.cause(cause));
        checks.iter_mut().for_each(|check| self.check(check));
        for WaiverUse { check, code, reason, owner, expires, used: _, expired: _, ends_soon: _ } in waivers {
            for text in [check, code, reason, owner, expires] {
                self.text(text);
            }
        }
    }

    fn plugin(&self, plugin: &mut PluginInfo) {
        let PluginInfo { id, version, digest, wit, source, loaded, granted, refused } = plugin;
        for text in [id, version, digest, wit, source, loaded] {
            self.text(text);
        }
        self.list(granted);
        self.list(refused);
    }

    fn cause(&self, cause: &mut Cause) {
        let Cause {
            code,
            title,
            message,
            confidence: _,
            layer: _,
            target,
            explains,
            blocks,
            supported_by: _,
            contradicted_by: _,
            remediations,
            would_fix: _,
        } = cause;
        for text in [code, title, message] {
            self.text(text);
        }
        self.maybe(target);
        self.list(explains);
        self.list(blocks);
        remediations.iter_mut().for_each(|remediation| self.remediation(remediation));
    }

    fn remediation(&self, remediation: &mut Remediation) {
        let Remediation { id, title, why, steps, tradeoff, risk: _, docs, verified_by } = remediation;
        for text in [id, title, why] {
            self.text(text);
        }
        for text in [tradeoff, docs, verified_by] {
            self.maybe(text);
        }
        for RemedyStep { text, command, snippet } in steps {
            self.text(text);
            self.maybe(command);
            if let Some(Snippet { language, file, text }) = snippet {
                self.text(language);
                self.maybe(file);
                self.text(text);
            }
        }
    }

    fn check(&self, check: &mut CheckResult) {
        let CheckResult {
            id,
            title,
            used_as,
            target,
            status: _,
            skip_reason: _,
            error_reason: _,
            blocked_by,
            caused_by,
            message,
            severity: _,
            duration_s: _,
            flaky: _,
            attempts,
            findings,
            evidence,
            facts,
            needs,
            owner,
            docs,
            source,
            log,
        } = check;
        for text in [id, title, used_as, message] {
            self.text(text);
        }
        for text in [target, blocked_by, caused_by, owner, docs] {
            self.maybe(text);
        }
        for Attempt { status: _, reason, duration_s: _ } in attempts {
            self.maybe(reason);
        }
        findings.iter_mut().for_each(|finding| self.finding(finding));
        evidence.iter_mut().for_each(|seen| self.observation(seen));
        for Fact { key, value, evidence_ids: _ } in facts {
            self.text(key);
            self.text(value);
        }
        self.list(needs);
        if let Some(SourceLocation { file, line: _, column: _ }) = source {
            self.text(file);
        }
        self.list(log);
    }

    fn finding(&self, finding: &mut Finding) {
        let Finding {
            code,
            title,
            message,
            level: _,
            severity: _,
            confidence: _,
            layer: _,
            target,
            observed,
            expected,
            evidence_ids: _,
            details,
            remediations,
            fingerprint,
            disposition: _,
            waiver,
            caused_by,
        } = finding;
        for text in [code, title, message, fingerprint] {
            self.text(text);
        }
        for text in [target, observed, expected, waiver, caused_by] {
            self.maybe(text);
        }
        self.map(details);
        remediations.iter_mut().for_each(|remediation| self.remediation(remediation));
    }

    /// A value of the contract: bytes that are no text are `{"base64": ".."}`.
    fn contract(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            // A pair of the contract, as headers are where one repeats.
            Value::Array(items) => match items.as_mut_slice() {
                [Value::String(name), value @ Value::String(_)] if is_credential(name) => *value = CREDENTIAL.into(),
                items => items.iter_mut().for_each(|item| self.contract(item)),
            },
            Value::Object(map) => {
                for (name, value) in map.iter_mut() {
                    if value.is_string() && is_credential(name) {
                        *value = CREDENTIAL.into();
                    }
                }
                if let [(key, Value::String(text))] = map.iter_mut().collect::<Vec<_>>().as_mut_slice()
                    && *key == "base64"
                    && let Ok(bytes) = STANDARD.decode(&text)
                    && let Some(new) = (self.0)(&String::from_utf8_lossy(&bytes))
                {
                    *text = STANDARD.encode(new);
                    return;
                }
                map.values_mut().for_each(|inner| self.contract(inner));
                // Names of variables and headers may be keys, and so may what is secret.
                if map.keys().any(|key| (self.0)(key).is_some()) {
                    let renamed = std::mem::take(map).into_iter().map(|(key, inner)| (self.owned(key), inner));
                    *map = renamed.collect::<Map<_, _>>();
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn observation(&self, seen: &mut Observation) {
        let Observation { id: _, check, probe, asked, answer, failure, at_s: _, elapsed_s: _ } = seen;
        self.text(check);
        self.text(probe);
        self.value(asked);
        if let Some(answer) = answer {
            self.value(answer);
        }
        if let Some(Failure { kind, stage, os_code: _, message, details }) = failure {
            for text in [kind, stage, message] {
                self.text(text);
            }
            self.map(details);
        }
    }
}
