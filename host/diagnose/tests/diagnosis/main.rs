//! Records in, causes and verdicts out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod causes;
mod gate;
mod ipfs;
mod knowledge;
mod origin;
mod python;
mod record;
mod records;
mod remedies;
mod reread;
mod s3;
mod storacha;
mod surroundings;
mod tiers;
mod ways;
