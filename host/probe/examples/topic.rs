//! Prints what the host finds for one topic: `topic container`, `topic port port=9100`.

use seaworthy_model::Environment;
use seaworthy_probe::system::{Context, inspect};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let topic = arguments.next().unwrap_or_else(|| "container".to_owned());
    let pairs: Vec<(String, String)> =
        arguments.filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect();
    let context = Context { environment: Environment::from_pairs(std::env::vars()) };
    match inspect(&topic, &pairs, &context) {
        Ok(rows) => {
            for row in rows {
                println!("{}", row.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("\t"));
            }
        }
        Err(failure) => println!("{}: {failure}", failure.kind),
    }
}
