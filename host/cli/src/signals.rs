//! SIGINT and SIGTERM end a run early; what was done is still reported.

use seaworthy_model::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns true at the first signal; [`Stop::exit_code`] says which it was.
pub(crate) struct Stop {
    pub(crate) flag: watch::Receiver<bool>,
    which: watch::Receiver<Option<ExitCode>>,
}

impl Stop {
    /// Starts listening. A second signal ends the process at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (flag_sender, flag) = watch::channel(false);
        let (which_sender, which) = watch::channel(None);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            let mut first = None;
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => ExitCode::Interrupted,
                    _ = terminate.recv() => ExitCode::Terminated,
                };
                if first.is_some() {
                    std::process::exit(i32::from(code.code()));
                }
                first = Some(code);
                which_sender.send_replace(Some(code));
                flag_sender.send_replace(true);
            }
        });
        Ok(Self { flag, which })
    }

    /// The code of the signal that came, if one did.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        *self.which.borrow()
    }

    /// Waits for a signal.
    pub(crate) async fn wait(&mut self) {
        if self.flag.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
