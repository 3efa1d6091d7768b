//! What times of others say about this clock. Nothing here asks anybody.

/// What one source says: this machine's clock less its own, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// So much, give or take.
    Offset {
        /// Positive: this clock is ahead.
        ms: i64,
        /// Half the way there and back, and what its unit hides.
        uncertain: i64,
    },
    /// This clock is behind by at least so much: a certificate is not valid yet.
    Behind(i64),
    /// This clock is ahead by at least so much, unless the certificate has really expired.
    Ahead(i64),
}

/// Bounds in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// More is a warning.
    pub warn: i64,
    /// More is a failure.
    pub fail: i64,
    /// Sources that have to be heard.
    pub least: usize,
}

/// What is known of this clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too few sources said anything.
    TooFew(usize),
    /// No majority of the sources agrees.
    Disagree,
    /// The sources agree.
    Agreed {
        /// The median of those that agree, in milliseconds.
        offset: i64,
        /// Numbers of those that do not.
        apart: Vec<usize>,
        /// It is a bound only: the true offset is larger.
        bound: bool,
    },
}

/// Sources agree when their offsets differ by less than this, in milliseconds.
const AGREE: i64 = 5_000;

/// Judges what was said; `None` is a source that was not heard.
#[must_use]
pub fn judge(said: &[Option<Says>], limits: Limits) -> Verdict {
    let offsets: Vec<(usize, i64, i64)> = said
        .iter()
        .enumerate()
        .filter_map(|(at, says)| match says {
            Some(Says::Offset { ms, uncertain }) => Some((at, *ms, *uncertain)),
            _ => None,
        })
        .collect();
    if offsets.len() >= limits.least {
        return of_offsets(&offsets);
    }
    bounded(said, limits).unwrap_or(Verdict::TooFew(offsets.len()))
}

fn of_offsets(offsets: &[(usize, i64, i64)]) -> Verdict {
    let near = |a: &(usize, i64, i64), b: &(usize, i64, i64)| (a.1 - b.1).abs() <= AGREE + a.2 + b.2;
    let around = |one: &(usize, i64, i64)| offsets.iter().filter(|other| near(one, other)).count();
    let Some(middle) = offsets.iter().max_by_key(|one| (around(one), std::cmp::Reverse(one.2))) else {
        return Verdict::TooFew(0);
    };
    if around(middle) * 2 <= offsets.len() {
        return Verdict::Disagree;
    }
    let agree = offsets.iter().filter(|one| near(middle, one)).map(|one| one.1).collect();
    let apart = offsets.iter().filter(|one| !near(middle, one)).map(|one| one.0).collect();
    Verdict::Agreed { offset: median(agree), apart, bound: false }
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let half = values.len() / 2;
    match values.len() {
        0 => 0,
        odd if odd % 2 == 1 => values[half],
        _ => i64::midpoint(values[half - 1], values[half]),
    }
}

/// A clock that is so wrong that certificates are refused for it hears no `Date` over
/// TLS. *Behaviour*: enough sources have to say the same, and none the contrary. Hosts that
/// share one certificate, as of a wildcard, are one witness: it may just have ended. A date
/// that agrees makes up for that.
fn bounded(said: &[Option<Says>], limits: Limits) -> Option<Verdict> {
    let of = |wanted: fn(&Says) -> Option<i64>| said.iter().flatten().filter_map(wanted).collect::<Vec<_>>();
    let behind = of(|says| if let Says::Behind(ms) = says { Some(-ms) } else { None });
    let ahead = of(|says| if let Says::Ahead(ms) = says { Some(*ms) } else { None });
    let offsets = of(|says| if let Says::Offset { ms, .. } = says { Some(*ms) } else { None });
    let (bounds, sign) = match (behind.is_empty(), ahead.is_empty()) {
        (false, true) => (behind, -1),
        (true, false) => (ahead, 1),
        _ => return None,
    };
    // A date that says less than a bound speaks against it.
    let contradicted = |bound: &i64| offsets.iter().any(|ms| (*ms * sign).saturating_add(AGREE) < *bound * sign);
    let same_way = offsets.iter().all(|ms| ms * sign > limits.warn) && !bounds.iter().any(contradicted);
    let mut apart = bounds.clone();
    apart.sort_unstable();
    apart.dedup();
    let witnesses = if offsets.is_empty() { apart.len() } else { bounds.len() + offsets.len() };
    // The greatest of the least offsets is the one that all of them agree with.
    let offset = bounds.iter().map(|ms| ms * sign).max()? * sign;
    (same_way && witnesses >= limits.least).then_some(Verdict::Agreed { offset, apart: Vec::new(), bound: true })
}

/// `fail`, `warn`, or none for an offset that is fine.
#[must_use]
pub fn level(offset: i64, limits: Limits) -> Option<&'static str> {
    match offset.abs() {
        ms if ms > limits.fail => Some("fail"),
        ms if ms > limits.warn => Some("warn"),
        _ => None,
    }
}

/// How an offset is told to people: `1200 s ahead`.
#[must_use]
pub fn words(offset: i64) -> String {
    let side = if offset < 0 { "behind" } else { "ahead" };
    let ms = offset.unsigned_abs();
    format!("{}.{} s {side}", ms / 1000, ms % 1000 / 100)
}

/// What a `Date` header says, seen `before` and `after` by this machine's clock (both in
/// milliseconds): its second began up to a second before it was written.
#[must_use]
pub fn of_date(date_s: u64, before: i64, after: i64) -> Option<Says> {
    let theirs = i64::try_from(date_s).ok()?.checked_mul(1000)?.checked_add(500)?;
    let ours = i64::midpoint(before, after);
    Some(Says::Offset { ms: ours.checked_sub(theirs)?, uncertain: (after - before).max(0) / 2 + 500 })
}

