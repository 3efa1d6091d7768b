use std::str::FromStr;

/// Where the name of the bucket stands in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// As a part of the host name where that is a name of AWS, else in the path.
    #[default]
    Auto,
    /// `https://host/bucket/key`: what MinIO, Garage and proxies understand without a
    /// wildcard in the DNS.
    Path,
    /// `https://bucket.host/key`: what AWS wants.
    VirtualHost,
}

impl Addressing {
    /// The word of the setting.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Addressing::Auto => "auto",
            Addressing::Path => "path",
            Addressing::VirtualHost => "virtual-host",
        }
    }
}

impl FromStr for Addressing {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Addressing::Auto),
            "path" => Ok(Addressing::Path),
            "virtual-host" => Ok(Addressing::VirtualHost),
            other => Err(format!("`{other}` is none of auto, path, virtual-host")),
        }
    }
}
