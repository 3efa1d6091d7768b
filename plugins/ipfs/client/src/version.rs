use std::fmt;

/// A version as Kubo gives it: `0.43.0`, `0.44.0-rc1`, `0.12.0+build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 0 so far.
    pub major: u32,
    /// Of the release.
    pub minor: u32,
    /// Of its repairs.
    pub patch: u32,
}

impl Version {
    /// The oldest Kubo that is used: the first that has `API.Authorizations`, so that a
    /// node which is shared can be shut against strangers (Kubo 0.25.0 release notes).
    pub const LEAST: Self = Self { major: 0, minor: 25, patch: 0 };

    /// Reads one; a pre-release counts as its release.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.trim().trim_start_matches('v').split(['-', '+']).next()?;
        let mut numbers = core.split('.').map(|number| number.parse::<u32>().ok());
        let version =
            Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next().flatten().unwrap_or(0) };
        Some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        let of = |text: &str| Version::parse(text).unwrap();
        assert!(of("0.9.1") < Version::LEAST && of("0.24.0-rc2") < Version::LEAST);
        assert!(of("0.25.0-dev") >= Version::LEAST && of("v0.43.0+abc") > of("0.42.9") && of("1.0") > of("0.99.0"));
        for bad in ["", "kubo", "0", "0.x.1", "-1.2.3"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
        assert_eq!(of("0.43.0-dev").to_string(), "0.43.0");
    }
}
