//! A QUIC packet of a version that nobody has (RFC 8999, section 5.1; RFC 9000, sections
//! 14.1 and 15), for the probe that chooses its own port.

/// A shorter one is not answered.
const SIZE: usize = 1200;
const VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
const ID_LENGTH: u8 = 8;

/// The packet. Its connection ids say nothing: it is answered without a state.
pub(crate) fn packet() -> Vec<u8> {
    let mut packet = vec![0xc0];
    packet.extend(VERSION);
    for first in [0x51, 0x61] {
        packet.push(ID_LENGTH);
        packet.extend((0..ID_LENGTH).map(|n| first + n));
    }
    packet.resize(SIZE, 0);
    packet
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_long_header_with_two_ids() {
        let packet = super::packet();
        assert_eq!((packet.len(), packet[0] & 0x80, packet[5], packet[14]), (1200, 0x80, 8, 8));
        assert!(packet[1..5].iter().all(|byte| byte & 0x0f == 0x0a));
    }
}
