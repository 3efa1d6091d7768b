use super::*;
use hickory_proto::rr::rdata::{A, OPT, TXT};
use seaworthy_model::PermitAll;
use std::net::Ipv4Addr;
use tokio::net::{TcpListener, UdpSocket};

fn question(server: SocketAddr, transport: Transport) -> Question {
    Question {
        server: server.to_string(),
        transport,
        name: "Cache.Example.com".into(),
        kind: "A".into(),
        timeout: Duration::from_millis(600),
    }
}

/// The answer to `packet`, with one address.
fn answered(packet: &[u8]) -> Message {
    let asked = Message::from_vec(packet).unwrap();
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.add_queries(asked.queries.clone());
    let data = RData::A(A(Ipv4Addr::new(192, 0, 2, 7)));
    answer.add_answer(Record::from_rdata(asked.queries[0].name.clone(), 60, data));
    answer
}

/// A name server over UDP that sends for each question what `answer` makes of it.
async fn udp_server(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (read, from) = socket.recv_from(&mut buffer).await.unwrap();
            for packet in answer(&buffer[..read]) {
                socket.send_to(&packet, from).await.unwrap();
            }
        }
    });
    address
}

async fn tcp_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut packet = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut packet).await.unwrap();
            stream.write_all(&answer(&packet)).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn an_answer_is_read_over_either_transport() {
    let over_udp = udp_server(|packet| vec![answered(packet).to_vec().unwrap()]).await;
    let over_tcp = tcp_server(|packet| {
        let answer = answered(packet).to_vec().unwrap();
        [&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat()
    })
    .await;
    for (server, transport) in [(over_udp, Transport::Udp), (over_tcp, Transport::Tcp)] {
        let reply = ask(&question(server, transport), &PermitAll).await.outcome.unwrap();
        assert_eq!((reply.code.as_str(), reply.truncated), ("NOERROR", false));
        let entry = &reply.answers[0];
        assert_eq!((entry.kind.as_str(), entry.ttl, entry.data.as_str()), ("A", 60, "192.0.2.7"));
        assert!(entry.name.eq_ignore_ascii_case("cache.example.com."), "{entry:?}");
        assert_eq!(reply.details["recursion-available"], "true");
    }
}

#[tokio::test]
async fn codes_and_truncation_are_replies() {
    let server = udp_server(|packet| {
        let mut answer = answered(packet);
        answer.answers.clear();
        answer.metadata.response_code = ResponseCode::Refused;
        answer.metadata.truncation = true;
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let reply = ask(&question(server, Transport::Udp), &PermitAll).await.outcome.unwrap();
    assert_eq!((reply.code.as_str(), reply.truncated, reply.answers.len()), ("REFUSED", true, 0));
}

#[tokio::test]
async fn a_large_answer_fits_where_its_size_was_said() {
    let sizes = udp_server(|packet| {
        let asked = Message::from_vec(packet).unwrap();
        let mut answer = answered(packet);
        answer.metadata.truncation = asked.edns.as_ref().is_none_or(|edns| edns.max_payload() < 1200);
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let old = udp_server(|packet| {
        let asked = Message::from_vec(packet).unwrap();
        let mut answer = answered(packet);
        if asked.edns.is_some() {
            answer.answers.clear();
            answer.metadata.response_code = ResponseCode::FormErr;
        }
        vec![answer.to_vec().unwrap()]
    })
    .await;
    for (server, edns, truncated) in [(sizes, false, true), (sizes, true, false), (old, true, false)] {
        let reply = asked_with(&question(server, Transport::Udp), edns, &PermitAll).await.outcome.unwrap();
        assert_eq!((reply.code.as_str(), reply.truncated), ("NOERROR", truncated), "{edns}");
    }
}

#[tokio::test]
async fn what_answers_something_else_is_passed_over() {
    let forged = |packet: &[u8]| {
        let mut answer = answered(packet);
        answer.metadata.id ^= 1;
        answer.to_vec().unwrap()
    };
    let both = udp_server(move |packet| vec![forged(packet), answered(packet).to_vec().unwrap()]).await;
    assert!(ask(&question(both, Transport::Udp), &PermitAll).await.outcome.is_ok());
    let only_forged = udp_server(move |packet| vec![forged(packet)]).await;
    let failure = ask(&question(only_forged, Transport::Udp), &PermitAll).await.outcome.unwrap_err();
    assert_eq!(failure.kind, "protocol", "{failure}");
    for broken in [
        |packet: &[u8]| {
            let mut answer = answered(packet);
            answer.queries[0].query_type = RecordType::AAAA;
            answer.to_vec().unwrap()
        },
        |packet: &[u8]| packet[..9].to_vec(),
        // Our own question, sent back.
        |packet: &[u8]| packet.to_vec(),
    ] {
        let server = udp_server(move |packet| vec![broken(packet)]).await;
        assert_eq!(ask(&question(server, Transport::Udp), &PermitAll).await.outcome.unwrap_err().kind, "protocol");
    }
}

#[tokio::test]
async fn silence_refusal_and_an_early_end_are_told_apart() {
    let silent = udp_server(|_| Vec::new()).await;
    let failure = ask(&question(silent, Transport::Udp), &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "read"));

    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = ask(&question(closed, Transport::Udp), &PermitAll).await.outcome.unwrap_err();
    assert_eq!(failure.kind, "connection-refused", "{failure}");
    assert_eq!((&failure.details["icmp-type"][..], &failure.details["icmp-code"][..]), ("3", "3"));
    let failure = ask(&question(closed, Transport::Tcp), &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("connection-refused", "connect"));

    let cut = tcp_server(|_| vec![0, 40, 1, 2]).await;
    let failure = ask(&question(cut, Transport::Tcp), &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("closed", "read"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_invalid() {
    let server = "127.0.0.1:9".parse().unwrap();
    let good = question(server, Transport::Udp);
    for bad in [
        Question { server: "localhost:53".into(), ..good.clone() },
        Question { server: "127.0.0.1".into(), ..good.clone() },
        Question { kind: "a".into(), ..good.clone() },
        Question { kind: "AXFR".into(), ..good.clone() },
        Question { name: String::new(), ..good.clone() },
        Question { name: format!("{}.test", "x".repeat(64)), ..good.clone() },
    ] {
        assert_eq!(ask(&bad, &PermitAll).await.outcome.unwrap_err().kind, "invalid", "{bad:?}");
    }
    assert!("sctp".parse::<Transport>().is_err());
}

#[test]
fn texts_are_quoted_and_types_without_text_are_empty() {
    let text = RData::TXT(TXT::from_bytes(vec![b"a \"b\"", b"\x1b[31m"]));
    assert_eq!(data(&text), r#""a \"b\"" "\x1b[31m""#);
    assert_eq!(data(&RData::OPT(OPT::default())), "");
    assert_eq!(mnemonic(ResponseCode::NXDomain), "NXDOMAIN");
    assert_eq!(mnemonic(ResponseCode::Unknown(99)), "RCODE99");
}

/// Permits connections to anybody and the look-up of no name.
struct NoNames;

impl Permit for NoNames {
    fn lookup(&self, host: &str) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", format!("`{host}` may not be looked up")))
    }

    fn connect(&self, _: &str, _: SocketAddr) -> Result<(), Failure> {
        Ok(())
    }

    fn connect_by_name(&self, _: &str, _: u16) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn the_root_needs_no_permit_for_a_name() {
    let server = udp_server(|packet| vec![answered(packet).to_vec().unwrap()]).await;
    let of = |name: &str| Question { name: name.into(), kind: "NS".into(), ..question(server, Transport::Udp) };
    assert!(ask(&of("."), &NoNames).await.outcome.is_ok());
    assert_eq!(ask(&of("cache.example.com"), &NoNames).await.outcome.unwrap_err().kind, "denied");
}
