//! What the kernel knows of a TCP connection: what the other side has acknowledged
//! (SIOCOUTQ, tcp(7)) and how the path is (TCP_INFO).

use nix::libc;
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};

/// The beginning of `struct tcp_info` in <linux/tcp.h>, which every kernel gives in
/// full; what came later is left off, as older kernels would give less of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the option below, which a macro makes public, has it for its value")]
pub struct TcpInfo([u32; 26]);

sockopt_impl!(Info, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, TcpInfo);

// Places of the fields, in words of 32 bits; the first two words are eight small fields.
const SND_MSS: usize = 4;
const LOST: usize = 8;
const PMTU: usize = 15;
const RTT: usize = 17;
const TOTAL_RETRANS: usize = 25;

/// Bytes that were given to the kernel and are not acknowledged yet, whether sent or not.
pub(crate) fn unacknowledged<S: AsFd>(socket: &S) -> std::io::Result<u32> {
    let mut queued: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and SIOCOUTQ, which
    // is TIOCOUTQ, writes one int to where the pointer leads.
    #[expect(unsafe_code, reason = "no crate of the tree wraps SIOCOUTQ")]
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
    if done < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(u32::try_from(queued).unwrap_or_default())
}

/// "mss", "path-mtu", "retransmits", "rtt-us", "lost"; nothing when the kernel does not say.
pub(crate) fn details<S: AsFd>(socket: &S) -> BTreeMap<String, String> {
    let Ok(info) = getsockopt(socket, Info) else { return BTreeMap::new() };
    [("mss", SND_MSS), ("path-mtu", PMTU), ("retransmits", TOTAL_RETRANS), ("rtt-us", RTT), ("lost", LOST)]
        .into_iter()
        .map(|(name, place)| (name.to_owned(), info.0[place].to_string()))
        .collect()
}
