/// Microseconds as milliseconds with three decimals: `1234` is `1.234`. The form of
/// every fact whose key ends in `-ms`.
#[must_use]
pub fn millis(micros: u64) -> String {
    let fraction = micros % 1000;
    let zeros = if fraction < 10 {
        "00"
    } else if fraction < 100 {
        "0"
    } else {
        ""
    };
    [(micros / 1000).to_string().as_str(), ".", zeros, fraction.to_string().as_str()].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn three_decimals() {
        assert_eq!(super::millis(0), "0.000");
        assert_eq!(super::millis(1_007), "1.007");
        assert_eq!(super::millis(3_066_120), "3066.120");
    }
}
