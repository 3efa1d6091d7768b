//! A UDP socket that is connected, so that it hears of ICMP.

use crate::{dial, icmp};
use nix::libc;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use seaworthy_model::Failure;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use tokio::net::UdpSocket;
use tokio::time::Instant;

sockopt_impl!(MtuDiscover4, SetOnly, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::c_int);
sockopt_impl!(MtuDiscover6, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::c_int);
sockopt_impl!(PathMtu6, GetOnly, libc::IPPROTO_IPV6, libc::IPV6_MTU, libc::c_int);

/// Opens a socket to `address`, which must have been permitted. Nothing is sent.
///
/// *Behaviour*: nothing is fragmented on the way; a datagram that does not fit is
/// refused here or by a router (IP_PMTUDISC_DO, ip(7)).
pub(crate) fn open(address: SocketAddr, local_port: u16) -> Result<UdpSocket, Failure> {
    let start = Instant::now();
    let refused = |stage: &str, error: &std::io::Error| dial::here(stage, error, address, start);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))
        .map_err(|e| refused("bind", &e))?;
    icmp::listen(&socket, address, true);
    let whole = match address {
        SocketAddr::V4(_) => setsockopt(&socket, MtuDiscover4, &libc::IP_PMTUDISC_DO),
        SocketAddr::V6(_) => setsockopt(&socket, MtuDiscover6, &libc::IPV6_PMTUDISC_DO),
    };
    whole.map_err(|e| refused("bind", &e.into()))?;
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, local_port)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, local_port)),
    };
    socket.bind(&any.into()).map_err(|e| refused("bind", &e))?;
    socket.connect(&address.into()).map_err(|e| refused("connect", &e))?;
    UdpSocket::from_std(socket.into()).map_err(|e| refused("bind", &e))
}

/// The path MTU that the kernel knows for a connected socket.
pub(crate) fn path_mtu<S: AsFd>(socket: &S, address: SocketAddr) -> Option<i32> {
    match address {
        SocketAddr::V4(_) => getsockopt(socket, sockopt::IpMtu).ok(),
        SocketAddr::V6(_) => getsockopt(socket, PathMtu6).ok(),
    }
}
