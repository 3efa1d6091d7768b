//! The stores: one small file each.

mod bazel_http;
mod disk;
mod ipfs;
mod memory;
mod oci_registry;
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
        bazel_http::by_bazel_remote(),
        bazel_http::by_nginx(),
        oci_registry::store(),
    ]
}
