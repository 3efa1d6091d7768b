//! What the kernel says of its interfaces and addresses over netlink, in one dump each
//! (`man 7 rtnetlink`). Of the many attributes only those are read that are used here: a
//! newer kernel may say more in any of the others.

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlasIterator};
use netlink_packet_core::{parse_ip, parse_string, parse_u32};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use std::io;
use std::net::IpAddr;

/// The kernel writes no more than this at once to whoever offers it.
const CHUNK: usize = 32 << 10;

// <linux/rtnetlink.h>
const GET_LINK: u16 = 18;
const GET_ADDRESS: u16 = 22;

// <linux/if_link.h>: struct ifinfomsg, its attributes, and <linux/if.h>: its flags.
const LINK_HEADER: usize = 16;
const HARDWARE_ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const BELOW: u16 = 5;
const INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const UP: u32 = 1;
const LOOPBACK: u32 = 8;

// <linux/if_addr.h>: struct ifaddrmsg and its attributes.
const ADDRESS_HEADER: usize = 8;
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;

/// An interface.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    /// Number of the interface it rests on, where that is another one.
    pub(super) below: Option<u32>,
    pub(super) mtu: Option<u32>,
    pub(super) up: bool,
    pub(super) loopback: bool,
    pub(super) hardware_address: Vec<u8>,
    /// What made it: `bridge`, `tun`, `veth`. Empty for a device of the machine.
    pub(super) kind: String,
}

/// An address of an interface.
#[derive(Debug)]
pub(super) struct Address {
    /// Number of the interface.
    pub(super) index: u32,
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

/// All interfaces of this network namespace, and all their addresses.
///
/// # Errors
/// What the system said, or an answer that cannot be read.
pub(super) fn interfaces() -> io::Result<(Vec<Interface>, Vec<Address>)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let links = dump(&socket, GET_LINK, LINK_HEADER, interface)?;
    let addresses = dump(&socket, GET_ADDRESS, ADDRESS_HEADER, address)?;
    Ok((links, addresses.into_iter().flatten().collect()))
}

/// Asks for a table and reads every row of it. A question is a header of zeros: everything.
fn dump<T>(
    socket: &Socket,
    question: u16,
    header: usize,
    read: impl Fn(&[u8], &[u8]) -> io::Result<T>,
) -> io::Result<Vec<T>> {
    let mut bytes = vec![0; FRAME + header];
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut frame = NetlinkBuffer::new(&mut bytes);
    frame.set_length(length);
    frame.set_message_type(question);
    frame.set_flags(NLM_F_REQUEST | NLM_F_DUMP);
    socket.send(&bytes, 0)?;
    let (mut rows, mut chunk) = (Vec::new(), Vec::with_capacity(CHUNK));
    loop {
        chunk.clear();
        if socket.recv(&mut chunk, 0)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            let frame = NetlinkBuffer::new_checked(rest).map_err(io::Error::other)?;
            match frame.message_type() {
                NLMSG_DONE => return Ok(rows),
                NLMSG_ERROR => return Err(io::Error::other("the kernel refuses to tell its interfaces")),
                _ => {
                    let (head, attributes) = frame.payload().split_at_checked(header).ok_or_else(short)?;
                    rows.push(read(head, attributes)?);
                }
            }
            // Messages begin at multiples of four bytes.
            let length = usize::try_from(frame.length()).map_err(io::Error::other)?.next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// Bytes of the header of every message.
const FRAME: usize = 16;

fn interface(head: &[u8], attributes: &[u8]) -> io::Result<Interface> {
    let flags = number(head, 8)?;
    let mut found = Interface {
        index: number(head, 4)?,
        up: flags & UP != 0,
        loopback: flags & LOOPBACK != 0,
        ..Interface::default()
    };
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(io::Error::other)?;
        let value = attribute.value();
        match attribute.kind() {
            NAME => found.name = parse_string(value).map_err(io::Error::other)?,
            MTU => found.mtu = Some(parse_u32(value).map_err(io::Error::other)?),
            BELOW => found.below = Some(parse_u32(value).map_err(io::Error::other)?),
            HARDWARE_ADDRESS => found.hardware_address = value.to_vec(),
            INFO => {
                for info in NlasIterator::new(value) {
                    let info = info.map_err(io::Error::other)?;
                    if info.kind() == INFO_KIND {
                        found.kind = parse_string(info.value()).map_err(io::Error::other)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The address of our own end: of a point-to-point link the other one is told as well.
/// None for what is no internet address.
fn address(head: &[u8], attributes: &[u8]) -> io::Result<Option<Address>> {
    let (mut own, mut any) = (None, None);
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(io::Error::other)?;
        match attribute.kind() {
            LOCAL => own = parse_ip(attribute.value()).ok(),
            ADDRESS => any = parse_ip(attribute.value()).ok(),
            _ => {}
        }
    }
    let prefix = *head.get(1).ok_or_else(short)?;
    let index = number(head, 4)?;
    Ok(own.or(any).map(|address| Address { index, address, prefix }))
}

/// Four bytes of a header, in the machine's own order.
fn number(head: &[u8], at: usize) -> io::Result<u32> {
    let bytes = head.get(at..at + 4).ok_or_else(short)?;
    parse_u32(bytes).map_err(io::Error::other)
}

fn short() -> io::Error {
    io::Error::other("a message of the kernel is shorter than its header")
}
