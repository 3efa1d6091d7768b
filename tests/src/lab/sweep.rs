//! Removes what labs leave when their test is killed before it can clean up.

use super::namespace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The folder that all labs of this machine lie in.
pub(super) fn labs_folder() -> PathBuf {
    std::env::temp_dir().join("seaworthy-labs")
}

/// Removes every lab whose test has ended.
pub(super) fn stale_labs() {
    let Ok(entries) = std::fs::read_dir(labs_folder()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = name.strip_prefix("lab-") else { continue };
        if is_running(owner) {
            continue;
        }
        end_engine(&entry.path());
        namespace::delete(&format!("swlab-{owner}"));
        remove(&entry.path());
        end_rules(&format!("seaworthy-lab={owner}"));
    }
}

/// Deletes the network namespaces of tests that have ended.
pub(super) fn stale_namespaces() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("swlab-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !is_running(owner)) {
            namespace::delete(&name);
        }
    }
}

/// A process that has ended and is not yet reaped has no command line.
fn is_running(process: &str) -> bool {
    std::fs::read(Path::new("/proc").join(process).join("cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Ends the engine that keeps its state below `folder`, and its containerd.
pub(super) fn end_engine(folder: &Path) {
    for file in ["docker.pid", "exec/containerd/containerd.pid"] {
        let Some(pid) = read_pid(&folder.join(file)) else { continue };
        end(pid, folder, Signal::SIGTERM, Duration::from_secs(15));
        end(pid, folder, Signal::SIGKILL, Duration::from_secs(2));
    }
}

fn read_pid(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Signals a process, only while its command line names `folder`: a number alone
/// may belong to another process by now.
fn end(pid: i32, folder: &Path, signal: Signal, patience: Duration) {
    let ours = || {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(folder.to_string_lossy().as_ref())
    };
    if !ours() {
        return;
    }
    let _ = kill(Pid::from_raw(pid), signal);
    let asked = Instant::now();
    while ours() && asked.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Takes away what is mounted below a lab's folder, then the folder.
pub(super) fn remove(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    let mut below: Vec<&Path> = points.filter(|point| point.starts_with(folder)).collect();
    below.sort();
    for point in below.into_iter().rev() {
        let _ = Command::new("umount").arg("--lazy").arg(point).status();
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// Takes away the machine's own firewall rules that carry a lab's label; there are
/// some only when a lab used the machine's engine and was killed.
fn end_rules(label: &str) {
    let Ok(listed) = Command::new("iptables").args(["--wait", "10", "--list-rules", "INPUT"]).output() else { return };
    for line in String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.contains(label)) {
        let words = line.replace('"', "");
        let words = words.split_whitespace().skip(1);
        let _ = Command::new("iptables").args(["--wait", "10", "--delete"]).args(words).status();
    }
}
