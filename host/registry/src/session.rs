//! A conversation with one registry about one repository.

use crate::challenge::{Challenge, challenge};
use crate::credentials::{Found, Login, Proof};
use crate::error::RegistryError;
use crate::web::{Answer, Ask, Web, shown};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use seaworthy_model::{Failure, RegistryReference};
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use url::Url;
use url::form_urlencoded::Serializer;

/// The largest answer of a service that hands out tokens.
const TOKEN: u64 = 64 << 10;

/// What one is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pull,
    Push,
}

impl Action {
    fn scope(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

pub(crate) struct Session<'a> {
    web: &'a Web,
    login: &'a Login,
    reference: &'a RegistryReference,
    action: Action,
    base: Url,
    authorization: Mutex<Option<HeaderValue>>,
}

/// What a service for tokens says.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        web: &'a Web,
        login: &'a Login,
        reference: &'a RegistryReference,
        action: Action,
        plain_http: bool,
    ) -> Result<Self, RegistryError> {
        let scheme = if plain_http || reference.is_loopback() { "http" } else { "https" };
        // The one host whose registry has another name than its references.
        let host = if reference.host == "docker.io" { "registry-1.docker.io" } else { &reference.host };
        let text = format!("{scheme}://{host}/v2/{}/", reference.repository);
        let base = Url::parse(&text).map_err(|error| RegistryError::Unreachable {
            url: text.clone(),
            failure: Failure::new("invalid", "parse", error.to_string()),
        })?;
        Ok(Self { web, login, reference, action, base, authorization: Mutex::new(None) })
    }

    pub(crate) fn reference(&self) -> &RegistryReference {
        self.reference
    }

    /// That the registry does not have this.
    pub(crate) fn absent(&self, name: &str, hint: &str) -> RegistryError {
        let separator = if name.starts_with("sha256:") { '@' } else { ':' };
        let what = format!("{}{separator}{name}", self.reference.repository);
        RegistryError::NotFound { host: self.reference.host.clone(), what, hint: hint.into() }
    }

    /// A URL below the repository, or where the registry itself has led.
    pub(crate) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let wrong = |why: &'static str, to: String| RegistryError::Redirect { from: shown(&self.base), to, why };
        let url = self.base.join(path).map_err(|_| wrong("it is no URL", path.chars().take(200).collect()))?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(wrong("it would leave TLS", shown(&url)));
        }
        Ok(url)
    }

    /// Asks, and says who one is when the registry wants to know.
    ///
    /// # Errors
    /// No answer, or one that refuses; `what` completes "refuses to".
    pub(crate) async fn send(&self, ask: Ask, what: &str) -> Result<Answer, RegistryError> {
        let mut answer = self.web.send(self.authorized(ask.clone())).await?;
        let mut found = None;
        if answer.status == StatusCode::UNAUTHORIZED && answer.url.origin() == self.base.origin() {
            found = self.login.find(&self.reference.host)?;
            if let Some(authorization) = self.authorize(&answer, found.as_ref(), what).await? {
                *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
                answer = self.web.send(self.authorized(ask)).await?;
            }
        }
        match answer.status {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let found = if found.is_none() { self.login.find(&self.reference.host)? } else { found };
                Err(self.refused(what, status, found.as_ref()))
            }
            _ => Ok(answer),
        }
    }

    fn authorized(&self, mut ask: Ask) -> Ask {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(authorization) = known.filter(|_| ask.url.origin() == self.base.origin()) {
            ask.headers.insert(AUTHORIZATION, authorization);
        }
        ask
    }

    fn refused(&self, what: &str, status: StatusCode, found: Option<&Found>) -> RegistryError {
        let host = self.reference.host.clone();
        let who = match found {
            None => format!(
                "nobody is logged in there; `docker login {host}`, or set SEAWORTHY_REGISTRY_HOST={host} and SEAWORTHY_REGISTRY_USER and SEAWORTHY_REGISTRY_PASSWORD"
            ),
            Some(Found { proof: Proof::Password { user, .. }, from }) => {
                format!("asked as `{user}` (from {from}); is the password right, and may this user do that?")
            }
            Some(Found { proof: Proof::Identity(_), from }) => {
                format!("asked with the token from {from}; is it still good, and does it allow that?")
            }
        };
        let what = format!("{what} {}", self.reference.repository);
        RegistryError::Refused { host, what, status: status.as_u16(), who }
    }

    /// The header that answers a challenge; none where there is nothing to answer with.
    async fn authorize(
        &self,
        answer: &Answer,
        found: Option<&Found>,
        what: &str,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let unusable = |why: &str| RegistryError::Credentials { host: self.reference.host.clone(), why: why.into() };
        let header = |text: String| {
            let mut value = HeaderValue::from_str(&text).map_err(|_| unusable("they hold what no header can"))?;
            value.set_sensitive(true);
            Ok(Some(value))
        };
        let basic = |proof: &Proof| match proof {
            Proof::Password { user, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
            }
            Proof::Identity(_) => None,
        };
        match challenge(&answer.headers) {
            Some(Challenge::Basic) => match found.and_then(|found| basic(&found.proof)) {
                Some(text) => header(text),
                None => Ok(None),
            },
            Some(Challenge::Bearer { realm, service }) => {
                let realm = self.realm(&realm)?;
                let scope = format!("repository:{}:{}", self.reference.repository, self.action.scope());
                let ask = match found.map(|found| &found.proof) {
                    Some(Proof::Identity(token)) => by_identity(realm, service.as_deref(), &scope, token.expose()),
                    other => {
                        let mut url = realm;
                        url.query_pairs_mut()
                            .extend_pairs(service.iter().map(|service| ("service", service.as_str())))
                            .append_pair("scope", &scope);
                        let ask = Ask::get(url);
                        match other.and_then(basic).map(header).transpose()?.flatten() {
                            Some(value) => ask.with(AUTHORIZATION, value),
                            None => ask,
                        }
                    }
                };
                let answer = self.web.send(ask).await?;
                if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                    return Err(self.refused(what, answer.status, found));
                }
                if answer.status != StatusCode::OK {
                    return Err(answer.unexpected("200 with a token").await);
                }
                let url = shown(&answer.url);
                let bytes = answer.read("the token", TOKEN).await?;
                let token: Option<Token> = serde_json::from_slice(&bytes).ok();
                let token = token.and_then(|token| token.token.or(token.access_token)).ok_or_else(|| {
                    RegistryError::BrokenOff { url, what: "holds no token, as a service for tokens has to give".into() }
                })?;
                header(format!("Bearer {token}"))
            }
            None => Ok(None),
        }
    }

    /// Where tokens are had: over TLS, unless the registry itself is spoken to without.
    fn realm(&self, text: &str) -> Result<Url, RegistryError> {
        let wrong = |why, to: String| RegistryError::Redirect { from: shown(&self.base), to, why };
        let url = Url::parse(text).map_err(|_| wrong("its service for tokens has no URL", excerpt(text)))?;
        match (self.base.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => Ok(url),
            _ => Err(wrong("its service for tokens would be asked without TLS", shown(&url))),
        }
    }
}

fn excerpt(text: &str) -> String {
    crate::web::excerpt(text.as_bytes())
}

/// A refresh token exchanged for one of short life, by OAuth 2 as Docker's registry has it.
fn by_identity(url: Url, service: Option<&str>, scope: &str, token: &str) -> Ask {
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", service.unwrap_or_default())
        .append_pair("client_id", "seaworthy")
        .append_pair("scope", scope)
        .append_pair("refresh_token", token)
        .finish();
    let ask = Ask { method: Method::POST, body: Bytes::from(form), ..Ask::get(url) };
    ask.with(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
}
