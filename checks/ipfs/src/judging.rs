//! What answers mean; nothing here calls the host.

use crate::codes;
use ipfs_client::pinning::PinRefusal;
use ipfs_client::{Refusal, RepoStat};
use seaworthy_check_sdk::Code;

/// What the first question to a node says of who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It does not take the credential, or wants one: another scheme may do.
    Shut,
    Forged,
    NotRpc,
    /// It answers later, or has another fault.
    Failed,
}

/// Reads a refusal of `version`.
pub(crate) fn door(refusal: &Refusal) -> Door {
    match refusal {
        Refusal::AccessDenied | Refusal::Unauthorized(..) => Door::Shut,
        Refusal::Forged => Door::Forged,
        Refusal::Stranger(_) => Door::NotRpc,
        _ => Door::Failed,
    }
}

/// How full a repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Enough,
    Near,
    Full,
}

/// The percentage at which Kubo collects garbage, where it does not say another.
pub(crate) const WATERMARK: u64 = 90;

/// Judges a repository by its owner's bound. Without a bound there is always room.
pub(crate) fn room(stat: &RepoStat, watermark: u64) -> Room {
    match stat.percent() {
        Some(percent) if percent >= 100 => Room::Full,
        Some(percent) if percent >= watermark => Room::Near,
        _ => Room::Enough,
    }
}

/// Whether one of the addresses that an RPC listens on is beyond loopback.
pub(crate) fn is_open(listening: &[&str]) -> bool {
    listening.iter().any(|address| {
        let mut parts = address.split('/').skip(1);
        match (parts.next(), parts.next()) {
            (Some("ip4"), Some(ip)) => ip.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| !ip.is_loopback()),
            (Some("ip6"), Some(ip)) => ip.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| !ip.is_loopback()),
            _ => false,
        }
    })
}

/// The code of a pinning service's refusal.
pub(crate) fn pinning(refusal: &PinRefusal) -> Code {
    match refusal {
        PinRefusal::Unauthorized(_) => codes::PINNING_UNAUTHORIZED,
        PinRefusal::Quota(_) => codes::PINNING_QUOTA,
        PinRefusal::RateLimited(_) | PinRefusal::Unavailable(..) => codes::PINNING_UNREACHABLE,
        PinRefusal::Absent(_) | PinRefusal::Invalid(..) | PinRefusal::Stranger(_) => codes::PINNING_NOT_SERVICE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipfs_client::Stranger;

    #[test]
    fn who_refuses_is_told_apart() {
        assert_eq!(door(&Refusal::AccessDenied), Door::Shut);
        assert_eq!(door(&Refusal::Unauthorized(401, String::new())), Door::Shut);
        assert_eq!(door(&Refusal::Forged), Door::Forged);
        assert_eq!(door(&Refusal::Stranger(Stranger::NoSuchCommand)), Door::NotRpc);
        assert_eq!(door(&Refusal::Unavailable(503)), Door::Failed);
    }

    #[test]
    fn a_repository_is_judged_by_its_bound() {
        let of = |repo_size, storage_max| room(&RepoStat { repo_size, storage_max }, WATERMARK);
        assert_eq!(
            (of(89, 100), of(90, 100), of(100, 100), of(300, 100)),
            (Room::Enough, Room::Near, Room::Full, Room::Full)
        );
        assert_eq!((of(500, 0), of(500, u64::MAX)), (Room::Enough, Room::Enough), "no bound");
    }

    #[test]
    fn only_addresses_beyond_loopback_are_open() {
        assert!(is_open(&["/ip4/127.0.0.1/tcp/5001", "/ip4/0.0.0.0/tcp/5001"]) && is_open(&["/ip6/::/tcp/5001"]));
        assert!(!is_open(&["/ip4/127.0.0.1/tcp/5001", "/ip6/::1/tcp/5001", "/unix/x", "nonsense"]) && !is_open(&[]));
    }

    #[test]
    fn refusals_of_a_service_have_their_codes() {
        for (refusal, code) in [
            (PinRefusal::Unauthorized(String::new()), "pinning.unauthorized"),
            (PinRefusal::Quota(String::new()), "pinning.quota"),
            (PinRefusal::Unavailable(500, String::new()), "pinning.unreachable"),
            (PinRefusal::Stranger(404), "pinning.not-service"),
        ] {
            assert_eq!(pinning(&refusal).code, code);
        }
    }
}
