use std::time::UNIX_EPOCH;

const DAY: u64 = 86_400;

/// `20130524T000000Z`, as `x-amz-date` has it.
#[must_use]
pub fn amz_date(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Seconds since the epoch of a time as S3 writes it: `Date` (RFC 9110 section 5.6.7),
/// `ServerTime` (`2015-08-30T12:36:00Z`, fractions are left out) or `RequestTime`
/// (`20150830T123600Z`).
#[must_use]
pub fn instant(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(time) = httpdate::parse_http_date(text) {
        return time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    }
    let end = text.find('.').unwrap_or(text.len());
    let bare: String = text.get(..end)?.chars().filter(|c| !matches!(c, '-' | ':' | 'Z')).collect();
    let (date, time) = bare.split_once('T')?;
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if date.len() != 8 || time.len() != 6 || !all_digits(date) || !all_digits(time) {
        return None;
    }
    let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(date, 0, 4)?, number(date, 4, 6)?, number(date, 6, 8)?);
    let (hour, minute, second) = (number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?);
    let sane = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    sane.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// Year, month and day of a day since the epoch. Both ways are Howard Hinnant's
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so
/// that the leap day is the last, and come in eras of 400.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read() {
        assert_eq!(amz_date(1_369_353_600_123), "20130524T000000Z");
        for (text, seconds) in [
            ("20130524T000000Z", 1_369_353_600),
            ("2015-08-30T12:36:00Z", 1_440_938_160),
            ("2015-08-30T12:36:00.000Z", 1_440_938_160),
            ("Fri, 24 May 2013 00:00:00 GMT", 1_369_353_600),
            ("2000-02-29T23:59:59Z", 951_868_799),
        ] {
            assert_eq!(instant(text), Some(seconds), "{text}");
        }
        for text in ["", "now", "2015-08-30", "2015-13-30T12:36:00Z", "20150830T25:00:00Z", "1969-01-01T00:00:00Z"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..150_000 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
