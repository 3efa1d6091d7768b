//! Two faults at once. Each of the two scenes has a machine of its own, and both causes
//! must be among the roots.

pub(crate) fn pairs() -> Vec<[&'static str; 2]> {
    vec![
        ["firewall/drop", "peer/new-identity"],
        ["firewall/drop", "firewall/reject"],
        ["firewall/drop", "origin/bad-token"],
        ["firewall/reject", "listener/not-running"],
        ["firewall/prohibit", "peer/hangs"],
        ["firewall/reject", "s3/no-bucket"],
        ["listener/not-running", "peer/web-server-on-its-port"],
        ["listener/not-running", "network/silent"],
        ["listener/loopback-only", "secret/different"],
        ["listener/not-running", "origin/rate-limit"],
        ["network/nobody-there", "peer/new-identity"],
        ["network/nobody-there", "firewall/drop"],
        ["network/silent", "peer/accepts-and-resets"],
        ["peer/web-server-on-its-port", "peer/new-identity"],
        ["peer/hangs", "secret/different"],
        ["peer/accepts-and-resets", "s3/may-not-list"],
        ["peer/handshake-fails", "origin/out-of-order"],
        ["peer/new-identity", "s3/region"],
        ["peer/new-identity", "origin/log-in-page"],
        ["secret/different", "s3/expired-token"],
        ["s3/no-bucket", "origin/bad-token"],
        ["s3/no-credentials", "origin/single-sign-on"],
        ["s3/may-not-list", "s3/region"],
        ["s3/clock", "origin/rate-limit"],
        ["origin/bad-token", "origin/out-of-order"],
        ["address/host-and-port", "settings/port-is-no-number"],
        ["address/cut-peer-id", "runner/port-in-use"],
        ["address/url", "address/placeholder"],
        ["settings/misspelt-name", "address/no-peer-id"],
    ]
}
