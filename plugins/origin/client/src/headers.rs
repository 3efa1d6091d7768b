/// Headers as they came, in order.
pub type Headers = [(String, String)];

/// The first value of a header, whatever the case of its name.
#[must_use]
pub fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// A header as a number.
pub(crate) fn number(headers: &Headers, name: &str) -> Option<u64> {
    header(headers, name)?.parse().ok()
}

/// A header that is a date (RFC 9110 section 5.6.7), in seconds since the epoch. `Date` is
/// when the other side wrote its answer, by its own clock.
#[must_use]
pub fn http_date(headers: &Headers, name: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(header(headers, name)?).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}
