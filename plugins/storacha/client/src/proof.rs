use crate::block::{CAR, DAG_CBOR};
use crate::{Ability, Block, Car, Did, Malformed, Ucan};
use cid::Cid;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};
use ipld_core::ipld::Ipld;

/// A delegation as it is handed out: the statement of the space's owner that an agent
/// may act for it, and what that rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    ucan: Ucan,
    /// What it rests on first, itself last.
    blocks: Vec<Block>,
    cid: Cid,
    rests_on: Vec<Ucan>,
}

/// Why a proof is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It is for another agent.
    OtherAgent(Did),
    /// It, or one that it rests on, expired at this second since 1970.
    Expired(u64),
    /// It does not count before this second since 1970.
    NotYet(u64),
    /// A signature is not its issuer's.
    Forged,
    /// It does not grant these on this space.
    Abilities(Vec<&'static str>),
    /// It grants nothing on this space; it is for others.
    OtherSpace(Vec<String>),
}

impl Proof {
    /// Reads a proof from a text.
    ///
    /// *Behaviour*: takes what `storacha delegation create --base64` prints (a CID in
    /// base64 that holds the CAR file itself) and the CAR file in base64 or base64url,
    /// with or without a multibase letter. Line breaks and blanks are ignored.
    ///
    /// # Errors
    /// When it is neither, or the CAR holds no UCAN.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let wrong = || Malformed::new("the proof", "it is no CAR file in base64");
        for bytes in decodings(&text) {
            if let Ok(car) = Car::decode(&bytes) {
                return Self::of(car);
            }
            if let Ok(cid) = Cid::try_from(bytes.as_slice())
                && cid.codec() == CAR
                && cid.hash().code() == 0
            {
                // The identity hash has no room for long content in `Cid`, see `inlined`.
                return Self::of(Car::decode(cid.hash().digest())?);
            }
            if let Some(file) = inlined(&bytes) {
                return Self::of(Car::decode(file)?);
            }
        }
        Err(wrong())
    }

    fn of(car: Car) -> Result<Self, Malformed> {
        let wrong = |reason: &str| Malformed::new("the proof", reason);
        let root = car.roots.first().and_then(|root| car.get(root)).ok_or_else(|| wrong("it has no root"))?;
        // An archive's root names the delegation; older tools put the delegation there itself.
        let root = match root.value()? {
            Ipld::Map(map) => match map.get("ucan@0.9.1") {
                Some(Ipld::Link(cid)) => car.get(cid).ok_or_else(|| wrong("its delegation is missing"))?,
                _ => root,
            },
            _ => return Err(wrong("its root is no map")),
        };
        let ucan = Ucan::read(root)?;
        let mut blocks = Vec::new();
        let mut rests_on = Vec::new();
        gather(&car, &ucan, &mut blocks, &mut rests_on);
        blocks.push(root.clone());
        Ok(Self { cid: root.cid, ucan, blocks, rests_on })
    }

    /// CID of the delegation.
    #[must_use]
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// The blocks that have to go along with what rests on it.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Whom it is for.
    #[must_use]
    pub fn agent(&self) -> &Did {
        &self.ucan.audience
    }

    /// When the first of its statements ends, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.all().filter_map(|ucan| ucan.expires).min()
    }

    /// The one space that it is for; `None` when it is for several or for any.
    #[must_use]
    pub fn space(&self) -> Option<&str> {
        let mut spaces = self.ucan.grants.iter().map(|grant| grant.with.as_str());
        let first = spaces.next().filter(|first| *first != "ucan:*")?;
        spaces.all(|other| other == first).then_some(first)
    }

    /// What is wrong with it for `agent` on `space` at `now` (seconds since 1970).
    #[must_use]
    pub fn lacks(&self, agent: &Did, space: &Did, now: u64) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if self.ucan.audience != *agent {
            lacks.push(Lack::OtherAgent(self.ucan.audience.clone()));
        }
        if let Some(expired) = self.expires().filter(|expires| *expires <= now) {
            lacks.push(Lack::Expired(expired));
        }
        if let Some(begins) = self.all().filter_map(|ucan| ucan.not_before).max().filter(|begins| *begins > now) {
            lacks.push(Lack::NotYet(begins));
        }
        if self.all().any(|ucan| ucan.is_signed_by_issuer() == Some(false)) {
            lacks.push(Lack::Forged);
        }
        let missing: Vec<&str> = Ability::ALL
            .iter()
            .map(|ability| ability.as_str())
            .filter(|ability| !self.ucan.grants(ability, space.as_str()))
            .collect();
        if missing.len() == Ability::ALL.len() && !self.ucan.grants.iter().any(|grant| grant.with == space.as_str()) {
            let mut others: Vec<String> = self.ucan.grants.iter().map(|grant| grant.with.clone()).collect();
            others.dedup();
            lacks.push(Lack::OtherSpace(others));
        } else if !missing.is_empty() {
            lacks.push(Lack::Abilities(missing));
        }
        lacks
    }

    fn all(&self) -> impl Iterator<Item = &Ucan> {
        self.rests_on.iter().chain([&self.ucan])
    }
}

