//! Which proxy a URL goes through, decided without looking at the network.

use crate::no_proxy;
use seaworthy_model::{Environment, Failure, Secret};
use url::Url;

/// What the environment says about proxies.
#[derive(Clone, Debug, Default)]
pub struct ProxyEnvironment {
    http: Option<Setting>,
    https: Option<Setting>,
    no_proxy: Option<(String, String)>,
}

#[derive(Clone, Debug)]
struct Setting {
    variable: String,
    // May hold credentials.
    value: Secret,
}

/// What is to be done with a URL.
#[derive(Clone, Debug)]
pub enum Decision {
    /// No proxy; the reason is for people: `NO_PROXY has .example.com`.
    Direct {
        /// Why not.
        reason: String,
    },
    /// Through this one.
    Through(Proxy),
    /// A proxy is set that cannot be used.
    Unusable(Failure),
}

/// A proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http://proxy.example.com:3128`, without credentials.
    pub label: String,
    /// The variable that names it, or `request`.
    pub source: String,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// It is spoken to over TLS.
    pub tls: bool,
    /// Value of `Proxy-Authorization`, when the URL has credentials.
    pub authorization: Option<Secret>,
}

impl ProxyEnvironment {
    /// Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY. The lower-case spelling wins,
    /// as it does for curl and Go; an empty value counts as not set.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let read = |upper: &str| {
            [upper.to_ascii_lowercase(), upper.to_owned()].into_iter().find_map(|name| {
                let value = environment.text(&name)?.trim();
                (!value.is_empty()).then(|| (name.clone(), value.to_owned()))
            })
        };
        let setting =
            |upper: &str| read(upper).map(|(variable, value)| Setting { variable, value: Secret::new(value) });
        Self { http: setting("HTTP_PROXY"), https: setting("HTTPS_PROXY"), no_proxy: read("NO_PROXY") }
    }
}

/// What the environment wants for `url`. Pure.
///
/// *Behaviour*: only what NO_PROXY lists is excepted; loopback is not, because
/// most HTTP clients do not except it either, and a captured loopback address is
/// a fault worth seeing.
#[must_use]
pub fn decide(url: &Url, environment: &ProxyEnvironment) -> Decision {
    let (setting, wanted) = match url.scheme() {
        "https" => (&environment.https, "HTTPS_PROXY"),
        _ => (&environment.http, "HTTP_PROXY"),
    };
    let Some(setting) = setting else {
        return Decision::Direct { reason: format!("{wanted} is not set") };
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if let Some((variable, list)) = &environment.no_proxy
        && let Some(entry) = no_proxy::matching(list, host, port)
    {
        return Decision::Direct { reason: format!("{variable} has {entry}") };
    }
    match Proxy::parse(setting.value.expose(), &setting.variable) {
        Ok(proxy) => Decision::Through(proxy),
        Err(failure) => Decision::Unusable(failure),
    }
}

impl Proxy {
    /// Reads a proxy's URL. `host:port` without a scheme means http, as in curl.
    ///
    /// # Errors
    /// `invalid` when it is not a URL, `unsupported` when it is not http or https.
    pub fn parse(text: &str, source: &str) -> Result<Self, Failure> {
        // The text is not repeated in an error: it may hold a password.
        let bad =
            |reason: String| Failure::new("invalid", "proxy", format!("{source} is not the URL of a proxy: {reason}"));
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&full).map_err(|e| bad(e.to_string()))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => {
                let message = format!("{source} names a {other} proxy; only http and https proxies can be used");
                return Err(Failure::new("unsupported", "proxy", message));
            }
        };
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| bad("it has no host".to_owned()))?;
        let port = url.port_or_known_default().ok_or_else(|| bad("it has no port".to_owned()))?;
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            use base64::Engine;
            let decode = |part: &str| percent_decoded(part);
            let pair = [decode(url.username()), b":".to_vec(), decode(url.password().unwrap_or_default())].concat();
            Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
        });
        Ok(Self {
            label: format!("{}://{host}:{port}", url.scheme()),
            source: source.to_owned(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
            authorization,
        })
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match coded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> ProxyEnvironment {
        let pairs = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        ProxyEnvironment::from_environment(&Environment::from_pairs(pairs))
    }

    fn decided(url: &str, pairs: &[(&str, &str)]) -> String {
        match decide(&Url::parse(url).unwrap(), &environment(pairs)) {
            Decision::Direct { reason } => format!("direct: {reason}"),
            Decision::Through(proxy) => format!("{} by {}", proxy.label, proxy.source),
            Decision::Unusable(failure) => format!("{}: {failure}", failure.kind),
        }
    }

    #[test]
    fn the_scheme_chooses_the_variable_and_lower_case_wins() {
        let both = [("HTTP_PROXY", "http://upper:1"), ("http_proxy", "lower:3128"), ("HTTPS_PROXY", "https://secure")];
        assert_eq!(decided("http://a.test/", &both), "http://lower:3128 by http_proxy");
        assert_eq!(decided("https://a.test/", &both), "https://secure:443 by HTTPS_PROXY");
        assert_eq!(decided("https://a.test/", &[("HTTP_PROXY", "x:1")]), "direct: HTTPS_PROXY is not set");
        assert_eq!(decided("http://a.test/", &[("HTTP_PROXY", " ")]), "direct: HTTP_PROXY is not set");
    }

    #[test]
    fn what_no_proxy_lists_goes_direct() {
        let set = [("http_proxy", "p:1"), ("NO_PROXY", "localhost, .a.test")];
        assert_eq!(decided("http://x.a.test/", &set), "direct: NO_PROXY has .a.test");
        assert_eq!(decided("http://127.0.0.1:5001/", &set), "http://p:1 by http_proxy");
    }

    #[test]
    fn credentials_stay_out_of_sight() {
        let Decision::Through(proxy) =
            decide(&Url::parse("http://a.test/").unwrap(), &environment(&[("http_proxy", "http://u:p%40ss@p:8")]))
        else {
            panic!("a proxy is set");
        };
        assert_eq!(proxy.label, "http://p:8");
        // printf 'u:p@ss' | base64
        assert_eq!(proxy.authorization.as_ref().unwrap().expose(), "Basic dTpwQHNz");
        assert!(!format!("{proxy:?}").contains("dTpwQHNz"));
        let bad = decided("http://a.test/", &[("http_proxy", "http://u:secret@p:99999")]);
        assert!(bad.starts_with("invalid") && !bad.contains("secret"), "{bad}");
        assert!(decided("http://a.test/", &[("http_proxy", "socks5://p:1080")]).starts_with("unsupported"));
    }
}
