#[tokio::main]
async fn main() {
    let node = seaworthy_p2p::Node::start(seaworthy_p2p::NodeConfig::default()).unwrap();
    for a in std::env::args().skip(1) {
        let d = node
            .dial(
                &seaworthy_p2p::DialAttempt { address: a, timeout: std::time::Duration::from_secs(5), pings: 3 },
                &seaworthy_model::PermitAll,
            )
            .await;
        println!("{d:#?}");
    }
}
