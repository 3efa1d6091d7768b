use crate::push::{Envelope, Payload, Reply, read_reply, receive};
use crate::wire::Budget;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use std::io;
use std::sync::Arc;

/// Reads and writes the messages of the Python cache, which both of its protocols share.
#[derive(Clone)]
pub(super) struct PushCodec {
    pub(super) envelope: Option<Arc<Envelope>>,
    pub(super) budget: Arc<Budget>,
    pub(super) reply: ReplyKind,
}

/// How the reply of a protocol ends.
#[derive(Clone, Copy)]
pub(super) enum ReplyKind {
    /// A word, such as `OK`.
    Word,
    /// A message.
    Message,
}

/// A message, on its way in or out.
#[derive(Debug)]
pub(super) enum Parcel {
    /// As it came.
    In(Payload),
    /// To be sent.
    Out(String),
}

/// A reply, on its way in or out.
#[derive(Debug)]
pub(super) enum Returned {
    Word(Reply),
    Message(Payload),
    Out(String),
}

impl Codec for PushCodec {
    type Protocol = StreamProtocol;
    type Request = Parcel;
    type Response = Returned;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Parcel>
    where
        T: AsyncRead + Unpin + Send,
    {
        receive(io, self.envelope.as_deref(), &self.budget).await.map(Parcel::In)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Returned>
    where
        T: AsyncRead + Unpin + Send,
    {
        match self.reply {
            // A stream that is reset is one that was closed without a word.
            ReplyKind::Word => Ok(Returned::Word(Reply::read(&read_reply(io).await.unwrap_or_default()))),
            ReplyKind::Message => receive(io, self.envelope.as_deref(), &self.budget).await.map(Returned::Message),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, parcel: Parcel) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        // The write half is closed by the caller, as the other side expects.
        match parcel {
            Parcel::Out(text) => send(io, &text).await,
            Parcel::In(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, returned: Returned) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match returned {
            Returned::Out(text) => send(io, &text).await,
            Returned::Word(_) | Returned::Message(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

async fn send<T: AsyncWrite + Unpin>(io: &mut T, text: &str) -> io::Result<()> {
    io.write_all(text.as_bytes()).await?;
    io.flush().await
}
