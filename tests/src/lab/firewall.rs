use crate::{Run, Seaworthy};
use anyhow::{Context, Result};
use std::ffi::OsString;

/// A rule at the head of the INPUT chain of the lab's host. Taken away when it is
/// dropped.
#[derive(Debug)]
pub struct Rule {
    host: Vec<OsString>,
    words: Vec<String>,
}

impl Rule {
    pub(super) fn insert(host: Vec<OsString>, label: &str, rule: &[&str]) -> Result<Self> {
        let comment = ["-m", "comment", "--comment", label];
        let words: Vec<String> = rule.iter().chain(&comment).map(|&w| w.to_owned()).collect();
        let inserted = iptables(&host, "--insert", &words)?;
        inserted.exits(0).with_context(|| format!("iptables cannot insert {}", words.join(" ")))?;
        Ok(Self { host, words })
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        let _ = iptables(&self.host, "--delete", &self.words);
    }
}

fn iptables(host: &[OsString], action: &str, rule: &[String]) -> Result<Run> {
    let command = Seaworthy::program(["iptables", "--wait", "10", action, "INPUT"]).through(host);
    rule.iter().fold(command, |command, word| command.arg(word)).run()
}
