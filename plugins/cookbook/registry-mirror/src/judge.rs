use crate::codes;
use seaworthy_check_sdk::Code;
use seaworthy_check_sdk::net::http::Response;

/// What came back for /v2/.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    url: &'a str,
    status: u16,
    headers: &'a [(String, String)],
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    pub(crate) fn of(url: &'a str, response: &'a Response) -> Self {
        Self { url, status: response.status, headers: &response.headers, body: &response.body }
    }

    fn header(&self, name: &str) -> &'a str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).unwrap_or_default()
    }

    fn is_of_registry(&self) -> bool {
        self.header("docker-distribution-api-version").starts_with("registry/2")
    }

    fn is_page(&self) -> bool {
        let html = self.header("content-type").to_ascii_lowercase().starts_with("text/html");
        html || self.body.trim_ascii_start().starts_with(b"<")
    }

    fn says(&self, words: &str) -> bool {
        self.body.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// A registry, and what it asks of anonymous clients.
    Registry(&'static str),
    /// What is wrong, in a code and in words.
    Wrong(Code, String),
}

/// Tells a registry from whatever else answers at /v2/.
pub(crate) fn answer(answer: &Answer<'_>) -> Verdict {
    let status = answer.status.to_string();
    let wrong = |code: Code, words: &str| Verdict::Wrong(code, ["status ", &status, ", ", words].concat());
    match answer.status {
        200 if answer.is_of_registry() => Verdict::Registry("none"),
        _ if answer.says("HTTP request to an HTTPS server") || answer.says("plain HTTP request was sent to HTTPS") => {
            wrong(codes::MIRROR_TLS_EXPECTED, "the server wants TLS at this port")
        }
        401 if !answer.is_page() || answer.is_of_registry() => challenge(answer, wrong),
        300..=399 => redirected(answer, wrong),
        429 => wrong(codes::MIRROR_FAILING, "it asks for patience"),
        500.. => wrong(codes::MIRROR_FAILING, "an error of the mirror or of a proxy before it"),
        _ if answer.is_page() => wrong(codes::MIRROR_NOT_REGISTRY, "a page for people, such as that of a login"),
        // OCI asks for the status alone; what is JSON and nothing else is taken for a registry.
        200 if answer.body.trim_ascii() == b"{}" => Verdict::Registry("none"),
        403 | 407 => wrong(codes::MIRROR_REFUSES, "it refuses this client"),
        404 => wrong(codes::MIRROR_NOT_REGISTRY, "there is no registry at this port and path"),
        _ => wrong(codes::MIRROR_NOT_REGISTRY, "nothing that a registry says"),
    }
}

fn challenge(answer: &Answer<'_>, wrong: impl Fn(Code, &str) -> Verdict) -> Verdict {
    let kind = answer.header("www-authenticate").split(' ').next().unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "bearer" if answer.header("www-authenticate").contains("realm=") => Verdict::Registry("bearer"),
        "basic" => wrong(codes::MIRROR_WANTS_BASIC, "it asks for basic authentication"),
        _ => wrong(codes::MIRROR_REFUSES, "without a challenge that an engine knows"),
    }
}

/// *Behaviour*: engines follow redirects, so one to the same place over TLS only says how
/// the address is to be written; any other leads to no mirror of this address.
fn redirected(answer: &Answer<'_>, wrong: impl Fn(Code, &str) -> Verdict) -> Verdict {
    let location = answer.header("location");
    let host = |url: &str| {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?', '#', ':']).next().unwrap_or_default().to_ascii_lowercase()
    };
    let same = host(location) == host(answer.url);
    if same && answer.url.starts_with("http://") && location.starts_with("https://") && location.contains("/v2/") {
        return wrong(codes::MIRROR_TLS_EXPECTED, &["it sends everybody to ", location].concat());
    }
    wrong(codes::MIRROR_NOT_REGISTRY, &["it sends clients to ", location].concat())
}

/// Whether a handshake failed since what answered does not speak TLS.
pub(crate) fn is_not_tls(message: &str) -> bool {
    message.contains("InvalidContentType") || message.contains("corrupt message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, headers: &[(&str, &str)], body: &str) -> String {
        let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let url = "http://mirror.test:5000/v2/";
        match answer(&Answer { url, status, headers: &headers, body: body.as_bytes() }) {
            Verdict::Registry(auth) => auth.into(),
            Verdict::Wrong(code, _) => code.code.into(),
        }
    }

    const API: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");
    const JSON: (&str, &str) = ("content-type", "application/json");
    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

    #[test]
    fn a_registry_is_told_by_what_it_says() {
        assert_eq!(told(200, &[API], "{}"), "none");
        assert_eq!(told(200, &[JSON], "{}"), "none", "OCI asks for no header");
        let bearer = ("www-authenticate", "Bearer realm=\"https://auth.test/token\",service=\"x\"");
        assert_eq!(told(401, &[API, bearer], "{\"errors\":[]}"), "bearer");
        assert_eq!(told(401, &[("WWW-Authenticate", "Basic realm=\"r\"")], ""), "mirror.wants-basic");
    }

    #[test]
    fn what_is_no_registry_is_told_apart() {
        assert_eq!(told(200, &[HTML], "<html>Sign in"), "mirror.not-registry");
        assert_eq!(told(200, &[], "  <!DOCTYPE html>"), "mirror.not-registry");
        assert_eq!(told(200, &[JSON], "{\"status\":\"ok\"}"), "mirror.not-registry");
        assert_eq!(told(404, &[JSON], "{}"), "mirror.not-registry");
        assert_eq!(told(401, &[HTML], "<html>"), "mirror.not-registry", "a portal's");
        assert_eq!(told(302, &[("location", "https://portal.test/login")], ""), "mirror.not-registry");
        assert_eq!(told(302, &[("location", "/login")], ""), "mirror.not-registry");
    }

    #[test]
    fn a_registry_that_does_not_help_is_told_apart() {
        assert_eq!(told(401, &[], ""), "mirror.refuses");
        assert_eq!(told(403, &[JSON], "{}"), "mirror.refuses");
        assert_eq!(told(502, &[HTML], "<html>"), "mirror.failing");
        assert_eq!(told(429, &[], ""), "mirror.failing");
        let go = "Client sent an HTTP request to an HTTPS server.\n";
        assert_eq!(told(400, &[], go), "mirror.tls-expected");
        let nginx = "<html>The plain HTTP request was sent to HTTPS port</html>";
        assert_eq!(told(400, &[HTML], nginx), "mirror.tls-expected");
        assert_eq!(told(301, &[("location", "https://mirror.test/v2/")], ""), "mirror.tls-expected");
    }

    #[test]
    fn a_handshake_without_tls_is_known_by_its_words() {
        assert!(is_not_tls("the TLS handshake failed: received corrupt message of type InvalidContentType"));
        assert!(!is_not_tls("the other side closed the connection during the TLS handshake"));
    }
}
