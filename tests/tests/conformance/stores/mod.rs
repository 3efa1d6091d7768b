//! The stores: one small file each.

mod disk;
mod ipfs;
mod memory;
mod origin;
mod origin_tls;
mod p2p;
mod s3;
mod storacha;

use crate::store::Store;

/// All of them.
pub(crate) fn all() -> Vec<Store> {
    vec![
        memory::store(),
        disk::store(),
        p2p::store(),
        s3::juicefs(),
        s3::s3s(),
        ipfs::by_mfs(),
        ipfs::by_directory(),
        storacha::store(),
        origin::store(),
        origin_tls::store(),
    ]
}
