/// What a store answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// As far as it was read.
    pub body: Vec<u8>,
    /// There was more.
    pub truncated: bool,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is one of success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Milliseconds that the store asks to wait, where it says so in seconds (RFC 9110
    /// section 10.2.3). As a date it is read against the answer's own Date.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u32> {
        let text = self.header("retry-after")?.trim();
        let seconds = match text.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => crate::instant(text)?.saturating_sub(self.date()?),
        };
        Some(u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX))
    }

    /// The store's clock, in seconds since the epoch.
    #[must_use]
    pub fn date(&self) -> Option<u64> {
        crate::instant(self.header("date")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_in_two_forms() {
        let with = |after: &str| Answer {
            headers: vec![
                ("Retry-After".into(), after.into()),
                ("Date".into(), "Fri, 24 May 2013 00:00:00 GMT".into()),
            ],
            ..Answer::default()
        };
        assert_eq!(with("7").retry_after_ms(), Some(7_000));
        assert_eq!(with("Fri, 24 May 2013 00:00:30 GMT").retry_after_ms(), Some(30_000));
        assert_eq!(with("Thu, 23 May 2013 00:00:00 GMT").retry_after_ms(), Some(0));
        assert_eq!(with("99999999999").retry_after_ms(), Some(u32::MAX));
        assert_eq!((with("soon").retry_after_ms(), Answer::default().retry_after_ms()), (None, None));
    }
}
