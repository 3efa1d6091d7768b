use crate::{CacheError, json};

/// An adapter's configuration.
///
/// The host checked it against the descriptor's schema, so it is read here as
/// plain pairs, in the shape that checks get their settings in: nested keys joined
/// by ".", a key repeated for each element of an array, `null` left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(Vec<(String, String)>);

impl Config {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// `configuration`, with the position, when it is not one.
    pub fn parse(text: &str) -> Result<Self, CacheError> {
        json::flatten(text).map(Self).map_err(|error| {
            CacheError::configuration("open", format!("the configuration is not a JSON object: {error}"))
        })
    }

    /// The first value of `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of `key`, in order.
    pub fn all<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The value of `key`, which must be there and not empty.
    ///
    /// # Errors
    /// `configuration`, naming the key.
    pub fn required(&self, key: &str) -> Result<&str, CacheError> {
        self.text(key).filter(|text| !text.is_empty()).ok_or_else(|| wrong(key, "is required"))
    }

    /// The value of `key` as a whole number.
    ///
    /// # Errors
    /// `configuration`, naming the key, when it is something else.
    pub fn number(&self, key: &str) -> Result<Option<u64>, CacheError> {
        let read = |text: &str| text.parse().map_err(|_| wrong(key, &format!("is `{text}`, not a whole number")));
        self.text(key).map(read).transpose()
    }

    /// The value of `key` in seconds, as milliseconds.
    ///
    /// # Errors
    /// As [`number`](Self::number).
    pub fn seconds(&self, key: &str) -> Result<Option<u64>, CacheError> {
        Ok(self.number(key)?.map(|seconds| seconds.saturating_mul(1000)))
    }
}

fn wrong(key: &str, what: &str) -> CacheError {
    CacheError::configuration("open", format!("the setting `{key}` {what}")).with("setting", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_key() {
        let config =
            Config::parse(r#"{"directory":"/c","addresses":["a","b"],"default-ttl":300,"x":{"y":1}}"#).unwrap();
        assert_eq!(config.required("directory"), Ok("/c"));
        assert_eq!(config.all("addresses").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(config.seconds("default-ttl"), Ok(Some(300_000)));
        assert_eq!(config.number("x.y"), Ok(Some(1)));
        assert_eq!((config.text("absent"), config.number("absent")), (None, Ok(None)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let config = Config::parse(r#"{"n":"-1","empty":"","f":1.5}"#).unwrap();
        for error in [config.number("n").unwrap_err(), config.number("f").unwrap_err()] {
            assert!(error.message.contains("not a whole number"), "{}", error.message);
        }
        for key in ["empty", "absent"] {
            assert!(config.required(key).unwrap_err().message.contains(key));
        }
        assert!(Config::parse("[1]").unwrap_err().message.contains("byte 0"));
    }
}
