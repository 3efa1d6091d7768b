//! SIGINT and SIGTERM end a run early; what was done is still reported.

use crate::error::CliError;
use seaworthy_model::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Turns true at the first signal; [`Stop::exit_code`] says which it was.
pub(crate) struct Stop {
    pub(crate) flag: watch::Receiver<bool>,
    which: watch::Receiver<Option<ExitCode>>,
}

impl Stop {
    /// Starts listening. A second signal ends the process at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Self::start(None)
    }

    /// The same, and SIGHUP counts as a signal to end: for a peer, whose terminal
    /// may go away while it stores something.
    pub(crate) fn listen_with_hangup() -> std::io::Result<Self> {
        Self::start(Some(signal(SignalKind::hangup())?))
    }

    fn start(mut hangup: Option<Signal>) -> std::io::Result<Self> {
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
                    () = async {
                        match &mut hangup {
                            Some(hangup) => drop(hangup.recv().await),
                            None => std::future::pending().await,
                        }
                    } => ExitCode::Terminated,
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

    /// Waits for what has to be there before there is anything to report, such as plugins that
    /// a registry is slow to give.
    ///
    /// # Errors
    /// Its own, or a signal that came first.
    pub(crate) async fn before<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        let mut flag = self.flag.clone();
        tokio::select! {
            biased;
            done = work => done,
            Ok(_) = flag.wait_for(|stop| *stop) => {
                Err(CliError::Stopped(self.exit_code().unwrap_or(ExitCode::Interrupted)))
            }
        }
    }

    /// Waits for a signal.
    pub(crate) async fn wait(&mut self) {
        if self.flag.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
