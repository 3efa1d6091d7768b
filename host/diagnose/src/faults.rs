//! The records of `faults/*.toml`, read when this crate was built.

use crate::fault::{Act, Also, Cure, CureStep, Fault, Fold, Part};
use crate::rule::Rule;
use seaworthy_model::{Layer, Risk};

include!(concat!(env!("OUT_DIR"), "/faults.rs"));
