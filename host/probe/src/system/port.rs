use super::listeners::{Listener, Owners, listeners};
use super::{Arguments, Row, RowBuilder};
use seaworthy_model::Failure;
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{IpAddr, SocketAddr};

/// Whether each port can be listened on, tried and let go of at once.
///
/// *Behaviour*: TCP with SO_REUSEADDR, as servers do, so that connections in
/// TIME_WAIT do not count as an owner. Arguments: `address` (0.0.0.0), `port`
/// (repeated or with commas), `protocol` (tcp).
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    arguments.wanted("port", "port")?;
    let bad = |what: &str, value: &str| Failure::new("invalid", "parse", format!("`{value}` is not {what}"));
    let address = arguments.one("address").unwrap_or("0.0.0.0");
    let address: IpAddr =
        address.trim_matches(['[', ']']).parse().map_err(|_| bad("an address to listen on", address))?;
    let protocol = arguments.one("protocol").unwrap_or("tcp");
    let kind = match protocol {
        "tcp" => Type::STREAM,
        "udp" => Type::DGRAM,
        other => return Err(bad("a protocol; write tcp or udp", other)),
    };
    let mut ports = Vec::new();
    for text in arguments.listed("port") {
        ports.push(text.parse::<u16>().map_err(|_| bad("a port", text))?);
    }
    let owners = Owners::read();
    let taken = listeners()?;
    Ok(ports
        .into_iter()
        .map(|port| {
            let row = RowBuilder::default().put("port", port).put("protocol", protocol).put("address", address);
            let Err(error) = bind(SocketAddr::new(address, port), kind) else {
                return row.put("bindable", true).done();
            };
            let failure = Failure::from_io("bind", &error);
            let owner =
                taken.iter().find(|l| l.protocol == protocol && l.address.port() == port && overlaps(l, address));
            row.put("bindable", false)
                .put("error-kind", failure.kind)
                .known("os-code", failure.os_code)
                .known("owner-process", owner.and_then(|o| owners.of(o)))
                .known("owner-uid", owner.map(|o| o.uid))
                .known("owner-address", owner.map(|o| o.address))
                .done()
        })
        .collect())
}

fn bind(address: SocketAddr, kind: Type) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    if kind == Type::STREAM {
        socket.listen(1)?;
    }
    Ok(())
}

fn overlaps(listener: &Listener, wanted: IpAddr) -> bool {
    let has = listener.address.ip().to_canonical();
    has == wanted || has.is_unspecified() || wanted.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(row: &Row, key: &str) -> Option<String> {
        row.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone())
    }

    fn looked_at(pairs: &[(&str, String)]) -> Result<Vec<Row>, Failure> {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        inspect(&Arguments(&pairs))
    }

    #[test]
    fn a_taken_port_names_its_owner_and_a_free_one_is_bindable() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let rows = looked_at(&[("port", port.to_string())]).unwrap();
        assert_eq!(value(&rows[0], "bindable").unwrap(), "false");
        assert_eq!(value(&rows[0], "error-kind").unwrap(), "address-in-use");
        assert_eq!(value(&rows[0], "owner-address").unwrap(), format!("127.0.0.1:{port}"));
        assert!(value(&rows[0], "owner-process").unwrap().contains(&std::process::id().to_string()));
        drop(taken);
        let rows = looked_at(&[("port", port.to_string())]).unwrap();
        assert_eq!(value(&rows[0], "bindable").unwrap(), "true");
    }

    #[test]
    fn an_address_that_is_not_ours_cannot_be_listened_on() {
        let rows = looked_at(&[("address", "192.0.2.200".into()), ("port", "39100".into())]).unwrap();
        assert_eq!(value(&rows[0], "error-kind").unwrap(), "address-not-available");
    }

    #[test]
    fn arguments_are_checked() {
        for pairs in
            [vec![("port", "x".to_owned())], vec![("port", "1".to_owned()), ("protocol", "sctp".to_owned())], vec![]]
        {
            assert_eq!(looked_at(&pairs).unwrap_err().kind, "invalid");
        }
    }
}