/// What the dates of a refused certificate say (`2026-01-31T00:00:00Z`).
#[must_use]
pub fn of_certificate(kind: &str, not_before: Option<&str>, not_after: Option<&str>, now_ms: i64) -> Option<Says> {
    match kind {
        "tls-not-yet-valid" => Some(Says::Behind((rfc3339_ms(not_before?)? - now_ms).max(0))),
        "tls-expired" => Some(Says::Ahead((now_ms - rfc3339_ms(not_after?)?).max(0))),
        _ => None,
    }
}

/// Milliseconds since the epoch of `2026-01-31T00:00:00Z`.
fn rfc3339_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, by counting leap days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    // Leap years from 1970 up to the year before.
    let leaps = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let month = usize::try_from(month - 1).unwrap_or(0).min(11);
    let this = i64::from(month > 1 && leap(year));
    (year - 1970) * 365 + leaps(year) - leaps(1970) + BEFORE[month] + this + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { warn: 30_000, fail: 300_000, least: 3 };

    fn at(ms: i64) -> Option<Says> {
        Some(Says::Offset { ms, uncertain: 600 })
    }

    #[test]
    fn the_majority_is_right_whoever_is_apart() {
        for (said, expected) in [
            (vec![at(0), at(400), at(-300)], Verdict::Agreed { offset: 0, apart: vec![], bound: false }),
            // Ours is wrong: everybody says the same.
            (
                vec![at(1_200_000), at(1_200_400), at(1_199_900)],
                Verdict::Agreed { offset: 1_200_000, apart: vec![], bound: false },
            ),
            // One source is wrong, and we are not.
            (vec![at(0), at(-1_200_000), at(300)], Verdict::Agreed { offset: 150, apart: vec![1], bound: false }),
            (vec![at(0), at(60_000), at(-90_000)], Verdict::Disagree),
            (vec![at(0), at(100), at(90_000), at(90_100)], Verdict::Disagree),
            (vec![at(0), None, at(300)], Verdict::TooFew(2)),
            (vec![None, None, None], Verdict::TooFew(0)),
        ] {
            assert_eq!(judge(&said, LIMITS), expected, "{said:?}");
        }
    }

    #[test]
    fn certificates_bound_a_clock_that_hears_no_date() {
        let behind = |ms| Some(Says::Behind(ms));
        let ahead = |ms| Some(Says::Ahead(ms));
        let bound = |offset| Verdict::Agreed { offset, apart: vec![], bound: true };
        assert_eq!(judge(&[behind(9_000_000), behind(5_000_000), behind(7_000_000)], LIMITS), bound(-9_000_000));
        assert_eq!(judge(&[ahead(1_000), ahead(5_000_000), at(6_000_000)], LIMITS), bound(5_000_000));
        // One expired certificate beside two good clocks is the certificate's own fault.
        assert_eq!(judge(&[ahead(5_000_000), at(0), at(0)], LIMITS), Verdict::TooFew(2));
        assert_eq!(judge(&[ahead(5_000_000), behind(5_000_000), ahead(1)], LIMITS), Verdict::TooFew(0));
        assert_eq!(judge(&[behind(5_000_000), None, None], LIMITS), Verdict::TooFew(0));
    }

    #[test]
    fn one_certificate_at_three_hosts_is_one_witness() {
        let ahead = |ms| Some(Says::Ahead(ms));
        let behind = |ms| Some(Says::Behind(ms));
        assert_eq!(judge(&[ahead(9_000_000); 3], LIMITS), Verdict::TooFew(0), "a wildcard that has expired");
        assert_eq!(judge(&[behind(9_000_000); 3], LIMITS), Verdict::TooFew(0));
        let bound = Verdict::Agreed { offset: 9_000_000, apart: vec![], bound: true };
        assert_eq!(judge(&[ahead(9_000_000), ahead(9_000_000), at(9_500_000)], LIMITS), bound, "a date agrees");
        // The date says a minute: so the certificates have expired by themselves.
        assert_eq!(judge(&[ahead(9_000_000), ahead(8_000_000), at(60_000)], LIMITS), Verdict::TooFew(1));
    }

    #[test]
    fn bounds_are_exclusive() {
        for (offset, expected) in
            [(30_000, None), (-30_001, Some("warn")), (300_000, Some("warn")), (-300_001, Some("fail"))]
        {
            assert_eq!(level(offset, LIMITS), expected, "{offset}");
        }
        assert_eq!(words(-1_234_567), "1234.5 s behind");
    }

    #[test]
    fn half_the_way_is_taken_off() {
        // Written in the middle of a look that took two seconds.
        assert_eq!(of_date(1000, 999_500, 1_001_500), Some(Says::Offset { ms: 0, uncertain: 1500 }));
        assert_eq!(of_date(1000, 1_060_400, 1_060_600), Some(Says::Offset { ms: 60_000, uncertain: 600 }));
    }

    #[test]
    fn dates_of_certificates_are_read() {
        assert_eq!(rfc3339_ms("1970-01-02T00:00:01Z"), Some(86_401_000));
        assert_eq!((days(2000, 3, 1), days(2024, 2, 29), days(2026, 11, 29)), (11_017, 19_782, 20_786));
        let say = |kind| of_certificate(kind, Some("1970-01-01T00:01:00Z"), Some("1970-01-01T00:00:10Z"), 30_000);
        assert_eq!(say("tls-not-yet-valid"), Some(Says::Behind(30_000)));
        assert_eq!(say("tls-expired"), Some(Says::Ahead(20_000)));
        assert_eq!(say("tls-unknown-issuer"), None);
        assert_eq!(of_certificate("tls-expired", None, Some("soon"), 0), None);
    }
}
