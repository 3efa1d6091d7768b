//! The files of new projects, as `build.rs` found them in this repository.

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The files of a part, by their paths in it.
pub(super) fn part(name: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| {
        let inside = path.strip_prefix(name)?.strip_prefix('/')?;
        Some((inside, *bytes))
    })
}
