use crate::bindings::wit_net::tls;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::future::join_all;
use seaworthy_probe::Target;
use seaworthy_probe::tls as probe;
use seaworthy_probe::trust::Roots;
use serde_json::json;
use std::time::Duration;

impl tls::Host for State {
    async fn handshake(&mut self, attempts: Vec<tls::Attempt>) -> wasmtime::Result<Vec<tls::Seen>> {
        through!(self, "net/tls.handshake", [attempts], {
            let scope = self.scope.clone();
            let targets: Vec<&str> = attempts.iter().map(|attempt| attempt.target.as_str()).collect();
            let _doing = scope.step.enter("tls.handshake", &targets.join(", "), attempts.len())?;
            Ok(join_all(attempts.into_iter().map(|attempt| handshake(&scope, attempt))).await)
        })
    }
}

async fn handshake(scope: &Scope, attempt: tls::Attempt) -> tls::Seen {
    let question = json!({ "target": attempt.target, "server-name": attempt.server_name, "alpn": attempt.alpn, "roots": attempt.roots });
    // What the policy trusts at an address belongs to what this machine trusts.
    let roots = attempt.roots.parse::<Roots>().and_then(|roots| match (&roots, Target::parse(&attempt.target)) {
        (Roots::Native, Ok(target)) => scope.run.roots(&target.host, target.port),
        _ => Ok(roots),
    });
    let seen = match roots {
        Ok(roots) => {
            let asked = probe::Attempt {
                target: attempt.target.clone(),
                server_name: attempt.server_name,
                alpn: attempt.alpn,
                roots,
                timeout: scope.step.clamp(attempt.timeout),
            };
            probe::handshake(&asked, scope).await
        }
        Err(failure) => probe::Seen { elapsed: Duration::ZERO, outcome: Err(failure) },
    };
    let answer = seen.outcome.as_ref().map(|session| {
        json!({ "remote": session.remote, "version": session.version, "cipher-suite": session.cipher_suite,
                "alpn": session.alpn, "chain-length": session.chain.len(), "details": session.details })
    });
    let id = scope.record("tls.handshake", question, answer, seen.elapsed);
    tls::Seen {
        id,
        target: attempt.target,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|session| tls::Session {
            remote: session.remote.to_string(),
            version: session.version,
            cipher_suite: session.cipher_suite,
            alpn: session.alpn,
            chain: session.chain,
            details: session.details.into_iter().collect(),
        }),
    }
}
