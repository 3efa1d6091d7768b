use super::{Row, RowBuilder, text};
use procfs::process::Process;

/// How long things have been running: this process, process 1, which is the container where
/// there is one, and the machine. What was configured later than they started they may not know.
pub(crate) fn inspect() -> Row {
    let system = text("/proc/uptime").and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let age = |process: Result<Process, procfs::ProcError>| {
        let started = process.ok()?.stat().ok()?.starttime;
        let per_second = procfs::ticks_per_second();
        // Both count from the start of the machine.
        Some(whole(system?).saturating_sub(started / per_second.max(1)))
    };
    RowBuilder::default()
        .known("process-age-s", age(Process::myself()))
        .known("init-age-s", age(Process::new(1)))
        .known("system-age-s", system.map(whole))
        .done()
}

/// Whole seconds.
fn whole(seconds: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_older_than_this_process() {
        let row = inspect();
        let age = |key: &str| row.iter().find(|(k, _)| k == key).unwrap().1.parse::<u64>().unwrap();
        assert!(age("process-age-s") <= age("system-age-s"), "{row:?}");
        assert!(age("process-age-s") < 3600, "{row:?}");
    }
}
