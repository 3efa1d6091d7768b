use ipfs_client::Cid;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use seaworthy_adapter_sdk::{Entry, Life};
use sha2::{Digest, Sha256};

/// What of a key stays readable in a name of MFS. A slash would be a folder, a comma
/// separates.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Stands for a life without end.
const ENDLESS: &str = "-";

/// What the index has for one key: where its record is, and what can be said of it
/// without reading it.
///
/// *Behaviour*: as text it is `version,created,deadline,size,length,CID`, numbers in
/// hexadecimal. In MFS a key may have several for a moment; the highest version counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// Later ones are larger: the time of the put in milliseconds, or one more than what it replaces.
    pub(crate) version: u64,
    pub(crate) life: Life,
    /// Bytes of the value.
    pub(crate) size: u64,
    /// Bytes of the record.
    pub(crate) length: u64,
    pub(crate) cid: Cid,
}

impl Pointer {
    pub(crate) fn encode(&self) -> String {
        let deadline = self.life.deadline.map_or_else(|| ENDLESS.to_owned(), |at| format!("{at:x}"));
        format!("{:x},{:x},{deadline},{:x},{:x},{}", self.version, self.life.created, self.size, self.length, self.cid)
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (version, created) = (number()?, number()?);
        let deadline = match parts.next()? {
            ENDLESS => None,
            at => Some(u64::from_str_radix(at, 16).ok()?),
        };
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (size, length) = (number()?, number()?);
        let cid = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { version, life: Life { created, deadline }, size, length, cid })
    }

    /// Its name in MFS, under `key`.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("{},{}", encoded(key), self.encode())
    }

    /// Reads a name of MFS. `None` for one that somebody else put there.
    pub(crate) fn read(name: &str) -> Option<(String, Self)> {
        let (key, pointer) = name.split_once(',')?;
        let key = percent_decode_str(key).decode_utf8().ok().filter(|plain| encoded(plain) == key)?;
        Some((key.into_owned(), Self::decode(pointer)?))
    }

    pub(crate) fn entry(&self, key: &str, now: u64) -> Entry {
        self.life.describe(Entry::new(key, Some(self.size)), now).with("cid", self.cid)
    }
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, NAME).to_string()
}

/// The folder of a key among 256, so that a put rewrites a small folder and not all names.
pub(crate) fn shard(key: &str) -> String {
    format!("{:02x}", Sha256::digest(key.as_bytes()).first().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(deadline: Option<u64>) -> Pointer {
        let cid = ipfs_client::content::raw(b"hello world").unwrap();
        Pointer { version: 255, life: Life { created: 16, deadline }, size: 11, length: 99, cid }
    }

    #[test]
    fn names_lead_back_to_any_key() {
        for key in ["a", "a/b", "..", ".", "%2F", "ä,ö 🐟", "a,ff,10,-,b,63", "\u{0}\n", &"k".repeat(1024)] {
            for pointer in [pointer(None), pointer(Some(4096))] {
                let name = pointer.name(key);
                assert!(!name.contains('/') && name != "." && name != "..");
                assert_eq!(Pointer::read(&name), Some((key.to_owned(), pointer)), "{name}");
            }
        }
    }

    #[test]
    fn the_text_is_the_documented_one() {
        let cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
        assert_eq!(pointer(None).name("a/b"), format!("a%2Fb,ff,10,-,b,63,{cid}"));
        assert_eq!(pointer(Some(4096)).encode(), format!("ff,10,1000,b,63,{cid}"));
        assert_eq!(shard("a"), "ca", "the first byte of its SHA-256");
    }

    #[test]
    fn what_others_put_there_is_not_read() {
        let good = pointer(None).name("k");
        for name in
            ["", "notes.txt", "k,1,2,-,3,4", &format!("{good},x"), &format!("{good}x"), &good.replace("k,", "%6b,")]
        {
            assert_eq!(Pointer::read(name), None, "{name}");
        }
    }
}
