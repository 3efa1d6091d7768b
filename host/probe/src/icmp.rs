//! What ended a connect: the error queue of a socket (`man 7 ip`, IP_RECVERR).
//!
//! A closed port and a firewall that rejects give the same errno. The queue
//! tells them apart: a RST leaves it empty, an ICMP message is in it together
//! with who sent it. No privilege is needed.

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// An ICMP message that ended a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpError {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    /// Who sent it; unknown when the kernel did not keep it.
    pub(crate) from: Option<IpAddr>,
}

// <linux/errqueue.h>
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

/// Turns the queue on or off.
///
/// *Behaviour*: a kernel that refuses only costs detail, so the result is not
/// looked at. It has to be off for an established connection: with it on, ICMP
/// messages that TCP should ride out end the connection.
pub(crate) fn listen<S: AsFd>(socket: &S, address: SocketAddr, on: bool) {
    let done = match address {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &on),
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &on),
    };
    if let Err(error) = done {
        tracing::debug!(%address, %error, "the kernel does not report ICMP errors on this socket");
    }
}

/// The first ICMP message in the queue, when there is one.
pub(crate) fn read<S: AsFd>(socket: &S) -> Option<IcmpError> {
    loop {
        let mut payload = [0_u8; 256];
        let mut slices = [IoSliceMut::new(&mut payload)];
        let mut control = vec![0_u8; 512];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut control), flags).ok()?;
        for part in message.cmsgs().ok()? {
            let (error, from) = match part {
                ControlMessageOwned::Ipv4RecvErr(error, from) => {
                    (error, from.map(|a| IpAddr::V4(Ipv4Addr::from(a.sin_addr.s_addr.to_ne_bytes()))))
                }
                ControlMessageOwned::Ipv6RecvErr(error, from) => {
                    (error, from.map(|a| IpAddr::V6(Ipv6Addr::from(a.sin6_addr.s6_addr))))
                }
                _ => continue,
            };
            if error.ee_origin == ORIGIN_ICMP || error.ee_origin == ORIGIN_ICMP6 {
                return Some(IcmpError {
                    kind: error.ee_type,
                    code: error.ee_code,
                    from: from.filter(|a| !a.is_unspecified()),
                });
            }
        }
    }
}

impl IcmpError {
    /// Whether our own kernel made it because nobody answered for the address on
    /// the link: it then carries our own address (RFC 792 type 3 code 1, RFC 4443
    /// type 1 code 3).
    pub(crate) fn is_absent_neighbour(self, local: Option<IpAddr>, remote: IpAddr) -> bool {
        let code = match remote {
            IpAddr::V4(_) => (3, 1),
            IpAddr::V6(_) => (1, 3),
        };
        (self.kind, self.code) == code && local.is_some() && self.from == local && local != Some(remote)
    }
}