/// What `ucan` rests on, as far as it came along. A proof that is already there ends the
/// climb, so this ends.
fn gather(car: &Car, ucan: &Ucan, blocks: &mut Vec<Block>, ucans: &mut Vec<Ucan>) {
    for cid in &ucan.proofs {
        let Some(block) = car.get(cid).filter(|block| block.cid.codec() == DAG_CBOR && !blocks.contains(block)) else {
            continue;
        };
        let Ok(one) = Ucan::read(block) else { continue };
        blocks.push(block.clone());
        gather(car, &one, blocks, ucans);
        ucans.push(one);
    }
}

/// The ways in which a text may be base64.
fn decodings(text: &str) -> Vec<Vec<u8>> {
    let plain = |text: &str| {
        let bare = text.trim_end_matches('=');
        let padded = BASE64.decode(text.as_bytes()).ok();
        [padded, BASE64_NOPAD.decode(bare.as_bytes()).ok(), BASE64URL_NOPAD.decode(bare.as_bytes()).ok()]
    };
    let multibase = text.strip_prefix(['m', 'M', 'u', 'U']).map(plain);
    multibase.into_iter().chain([plain(text)]).flatten().flatten().collect()
}

/// The content of a CID under the identity hash, of any length: varints 1, CAR, 0 and
/// the length, and then the content.
fn inlined(bytes: &[u8]) -> Option<&[u8]> {
    let (version, rest) = unsigned_varint::decode::u64(bytes).ok()?;
    let (codec, rest) = unsigned_varint::decode::u64(rest).ok()?;
    let (hash, rest) = unsigned_varint::decode::u64(rest).ok()?;
    let (length, rest) = unsigned_varint::decode::usize(rest).ok()?;
    (version == 1 && codec == CAR && hash == 0 && length == rest.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    fn did(text: &str) -> Did {
        Did::parse(text).unwrap()
    }

    fn proof(name: &str) -> Proof {
        Proof::parse(&BASE64.encode(&vectors::read(name))).unwrap()
    }

    #[test]
    fn a_proof_is_read_from_every_text_that_tools_print() {
        let file = vectors::read("delegation");
        let mut cid = vec![1, 0x82, 0x04, 0];
        let mut buffer = unsigned_varint::encode::usize_buffer();
        cid.extend_from_slice(unsigned_varint::encode::usize(file.len(), &mut buffer));
        cid.extend_from_slice(&file);
        let wanted = proof("delegation");
        assert_eq!((wanted.agent().as_str(), wanted.space()), (vectors::AGENT, Some(vectors::SPACE)));
        for text in [
            BASE64_NOPAD.encode(&file),
            BASE64URL_NOPAD.encode(&file),
            format!("m{}", BASE64_NOPAD.encode(&file)),
            format!("u{}", BASE64URL_NOPAD.encode(&file)),
            format!("m{}", BASE64_NOPAD.encode(&cid)),
            BASE64.encode(&file).as_bytes().chunks(76).map(|c| String::from_utf8_lossy(c) + "\n").collect::<String>(),
        ] {
            assert_eq!(Proof::parse(&text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_proof_is_refused_without_repeating_it() {
        for bad in ["", "m", "hunter2", "bafybeigdyrzt", &BASE64.encode(&vectors::read("blob-add.request")[..100])] {
            let error = Proof::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("the proof") && (bad.len() < 2 || !error.contains(bad)), "{error}");
        }
    }

    #[test]
    fn a_proof_is_judged_for_an_agent_a_space_and_a_time() {
        let (agent, space) = (did(vectors::AGENT), did(vectors::SPACE));
        let good = proof("delegation");
        let now = 1_800_000_000;
        assert_eq!(good.lacks(&agent, &space, now), []);
        assert_eq!(good.expires(), Some(vectors::EXPIRES));
        assert_eq!(good.lacks(&space, &space, now), [Lack::OtherAgent(agent.clone())]);
        assert_eq!(good.lacks(&agent, &space, vectors::EXPIRES), [Lack::Expired(vectors::EXPIRES)]);
        assert_eq!(proof("expired").lacks(&agent, &space, now), [Lack::Expired(1_700_000_000)]);
        assert_eq!(
            good.lacks(&agent, &agent, now),
            [Lack::OtherSpace(vec![vectors::SPACE.into(), vectors::SPACE.into()][..1].to_vec())]
        );
        let mut narrow = good.clone();
        narrow.ucan.grants.truncate(1);
        let Lack::Abilities(missing) = narrow.lacks(&agent, &space, now).pop().unwrap() else { panic!("abilities") };
        assert_eq!(missing, ["upload/add", "upload/get", "upload/list", "upload/remove"]);
        assert!(narrow.lacks(&agent, &space, now).contains(&Lack::Forged), "a changed statement is not its issuer's");
    }
}
