//! Every snippet of the guide is tested: policies are validated, code is part of projects that
//! are built, consoles are played in a folder of their own and their output compared. A block
//! of another kind fails, so that nothing is untested without a word.
//!
//! What a block is, its info string says:
//! * `toml`: a policy, or a part of one. `toml,case` and `toml,manifest`: out of a project.
//! * `json`: parses.
//! * `console`: `$ command` and what it prints; `[..]` stands for anything in a line, a line
//!   `...` for any lines. `status=N` is the exit code of the last one. Blocks of a page are
//!   played in order.
//! * `rust`, `python`, `js`, `ts`, `wit`, and `toml` with a kind: taken from a file of a project
//!   (`{{#include ...}}`), and by `file=PATH` put into the folder in which the page is played;
//!   `append=PATH` adds to a file there.
//! * `sh`: commands that are not run here; those of seaworthy exist, with their flags.
//! * `needs=rust` and so on: the block is skipped, with the reason, where that is not there.

#[path = "guide/block.rs"]
mod block;
#[path = "guide/book.rs"]
mod book;
#[path = "guide/links.rs"]
mod links;
#[path = "guide/playing.rs"]
mod playing;
#[path = "guide/policy.rs"]
mod policy;

use anyhow::{Context as _, Result};
use book::Page;
use libtest_mimic::{Arguments, Failed, Trial};
use seaworthy_tests::server;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let pages = match book::pages() {
        Ok(pages) => pages,
        Err(error) => {
            eprintln!("the guide cannot be read: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let skipped = Arc::new(Mutex::new(Vec::new()));
    let mut trials: Vec<Trial> = pages
        .iter()
        .map(|page| {
            let (page, skipped) = (page.clone(), Arc::clone(&skipped));
            Trial::test(format!("snippets_of_{}", page.name()), move || {
                let left_out = block::test(&page).map_err(|error| Failed::from(format!("{error:#}")))?;
                skipped.lock().map_err(|_| Failed::from("a test panicked"))?.extend(left_out);
                Ok(())
            })
        })
        .collect();
    let all = Arc::new(pages);
    type Judge = fn(&[Page]) -> Result<()>;
    let about: [(&str, Judge); 5] = [
        ("every_page_is_in_the_summary", links::summary),
        ("every_link_leads_somewhere", links::links),
        ("every_command_exists", links::commands),
        ("every_plugin_of_the_cookbook_has_a_page", links::cookbook),
        ("a_console_is_compared_with_its_wildcards", playing::compares),
    ];
    for (name, judge) in about {
        let pages = Arc::clone(&all);
        let judged = move || judge(&pages).context("the guide").map_err(|error| Failed::from(format!("{error:#}")));
        trials.push(Trial::test(name, judged));
    }
    let mdbook = server(&["mdbook"]).map(|folder| folder.join("bin/mdbook"));
    if let Err(why) = &mdbook {
        println!("skipped mdbook_makes_the_book: {why}");
    }
    let ignored = mdbook.is_err();
    let make = move || {
        let program = mdbook.map_err(Failed::from)?;
        links::made(&program).map_err(|error| Failed::from(format!("{error:#}")))
    };
    trials.push(Trial::test("mdbook_makes_the_book", make).with_ignored_flag(ignored));
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (place, why) in skipped.lock().iter().flat_map(|all| all.iter()) {
        println!("skipped {place}: {why}");
    }
    conclusion.exit_code()
}
