/// A number of bytes as people write it: `512MiB`, `20 GB`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many.
    pub bytes: u64,
    /// Whether the unit was written; a number alone is bytes.
    pub with_unit: bool,
}

/// Why a text is no size. Reads well after "it: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It does not begin with a whole number.
    #[error("write a whole number and a unit, such as 512, 4KiB or 1MiB")]
    NoNumber,
    /// A bare `K` is 1000 to some and 1024 to others.
    #[error("say {0}B (1000) or {0}iB (1024)")]
    Ambiguous(String),
    /// Nothing is counted in it.
    #[error("`{0}` is no unit of bytes; use B, KB, KiB, MB, MiB, GB, GiB, TB or TiB")]
    Unit(String),
    /// More than 64 bits hold.
    #[error("that is more than can be counted")]
    TooLarge,
}

impl Size {
    /// Reads one. *Behaviour*: KB, MB, GB and TB are powers of 1000, KiB to TiB powers
    /// of 1024, in any case; a space may stand before the unit.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        if number.is_empty() {
            return Err(SizeError::NoNumber);
        }
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1000,
            "mb" => 1000_u64.pow(2),
            "gb" => 1000_u64.pow(3),
            "tb" => 1000_u64.pow(4),
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "k" | "m" | "g" | "t" => return Err(SizeError::Ambiguous(unit.to_ascii_uppercase())),
            _ => return Err(SizeError::Unit(unit.to_owned())),
        };
        let number = number.parse::<u64>().map_err(|_| SizeError::TooLarge)?;
        let bytes = number.checked_mul(factor).ok_or(SizeError::TooLarge)?;
        Ok(Self { bytes, with_unit: !unit.is_empty() })
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
            ("64kB", 64_000),
            ("2TiB", 2 << 40),
            ("0MiB", 0),
        ] {
            let with_unit = text.trim().ends_with(|c: char| c.is_ascii_alphabetic());
            assert_eq!(Size::parse(text), Ok(Size { bytes, with_unit }), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_why() {
        for text in ["", "GiB", "-1", " "] {
            assert_eq!(Size::parse(text), Err(SizeError::NoNumber), "{text}");
        }
        assert_eq!(Size::parse("1.5GiB"), Err(SizeError::Unit(".5GiB".into())));
        assert_eq!(Size::parse("5 parsecs"), Err(SizeError::Unit("parsecs".into())));
        assert!(Size::parse("1m").unwrap_err().to_string().contains("MiB"));
        for text in ["99999999999TiB", "99999999999999999999"] {
            assert_eq!(Size::parse(text), Err(SizeError::TooLarge), "{text}");
        }
    }
}
