use crate::{Row, number};
use seaworthy_check_sdk::row_value;

/// ENOSPC and EDQUOT.
const NO_ROOM: [&str; 2] = ["28", "122"];

/// The directory that the cache keeps its entries in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Storage {
    pub(crate) path: String,
    works: bool,
    pub(crate) free: Option<u64>,
    pub(crate) error: Option<String>,
    os_code: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) mount: Option<String>,
}

/// Who tried to write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    pub(crate) uid: Option<String>,
    pub(crate) gid: Option<String>,
}

impl Who {
    pub(crate) fn read(row: &Row) -> Self {
        let text = |key| row_value(row, key).map(str::to_owned);
        Self { uid: text("uid"), gid: text("gid") }
    }
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Writing failed for want of room; of inodes where bytes are free.
    Full { inodes: bool },
    /// It can be written, and little is free.
    Scarce,
    /// Writing failed for another reason.
    Unwritable,
}

impl Storage {
    pub(crate) fn read(path: &str, row: &Row) -> Self {
        let text = |key| row_value(row, key).map(str::to_owned);
        let is = |key| row_value(row, key) == Some("true");
        Self {
            path: path.into(),
            // A directory that is missing is made at the first start, where that works.
            works: is("writable") || row_value(row, "exists") == Some("false") && is("creatable"),
            free: number(row, "free-bytes"),
            error: text("error"),
            os_code: text("os-code"),
            owner: text("uid"),
            group: text("gid"),
            mode: text("mode"),
            mount: text("mount-point"),
        }
    }

    pub(crate) fn judge(&self, least_free: u64) -> Option<Wrong> {
        if !self.works {
            let full = self.os_code.as_deref().is_some_and(|code| NO_ROOM.contains(&code));
            // A block or two may be left when the inodes are gone; a full disk has less.
            let inodes = full && self.free.is_some_and(|free| free >= 1 << 20);
            return Some(if full { Wrong::Full { inodes } } else { Wrong::Unwritable });
        }
        self.free.is_some_and(|free| free < least_free).then_some(Wrong::Scarce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(pairs: &[(&str, &str)]) -> Option<Wrong> {
        let row: Row = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Storage::read("/cache", &row).judge(64 << 20)
    }

    #[test]
    fn a_full_disk_full_inodes_and_a_foreign_owner_are_three_things() {
        let failed = |code: &str, free: &str| {
            judge(&[("exists", "true"), ("writable", "false"), ("os-code", code), ("free-bytes", free)])
        };
        assert_eq!(failed("28", "0"), Some(Wrong::Full { inodes: false }));
        assert_eq!(failed("28", "900000000"), Some(Wrong::Full { inodes: true }));
        assert_eq!(failed("122", "4096"), Some(Wrong::Full { inodes: false }));
        assert_eq!(failed("13", "900000000"), Some(Wrong::Unwritable));
        assert_eq!(failed("30", "900000000"), Some(Wrong::Unwritable));
    }

    #[test]
    fn what_can_be_written_or_made_is_well() {
        assert_eq!(judge(&[("exists", "true"), ("writable", "true"), ("free-bytes", "900000000")]), None);
        assert_eq!(judge(&[("exists", "false"), ("writable", "false"), ("creatable", "true")]), None);
        assert_eq!(judge(&[("exists", "true"), ("writable", "true"), ("free-bytes", "4096")]), Some(Wrong::Scarce));
        assert_eq!(
            judge(&[("exists", "false"), ("writable", "false"), ("creatable", "false")]),
            Some(Wrong::Unwritable)
        );
    }
}
