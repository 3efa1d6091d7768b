use std::net::IpAddr;

/// Whose S3 it is, as far as the name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Amazon.
    Aws,
    /// Backblaze B2 (`s3.us-west-004.backblazeb2.com`).
    BackblazeB2,
    /// Cloudflare R2, whose only region is `auto`.
    CloudflareR2,
    /// MinIO, Garage, a gateway, anything else.
    Other,
}

/// Where a store is: the parts of its URL that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    /// In lower case; an IPv6 address has its brackets.
    host: String,
    /// Only where it is not the scheme's own.
    port: Option<u16>,
    /// A path before the bucket, as behind a reverse proxy; empty or `/path`, encoded.
    base: String,
}

impl Endpoint {
    /// Reads `http://host:port/path` or `https://...`.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let url = url.trim();
        let (secure, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, _)) => return Err(format!("its scheme is `{scheme}`, not http or https")),
            None => return Err("it has no scheme; write https://HOST or http://HOST:PORT".into()),
        };
        if rest.contains(['?', '#']) {
            return Err("it has a query or a fragment".into());
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err("it holds credentials; they belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into());
        }
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let named = !host.is_empty()
            && !host.split('.').any(str::is_empty)
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !named && bare.parse::<IpAddr>().is_err() {
            return Err("its host is neither a name nor an address".into());
        }
        let base = path.trim_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if !base.chars().all(plain) || base.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("its path has characters that are not taken".into());
        }
        let base = if base.is_empty() { String::new() } else { format!("/{base}") };
        Ok(Self { secure, host, port: port.filter(|port| *port != if secure { 443 } else { 80 }), base })
    }

    /// AWS's own endpoint of a region.
    #[must_use]
    pub fn aws(region: &str) -> Self {
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        Self { secure: true, host: format!("s3.{region}.amazonaws.com{end}"), port: None, base: String::new() }
    }

    /// Whose it is.
    #[must_use]
    pub fn provider(&self) -> Provider {
        let below = |domain: &str| self.host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        if below("amazonaws.com") || below("amazonaws.com.cn") {
            Provider::Aws
        } else if below("backblazeb2.com") {
            Provider::BackblazeB2
        } else if below("r2.cloudflarestorage.com") {
            Provider::CloudflareR2
        } else {
            Provider::Other
        }
    }

    /// The region that the name of the host tells: `s3.REGION.amazonaws.com` with its
    /// variants (`dualstack`, `s3-fips`, `s3-REGION`), `s3.REGION.backblazeb2.com`, and
    /// `auto` of R2. `s3.amazonaws.com` is us-east-1.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        let labels: Vec<&str> = self.host.split('.').collect();
        match self.provider() {
            Provider::CloudflareR2 => Some("auto".into()),
            Provider::BackblazeB2 => {
                let at = labels.iter().position(|label| *label == "s3")?;
                labels.get(at + 1).filter(|label| **label != "backblazeb2").map(|label| (*label).to_owned())
            }
            Provider::Aws => {
                let at = labels.iter().rposition(|label| label.starts_with("s3"))?;
                let legacy = labels[at].strip_prefix("s3-").filter(|rest| rest.contains('-'));
                let next = labels[at + 1..].iter().find(|label| **label != "dualstack");
                match (legacy, next) {
                    (Some(region), _) => Some(region.trim_start_matches("fips-").to_owned()),
                    (None, Some(&"amazonaws")) => Some("us-east-1".into()),
                    (None, next) => next.map(|label| (*label).to_owned()),
                }
            }
            Provider::Other => None,
        }
    }

    /// Whether its host is an address rather than a name.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
    }

    /// Whether requests are encrypted on the way.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Its host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same endpoint on another host: where a redirection leads.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Option<Self> {
        Self::parse(&format!("{}://{host}", self.scheme())).ok()
    }

    /// The endpoint without a bucket's name before its host, where it begins with that.
    #[must_use]
    pub(crate) fn without(&self, bucket: &str) -> Option<Self> {
        let host = self.host.strip_prefix(bucket)?.strip_prefix('.')?;
        Some(Self { host: host.to_owned(), ..self.clone() })
    }

    /// What the Host header says.
    pub(crate) fn authority(&self, bucket: Option<&str>) -> String {
        let host = bucket.map_or_else(|| self.host.clone(), |bucket| format!("{bucket}.{}", self.host));
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Its URL, without a bucket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority(None), self.base)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[end_of_host..].find(':') {
        None => Ok((authority, None)),
        Some(at) => {
            let (host, port) = authority.split_at(end_of_host + at);
            let port = port[1..].parse::<u16>().ok().filter(|port| *port > 0);
            port.map(|port| (host, Some(port))).ok_or_else(|| "its port is not a number from 1 to 65535".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        for (url, wanted) in [
            ("https://s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
            ("HTTPS://S3.Example.com:443/", "https://s3.example.com"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            (" http://minio:80/s3/ ", "http://minio/s3"),
            ("http://[::1]:9000", "http://[::1]:9000"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(Endpoint::parse(url).map(|e| e.url()).as_deref(), Ok(wanted), "{url}");
        }
        for url in [
            "",
            "minio:9000",
            "ftp://minio",
            "http://",
            "http://a b",
            "http://user:pass@minio",
            "http://minio:0",
            "http://minio:x",
            "http://minio/?a",
            "http://minio/../x",
            "http://.minio",
        ] {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(!error.contains("pass@") && !error.is_empty(), "{url}");
        }
    }

    #[test]
    fn a_name_tells_the_region() {
        for (host, provider, region) in [
            ("s3.amazonaws.com", Provider::Aws, Some("us-east-1")),
            ("s3.eu-central-1.amazonaws.com", Provider::Aws, Some("eu-central-1")),
            ("s3-eu-west-1.amazonaws.com", Provider::Aws, Some("eu-west-1")),
            ("s3.dualstack.ap-south-1.amazonaws.com", Provider::Aws, Some("ap-south-1")),
            ("s3-fips.us-gov-west-1.amazonaws.com", Provider::Aws, Some("us-gov-west-1")),
            ("s3.cn-north-1.amazonaws.com.cn", Provider::Aws, Some("cn-north-1")),
            ("bucket.vpce-1a2b.s3.us-east-2.vpce.amazonaws.com", Provider::Aws, Some("us-east-2")),
            ("s3.us-west-004.backblazeb2.com", Provider::BackblazeB2, Some("us-west-004")),
            ("acc.r2.cloudflarestorage.com", Provider::CloudflareR2, Some("auto")),
            ("minio.example.com", Provider::Other, None),
            ("notamazonaws.com", Provider::Other, None),
            ("10.0.0.1", Provider::Other, None),
        ] {
            let endpoint = Endpoint::parse(&format!("https://{host}")).unwrap();
            assert_eq!((endpoint.provider(), endpoint.region().as_deref()), (provider, region), "{host}");
        }
        assert_eq!(Endpoint::aws("cn-north-1").host(), "s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(Endpoint::aws("eu-west-3").region().as_deref(), Some("eu-west-3"));
    }
}
