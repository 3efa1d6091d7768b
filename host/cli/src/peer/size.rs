use seaworthy_model::Size;

/// Reads a bound in bytes, such as `512MiB`; a bound of nothing would keep nothing.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    match Size::parse(text) {
        Ok(size) if size.bytes == 0 => Err("takes a size above zero".into()),
        Ok(size) => Ok(size.bytes),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_size_above_zero() {
        assert_eq!(parse("1GiB"), Ok(1 << 30));
        for text in ["0", "0MiB", "", "1M"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
