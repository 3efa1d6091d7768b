//! A caching HTTP/1.1 proxy in front of one origin, over the tiers of the cache.
//!
//! A runner that points `GITHUB_API_URL` at it uses the tiers without any code. It is a
//! reverse proxy: whoever asks names a path, and the origin is configured.
//!
//! What holds:
//!
//! * **It never blocks what it serves.** A tier that fails or is slow is passed over and
//!   counted; an answer of the origin, errors too, goes through as it is.
//! * **A private answer has one reader.** Entries are named by method, URL and the
//!   credentials of the request, keyed ([`Keys`]): another token is another name, and
//!   no tier learns a token, a URL, or a hash that could be tried out. In tiers that
//!   others can read answers are sealed; without a shared secret, private ones are kept
//!   on this machine only.
//! * **Freshness is the origin's word** (RFC 9111): nothing is kept that may not be, a
//!   stale answer is validated, and served as it is only where RFC 5861 or the operator
//!   of a disconnected origin allows it. Towards a request with credentials the proxy is
//!   a private cache, for that is what an entry with one reader is.
//! * **Equal requests under way share one**, as far as the answer may be shared.
//!
//! [`Proxy`] decides, [`serve`] listens. HTTP/2, forward proxying and upgrades are
//! absent on purpose.

#![deny(missing_docs)]

mod answer;
mod asked;
mod body;
mod conditional;
mod directives;
mod fetch;
mod flight;
mod headers;
mod keys;
mod life;
mod options;
mod origin;
mod own_pages;
mod proxy;
mod queue;
mod server;
mod shelf;
mod stats;

#[cfg(test)]
mod doubles;
#[cfg(test)]
mod tests;

pub use keys::{Keys, Sharing};
pub use options::Options;
pub use origin::{Origin, UnusableOrigin};
pub use proxy::Proxy;
pub use server::serve;
pub use shelf::HasTiers;
