//! A tar archive in gzip. The same files make the same bytes: no times, no owners,
//! a fixed order.

use super::content::Entry;
use flate2::{Compression, GzBuilder};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The folder that the archive unpacks to.
const FOLDER: &str = "seaworthy-bundle";

/// The bytes of an archive of these files.
pub(super) fn packed(entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    // 255 is "unknown" for the operating system (RFC 1952 section 2.3.1).
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    for entry in sorted {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(entry.text.len()).map_err(std::io::Error::other)?);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, format!("{FOLDER}/{}", entry.path), entry.text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// Writes it aside and renames it; only its owner may read it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.partial", std::process::id()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_report::Redactions;
    use std::io::Read as _;

    fn entry(path: &str, text: &str) -> Entry {
        Entry { path: path.into(), text: text.into(), hidden: Redactions::default() }
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let one = packed(&[entry("a.txt", "1"), entry("b/c.json", "{}")]).unwrap();
        let other = packed(&[entry("b/c.json", "{}"), entry("a.txt", "1")]).unwrap();
        assert_eq!(one, other);
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(one.as_slice()));
        let mut names = Vec::new();
        for file in archive.entries().unwrap() {
            let mut file = file.unwrap();
            assert_eq!((file.header().mode().unwrap(), file.header().mtime().unwrap()), (0o600, 0));
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            names.push((file.path().unwrap().display().to_string(), text));
        }
        let expected = [("seaworthy-bundle/a.txt", "1"), ("seaworthy-bundle/b/c.json", "{}")];
        assert_eq!(names, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
