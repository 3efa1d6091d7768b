//! The one way to stdout. A reader that has gone away is no error; anything else
//! that keeps a text from being written is.

use crate::error::CliError;
use std::io::{ErrorKind, Write as _};

/// Writes `text` as it is.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    print_bytes(text.as_bytes())
}

/// Writes `bytes` as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::CannotWrite(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
