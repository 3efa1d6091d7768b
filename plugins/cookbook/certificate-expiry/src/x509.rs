//! The dates and names of a certificate: as much of X.509 (RFC 5280 section 4.1) as a
//! reminder needs. Nothing here decides about trust.

/// What is read of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Its common name; empty where it has none.
    pub(crate) name: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// DNS names and addresses that it is for.
    pub(crate) names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Dns(String),
    Ip(Vec<u8>),
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const OCTETS: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `commonName`, 2.5.4.3, and `subjectAltName`, 2.5.29.17, with their tags.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
const ALT_NAMES: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
/// `dNSName` and `iPAddress` of a general name.
const DNS: u8 = 0x82;
const IP: u8 = 0x87;

/// Reads a DER certificate; `None` when it is not one.
pub(crate) fn read(der: &[u8]) -> Option<Certificate> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = expect(fields, VERSION)?;
    }
    // The serial number, the algorithm, the issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (validity, fields) = expect(fields, SEQUENCE)?;
    let (not_before, rest) = time(validity)?;
    let (not_after, _) = time(rest)?;
    let (subject, fields) = expect(fields, SEQUENCE)?;
    Some(Certificate { name: common_name(subject).unwrap_or_default(), not_before, not_after, names: names(fields) })
}

/// Tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first > 0x7f {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let bytes = rest.get(..count)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = rest.get(count..)?;
    }
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

fn after<'a>(der: &'a [u8], object: &[u8; 5]) -> Option<&'a [u8]> {
    let at = der.windows(object.len()).position(|window| window == object)?;
    der.get(at + object.len()..)
}

fn common_name(subject: &[u8]) -> Option<String> {
    let (_, text, _) = element(after(subject, &COMMON_NAME)?)?;
    Some(String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect())
}

/// The names in the extensions, which follow the public key.
fn names(mut fields: &[u8]) -> Vec<Name> {
    let mut names = Vec::new();
    while let Some((tag, content, rest)) = element(fields) {
        fields = rest;
        let Some(mut value) = (tag == EXTENSIONS).then(|| after(content, &ALT_NAMES)).flatten() else { continue };
        if value.first() == Some(&BOOLEAN) {
            value = element(value).map(|(_, _, rest)| rest).unwrap_or_default();
        }
        let list = expect(value, OCTETS).and_then(|(inner, _)| expect(inner, SEQUENCE)).map(|(list, _)| list);
        let mut list = list.unwrap_or_default();
        while let Some((tag, name, rest)) = element(list) {
            list = rest;
            match tag {
                DNS => names.push(Name::Dns(String::from_utf8_lossy(name).to_ascii_lowercase())),
                IP => names.push(Name::Ip(name.to_vec())),
                _ => {}
            }
        }
    }
    names
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` in seconds since 1970, and what follows.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (tag, text, rest) = element(der)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |from: usize, count: usize| text.get(from..from + count)?.parse::<i64>().ok();
    let (year, at) = match tag {
        // From 50 on two digits mean 19xx.
        UTC_TIME => number(0, 2).map(|year| (if year >= 50 { 1900 + year } else { 2000 + year }, 2))?,
        GENERALIZED_TIME => (number(0, 4)?, 4),
        _ => return None,
    };
    let (month, day) = (number(at, 2)?, number(at + 2, 2)?);
    let (hour, minute, second) = (number(at + 4, 2)?, number(at + 6, 2)?, number(at + 8, 2)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    valid.then(|| (days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second, rest))
}

/// Days from 1970-01-01 in the Gregorian calendar, with years that begin in March, so
/// that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A certificate with no more than what is read, for `host` and 127.0.0.1.
    pub(crate) fn der(from: &str, to: &str, host: &str) -> Vec<u8> {
        let wrap = |tag: u8, parts: &[Vec<u8>]| {
            let content = parts.concat();
            let mut der = vec![tag, 0x82];
            der.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            der.extend(content);
            der
        };
        let time = |text: &str| wrap(if text.len() == 13 { UTC_TIME } else { GENERALIZED_TIME }, &[text.into()]);
        let name = wrap(0x0c, &[host.into()]);
        let subject = wrap(SEQUENCE, &[wrap(0x31, &[wrap(SEQUENCE, &[COMMON_NAME.to_vec(), name])])]);
        let list = wrap(SEQUENCE, &[wrap(DNS, &[host.into()]), vec![IP, 4, 127, 0, 0, 1]]);
        let alt = wrap(SEQUENCE, &[ALT_NAMES.to_vec(), vec![BOOLEAN, 1, 255], wrap(OCTETS, &[list])]);
        let fields = [
            wrap(VERSION, &[vec![2, 1, 2]]),
            vec![2, 1, 1],
            wrap(SEQUENCE, &[]),
            wrap(SEQUENCE, &[]),
            wrap(SEQUENCE, &[time(from), time(to)]),
            subject,
            wrap(SEQUENCE, &[]),
            wrap(EXTENSIONS, &[wrap(SEQUENCE, &[alt])]),
        ];
        wrap(SEQUENCE, &[wrap(SEQUENCE, &fields)])
    }

    #[test]
    fn dates_and_names_are_read() {
        let read = read(&der("200101000000Z", "20510228235959Z", "Cache.test")).unwrap();
        assert_eq!((read.not_before, read.not_after), (1_577_836_800, 2_561_241_599));
        assert_eq!(read.name, "Cache.test");
        assert_eq!(read.names, [Name::Dns("cache.test".into()), Name::Ip(vec![127, 0, 0, 1])]);
    }

    #[test]
    fn leap_years_count() {
        for (date, expected) in
            [((1970, 1, 1), 0), ((2000, 2, 29), 11_016), ((2000, 3, 1), 11_017), ((2100, 3, 1), 47_541)]
        {
            assert_eq!(days(date.0, date.1, date.2), expected, "{date:?}");
        }
    }

    #[test]
    fn what_is_cut_or_wrong_is_no_certificate() {
        let whole = der("200101000000Z", "210101000000Z", "a.test");
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(read(&der("201301000000Z", "210101000000Z", "a.test")), None, "a thirteenth month");
        assert_eq!(read(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
