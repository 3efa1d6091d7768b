/// Reads a number of bytes as people write it: `512MiB`, `20 GB`, `1048576`.
///
/// KB, MB, GB and TB are powers of 1000, KiB to TiB powers of 1024. A bare `K`, `M`
/// or `G` means the one to some and the other to others, so it is refused.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a whole number and a unit, e.g. 512MiB".to_owned())?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "kib" => 1024,
        "mib" => 1024_u64.pow(2),
        "gib" => 1024_u64.pow(3),
        "tib" => 1024_u64.pow(4),
        "k" | "m" | "g" | "t" => return Err(format!("say {0}B (1000) or {0}iB (1024)", unit.trim().to_uppercase())),
        other => return Err(format!("`{other}` is no unit of bytes; use B, KB, KiB, MB, MiB, GB, GiB, TB or TiB")),
    };
    match number.checked_mul(factor) {
        Some(0) => Err("takes a size above zero".into()),
        Some(bytes) => Ok(bytes),
        None => Err("that is more than can be counted".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_written() {
        for (text, bytes) in [
            ("1GiB", 1 << 30),
            ("20 GB", 20_000_000_000),
            ("4096", 4096),
            ("7b", 7),
            (" 3kib ", 3072),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "0", "0MiB", "5 parsecs", "1M", "99999999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("1M").unwrap_err().contains("MiB"));
    }
}
