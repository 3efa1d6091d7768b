use crate::scope::LimitExceeded;
use crate::state::{CpuBudgetExceeded, State};
use crate::tape::{Departed, Unanswered};
use seaworthy_model::{ErrorReason, Limits};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

/// Lines of a panic message worth showing.
const STDERR_LINES: usize = 6;

/// How a guest call ended when it did not return: the reason, and a sentence for people.
pub(crate) fn explain(error: &wasmtime::Error, state: &State) -> (ErrorReason, String) {
    let limits: &Limits = &state.scope.step.limits;
    if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
        return (ErrorReason::OutputLimit, format!("the component went over its limits: {limit}"));
    }
    if let Some(departed) = error.downcast_ref::<Departed>() {
        return (ErrorReason::Replay, departed.to_string());
    }
    if let Some(unanswered) = error.downcast_ref::<Unanswered>() {
        return (ErrorReason::Timeout, unanswered.to_string());
    }
    if error.downcast_ref::<CpuBudgetExceeded>().is_some() {
        return (
            ErrorReason::CpuBudget,
            format!("the component used up its processor time of {} ms without ending", limits.cpu.as_millis()),
        );
    }
    if error.downcast_ref::<wasmtime_wasi::I32Exit>().is_some() {
        return (ErrorReason::Trap, "the component called exit instead of returning".into());
    }
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if text.contains("forcing trap when growing memory") || text.contains("memory minimum size") {
        return (
            ErrorReason::OutOfMemory,
            format!("the component wanted more than its {} MiB of memory", limits.memory >> 20),
        );
    }
    // A full pipe is closed to the guest, whose own panic over that is only the echo.
    let full = |pipe: &MemoryOutputPipe| pipe.contents().len() >= limits.output;
    if full(&state.stdout) || full(&state.stderr) {
        return (
            ErrorReason::OutputLimit,
            format!("the component printed more than its limit of {} KiB", limits.output >> 10),
        );
    }
    if text.contains("fuel") && text.contains("allocat") {
        return (ErrorReason::OutputLimit, "the component handed the host more data than one call may carry".into());
    }
    let place = backtrace(error);
    let said = tail(&state.stderr);
    let message = match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::UnreachableCodeReached) if !said.is_empty() => format!("the component panicked: {said}"),
        Some(wasmtime::Trap::UnreachableCodeReached) => "the component panicked or aborted without a message".into(),
        Some(wasmtime::Trap::StackOverflow) => "the component overflowed its stack".into(),
        Some(wasmtime::Trap::MemoryOutOfBounds) => {
            "the component touched memory outside its own; in Rust guests this is most often a stack overflow".into()
        }
        Some(trap) => format!("the component trapped: {trap}"),
        None => format!("the component failed: {text}"),
    };
    (ErrorReason::Trap, format!("{message}{place}"))
}

/// The guest functions that were active, innermost first, where names are known.
fn backtrace(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else { return String::new() };
    let names: Vec<String> = trace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(|name| format!("{:#}", demangle(name)))
        .filter(|name| {
            !["rust_panic", "abort", "begin_panic_handler", "panic_fmt"].iter().any(|noise| name.contains(noise))
        })
        .take(4)
        .collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(" < ")) }
}

/// Legacy Rust symbols carry a hash nobody wants to read.
fn demangle(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 => path.to_owned(),
        _ => name.to_owned(),
    }
}

/// The last lines of what the guest wrote.
pub(crate) fn tail(pipe: &MemoryOutputPipe) -> String {
    let bytes = pipe.contents();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("note: ")).collect();
    lines[lines.len().saturating_sub(STDERR_LINES)..].join(" | ")
}
