//! Connects to every address given and says how many answered: the least that a
//! program can do for the same knowledge.

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut failed = 0;
    let mut connected = 0;
    for address in std::env::args().skip(1) {
        let reached =
            address.parse::<SocketAddr>().is_ok_and(|a| TcpStream::connect_timeout(&a, Duration::from_secs(2)).is_ok());
        if reached { connected += 1 } else { failed += 1 }
    }
    println!("{connected} connected, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
