//! A request as the cache sees it.

use crate::directives::Directives;
use crate::headers::{settle_encoding, strip_hop_by_hop};
use crate::keys::Keys;
use crate::life::Life;
use crate::origin::Origin;
use hyper::header::{AUTHORIZATION, COOKIE, RANGE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use std::time::Duration;
use url::Url;

/// What belongs to the credentials of a request and selects nothing else.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// A request, read once.
pub(crate) struct Asked {
    pub(crate) url: Url,
    /// To be sent to the origin: without what belongs to the client's connection.
    pub(crate) head: Parts,
    pub(crate) directives: Directives,
    /// Whether it comes with credentials, so that its answer is for their holder alone.
    pub(crate) private: bool,
    /// The name of what it asks for, credentials included.
    pub(crate) name: String,
    /// The name of the URL, whoever asks.
    pub(crate) place: String,
}

impl Asked {
    /// `None` when the path leaves the origin.
    pub(crate) fn read(mut head: Parts, origin: &Origin, keys: &Keys) -> Option<Self> {
        let url = origin.url(&head.uri)?;
        strip_hop_by_hop(&mut head.headers);
        settle_encoding(&mut head.headers);
        let directives = Directives::of(&head.headers);
        let credentials: Vec<Vec<u8>> = [AUTHORIZATION, COOKIE]
            .iter()
            .map(|name| {
                head.headers.get_all(name).iter().map(|value| value.as_bytes()).collect::<Vec<_>>().join(&b"\n"[..])
            })
            .collect();
        let private = credentials.iter().any(|value| !value.is_empty());
        let place = keys.name(&[b"place", url.as_str().as_bytes()]);
        // A key below the name of its place would tell tiers what belongs together.
        let mut parts: Vec<&[u8]> = vec![b"answer", b"GET", url.as_str().as_bytes()];
        parts.extend(credentials.iter().map(Vec::as_slice));
        let name = keyed(keys.name(&parts));
        Some(Self { url, head, directives, private, name, place })
    }

    /// The name under which an answer without credentials would be.
    pub(crate) fn public_name(&self, keys: &Keys) -> String {
        keyed(keys.name(&[b"answer", b"GET", self.url.as_str().as_bytes(), b"", b""]))
    }

    pub(crate) fn is_get(&self) -> bool {
        self.head.method == Method::GET
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Whether the client wants the cache to have no part in it.
    pub(crate) fn refuses_cache(&self) -> bool {
        self.directives.has("no-store")
    }

    pub(crate) fn wants_part(&self) -> bool {
        self.headers().contains_key(RANGE)
    }

    /// Whether the client takes an answer with such a life without asking the origin.
    pub(crate) fn takes(&self, life: &Life) -> bool {
        let said = &self.directives;
        if said.has("no-cache") || said.seconds("max-age").is_some_and(|most| life.age > most) {
            return false;
        }
        life.fresh() && said.seconds("min-fresh").is_none_or(|least| life.left >= least)
    }

    /// Whether an answer past its life may be served while it is validated.
    pub(crate) fn takes_stale(&self, life: &Life) -> bool {
        !self.insists() && life.past <= life.while_revalidate && !life.while_revalidate.is_zero()
    }

    /// Whether an answer past its life may stand in for an origin that fails.
    pub(crate) fn takes_in_need(&self, life: &Life, usual: Duration) -> bool {
        let allowed = life.if_error.unwrap_or(usual);
        let allowed = self.directives.seconds("stale-if-error").map_or(allowed, |asked| asked.min(allowed));
        !self.insists() && (life.fresh() || (life.past <= allowed && !allowed.is_zero()))
    }

    /// Whether the client wants the origin's own word.
    fn insists(&self) -> bool {
        self.directives.has("no-cache") || self.directives.seconds("max-age").is_some_and(|most| most.is_zero())
    }

    /// The values of the request headers called `names`, as keyed names.
    pub(crate) fn selected_by(&self, names: &[String], keys: &Keys) -> Vec<(String, String)> {
        names
            .iter()
            // Those are part of the name already.
            .filter(|name| !CREDENTIALS.contains(&name.as_str()))
            .map(|name| {
                let values: Vec<&[u8]> =
                    self.headers().get_all(name.as_str()).iter().map(|value| value.as_bytes()).collect();
                (name.clone(), keys.name(&[b"value", &values.join(&b", "[..])]))
            })
            .collect()
    }

    /// The name of one of several answers.
    pub(crate) fn variant(&self, names: &[String], nonce: &str, keys: &Keys) -> String {
        let values = self.selected_by(names, keys);
        let mut parts: Vec<&[u8]> = vec![b"variant", self.name.as_bytes(), nonce.as_bytes()];
        parts.extend(values.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        keyed(keys.name(&parts))
    }
}

fn keyed(name: String) -> String {
    format!("http/1/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Sharing;
    use hyper::Request;
    use seaworthy_model::Environment;
    use zeroize::Zeroizing;

    fn keys() -> Keys {
        Keys::derive(&Zeroizing::new([7; 32]), Sharing::Local)
    }

    fn asked(path: &str, headers: &[(&str, &str)]) -> Asked {
        let origin = Origin::new("http://api.test", &Environment::default(), None).unwrap();
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::read(request.body(()).unwrap().into_parts().0, &origin, &keys()).unwrap()
    }

    #[test]
    fn a_name_is_of_the_url_and_the_credentials_and_shows_neither() {
        let one = asked("/user?token=hunter2", &[("authorization", "Bearer ghp_one")]);
        assert_eq!(
            one.name,
            asked("/./user?token=hunter2", &[("authorization", "Bearer ghp_one"), ("accept", "x")]).name
        );
        let others = [
            asked("/user?token=hunter2", &[("authorization", "Bearer ghp_two")]),
            asked("/user?token=hunter2", &[("cookie", "Bearer ghp_one")]),
            asked("/user?token=hunter2", &[]),
            asked("/user?token=hunter3", &[("authorization", "Bearer ghp_one")]),
        ];
        for other in &others {
            assert_ne!(one.name, other.name);
        }
        assert!(one.private && !others[2].private);
        assert_eq!(others[2].name, one.public_name(&keys()));
        assert!(one.name.strip_prefix("http/1/").unwrap().bytes().all(|b| b.is_ascii_hexdigit()), "{}", one.name);
    }

    #[test]
    fn variants_differ_by_value_and_nonce() {
        let names = ["accept".to_owned(), "authorization".to_owned()];
        let variant = |accept: &str, nonce: &str| asked("/", &[("accept", accept)]).variant(&names, nonce, &keys());
        assert_eq!(variant("a", "1"), variant("a", "1"));
        assert_ne!(variant("a", "1"), variant("b", "1"));
        assert_ne!(variant("a", "1"), variant("a", "2"));
    }

    #[test]
    fn what_a_client_takes() {
        let life = |left: u64, age: u64, past: u64| Life {
            storable: true,
            validator: true,
            age: Duration::from_secs(age),
            left: Duration::from_secs(left),
            past: Duration::from_secs(past),
            while_revalidate: Duration::from_secs(10),
            if_error: None,
        };
        let usual = Duration::from_secs(60);
        for (control, life, takes, stale, need) in [
            ("", life(5, 5, 0), true, true, true),
            ("no-cache", life(5, 5, 0), false, false, false),
            ("max-age=3", life(5, 5, 0), false, true, true),
            ("max-age=0", life(5, 5, 0), false, false, false),
            ("min-fresh=6", life(5, 5, 0), false, true, true),
            ("", life(0, 5, 10), false, true, true),
            ("", life(0, 5, 11), false, false, true),
            ("", life(0, 5, 61), false, false, false),
            ("stale-if-error=5", life(0, 5, 11), false, false, false),
        ] {
            let one = asked("/", &[("cache-control", control)]);
            assert_eq!(
                (one.takes(&life), one.takes_stale(&life), one.takes_in_need(&life, usual)),
                (takes, stale, need),
                "{control} {life:?}"
            );
        }
    }
}
