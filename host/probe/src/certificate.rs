//! Who a certificate is for, who signed it and how long it is valid: enough of
//! X.509 (RFC 5280 section 4.1) to name an intercepting proxy. Nothing here
//! decides about trust.

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `CN=cache.example.com, O=Example`; attributes other than CN, O and OU are left out.
    pub subject: String,
    /// In the same form.
    pub issuer: String,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
    /// `2026-01-31T00:00:00Z`.
    pub not_before: String,
    /// In the same form.
    pub not_after: String,
}

const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// Reads a DER certificate; `None` when it is not one.
#[must_use]
pub fn summary(der: &[u8]) -> Option<Summary> {
    let mut certificate = Der(Der(der).take(SEQUENCE)?);
    let mut fields = Der(certificate.take(SEQUENCE)?);
    // Absent in version 1.
    let _ = fields.take(VERSION);
    fields.take(INTEGER)?;
    fields.take(SEQUENCE)?;
    let issuer = fields.take(SEQUENCE)?;
    let mut validity = Der(fields.take(SEQUENCE)?);
    let subject = fields.take(SEQUENCE)?;
    Some(Summary {
        subject: name(subject)?,
        issuer: name(issuer)?,
        self_issued: subject == issuer,
        not_before: time(&mut validity)?,
        not_after: time(&mut validity)?,
    })
}

fn name(der: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    let mut sets = Der(der);
    while !sets.0.is_empty() {
        let mut set = Der(sets.take(SET)?);
        while !set.0.is_empty() {
            let mut pair = Der(set.take(SEQUENCE)?);
            // id-at is 2.5.4, encoded 55 04.
            let label = match pair.take(OBJECT)? {
                [0x55, 0x04, 3] => "CN",
                [0x55, 0x04, 10] => "O",
                [0x55, 0x04, 11] => "OU",
                _ => continue,
            };
            let (_, text) = pair.any()?;
            parts.push(format!("{label}={}", String::from_utf8_lossy(text)));
        }
    }
    Some(parts.join(", "))
}

fn time(der: &mut Der<'_>) -> Option<String> {
    let (tag, text) = der.any()?;
    let text = std::str::from_utf8(text).ok().filter(|t| t.is_ascii())?;
    let (year, rest) = match tag {
        // Two digits: from 50 on they mean 19xx.
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            (if year >= "50" { format!("19{year}") } else { format!("20{year}") }, rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    Some(format!("{year}-{}-{}T{}:{}:{}Z", part(0)?, part(2)?, part(4)?, part(6)?, part(8)?))
}

/// A reader of tag, length, value.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            (digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value if it has this tag; else nothing is consumed.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        match self.any() {
            Some((found, value)) if found == tag => Some(value),
            _ => {
                self.0 = before;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_not_a_certificate() {
        let made = rcgen::generate_simple_self_signed(vec!["cache.test".to_owned()]).unwrap();
        let der = made.cert.der();
        assert!(summary(der).is_some());
        for length in 0..der.len() {
            assert_eq!(summary(&der[..length]), None, "{length}");
        }
    }

    #[test]
    fn names_and_times_are_read() {
        let mut wanted = rcgen::CertificateParams::new(vec!["cache.test".to_owned()]).unwrap();
        wanted.distinguished_name = rcgen::DistinguishedName::new();
        wanted.distinguished_name.push(rcgen::DnType::CommonName, "cache.test");
        wanted.distinguished_name.push(rcgen::DnType::OrganizationName, "Harbour");
        wanted.not_before = rcgen::date_time_ymd(1999, 12, 31);
        wanted.not_after = rcgen::date_time_ymd(2051, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        let read = summary(wanted.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(read.subject, "CN=cache.test, O=Harbour");
        assert!(read.self_issued);
        assert_eq!(read.not_before, "1999-12-31T00:00:00Z");
        assert_eq!(read.not_after, "2051-02-03T00:00:00Z");
    }
}
