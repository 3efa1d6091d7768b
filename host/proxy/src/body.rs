use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use std::time::Duration;
use tokio::time::timeout;

/// The body of a message on its way.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn streamed(incoming: Incoming) -> Body {
    incoming.boxed_unsync()
}

/// What reading a body up to a bound brought.
pub(crate) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It is longer; this is all of it, as it comes.
    Longer(Body),
}

/// Reads a body as long as it has at most `most` bytes.
///
/// # Errors
/// It broke off, or did not end in time (`None`).
pub(crate) async fn read(
    mut incoming: Incoming,
    most: usize,
    patience: Duration,
) -> Result<Read, Option<hyper::Error>> {
    if incoming.size_hint().lower() > most as u64 {
        return Ok(Read::Longer(streamed(incoming)));
    }
    let gathering = async {
        let mut gathered = Vec::new();
        let mut length = 0;
        while let Some(frame) = incoming.frame().await {
            // Trailers carry nothing that is kept.
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            gathered.push(data);
            if length > most {
                return Ok((gathered, true));
            }
        }
        Ok((gathered, false))
    };
    match timeout(patience, gathering).await {
        Ok(Ok((gathered, false))) => Ok(Read::Whole(gathered.concat().into())),
        Ok(Ok((gathered, true))) => {
            let begun = futures::stream::iter(gathered.into_iter().map(|data| Ok(Frame::data(data))));
            let rest = http_body_util::BodyStream::new(incoming);
            let all = futures::StreamExt::chain(begun, rest);
            Ok(Read::Longer(StreamBody::new(all).boxed_unsync()))
        }
        Ok(Err(error)) => Err(Some(error)),
        Err(_) => Err(None),
    }
}
