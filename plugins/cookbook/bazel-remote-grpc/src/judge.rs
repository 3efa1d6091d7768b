use crate::codes;
use crate::http2::{self, Reply};
use crate::proto::{self, Capabilities};
use seaworthy_check_sdk::Code;

const UNIMPLEMENTED: u32 = 12;
const PERMISSION_DENIED: u32 = 7;
const UNAUTHENTICATED: u32 = 16;

/// What an answer means.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Answers(Capabilities),
    /// What is wrong, in a code and in words.
    Wrong(Code, String),
    /// Nothing came: it may be that it waits for TLS.
    Silent,
    /// It cannot be told, and why.
    Unknown(String),
}

/// Judges what came back for a call.
pub(crate) fn answer(received: &[u8]) -> Verdict {
    if received.is_empty() {
        return Verdict::Silent;
    }
    if received.starts_with(b"HTTP/1") || received.starts_with(b"HTTP/0") {
        return Verdict::Wrong(codes::REMOTE_HTTP1_ONLY, ["it answers `", &shown(received), "`"].concat());
    }
    // An alert of TLS, of any version.
    if let [0x15, 0x03, ..] = received {
        return Verdict::Wrong(codes::REMOTE_TLS_EXPECTED, "it answers with an alert of TLS".into());
    }
    match http2::reply(received) {
        Some(reply) => judged(&reply),
        None => Verdict::Wrong(codes::REMOTE_NO_ANSWER, ["it answers `", &shown(received), "`"].concat()),
    }
}

fn judged(reply: &Reply) -> Verdict {
    if let Some(status) = reply.header("grpc-status") {
        return status.parse().map_or_else(
            |_| Verdict::Unknown(["the status of gRPC is `", status, "`"].concat()),
            |status| of_grpc(status, reply),
        );
    }
    if let Some(error) = reply.error {
        let words = ["it ends the request with the error ", &error.to_string(), " of HTTP/2"].concat();
        return Verdict::Wrong(codes::REMOTE_FAILING, words);
    }
    let grpc = reply.header("content-type").is_some_and(|kind| kind.starts_with("application/grpc"));
    match reply.header(":status") {
        Some(status) if !grpc => {
            let code = match status {
                "401" | "403" | "407" => codes::REMOTE_UNAUTHENTICATED,
                _ if status.starts_with('5') || status == "429" => codes::REMOTE_FAILING,
                _ => codes::REMOTE_NO_API,
            };
            Verdict::Wrong(code, ["it answers with status ", status, " of HTTP and no gRPC"].concat())
        }
        _ => Verdict::Unknown("it speaks HTTP/2, and its answer did not end in time".into()),
    }
}

fn of_grpc(status: u32, reply: &Reply) -> Verdict {
    let words = || {
        let message = reply.header("grpc-message").unwrap_or_default();
        ["it answers with status ", &status.to_string(), " of gRPC: ", message].concat()
    };
    match status {
        0 => match message(&reply.body).and_then(proto::capabilities) {
            Some(capabilities) if reply.ended => Verdict::Answers(capabilities),
            _ => Verdict::Unknown("it says that all is well, and its message cannot be read".into()),
        },
        UNIMPLEMENTED => Verdict::Wrong(codes::REMOTE_NO_API, words()),
        UNAUTHENTICATED | PERMISSION_DENIED => Verdict::Wrong(codes::REMOTE_UNAUTHENTICATED, words()),
        _ => Verdict::Wrong(codes::REMOTE_FAILING, words()),
    }
}

/// The message of a gRPC body: not compressed, and whole.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (head, message) = body.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (compressed == 0 && message.len() == length).then_some(message)
}

/// The beginning of an answer, printable.
fn shown(received: &[u8]) -> String {
    received.iter().take(32).map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::tests::{BAZEL_REMOTE, answered};

    fn told(received: &[u8]) -> String {
        match answer(received) {
            Verdict::Answers(_) => "answers".into(),
            Verdict::Wrong(code, _) => code.code.into(),
            Verdict::Silent => "silent".into(),
            Verdict::Unknown(_) => "unknown".into(),
        }
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in pairs {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        block
    }

    #[test]
    fn a_cache_answers() {
        assert_eq!(told(BAZEL_REMOTE), "answers");
        for cut in 1..BAZEL_REMOTE.len() {
            assert!(["unknown", "remote.no-answer"].contains(&told(&BAZEL_REMOTE[..cut]).as_str()), "cut at {cut}");
        }
    }

    #[test]
    fn other_protocols_are_told_apart() {
        assert_eq!(told(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "remote.http1-only");
        assert_eq!(told(b"\x15\x03\x01\x00\x02\x02\x46"), "remote.tls-expected");
        assert_eq!(told(b"220 smtp ready\r\n"), "remote.no-answer");
        assert_eq!(told(b""), "silent");
    }

    #[test]
    fn what_grpc_says_counts() {
        let grpc = |status: &str| {
            let pairs = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status)];
            told(&answered(&headers(&pairs), true))
        };
        assert_eq!(grpc("12"), "remote.no-api");
        assert_eq!(grpc("16"), "remote.unauthenticated");
        assert_eq!(grpc("7"), "remote.unauthenticated");
        assert_eq!(grpc("14"), "remote.failing");
        assert_eq!(grpc("0"), "unknown", "without a message");
        assert_eq!(grpc("x"), "unknown");
    }

    #[test]
    fn http_without_grpc_is_no_cache() {
        let plain =
            |status: &str| told(&answered(&headers(&[(":status", status), ("content-type", "text/html")]), true));
        assert_eq!((plain("404"), plain("200")), ("remote.no-api".into(), "remote.no-api".into()));
        assert_eq!((plain("403"), plain("502")), ("remote.unauthenticated".into(), "remote.failing".into()));
        let begun = headers(&[(":status", "200"), ("content-type", "application/grpc")]);
        assert_eq!(told(&answered(&begun, false)), "unknown", "not over yet");
    }
}
