//! Values of every length and content.

use super::subject::{filled, told};
use super::violation::context;
use super::{Subject, Violation};
use crate::{Blob, kind};

async fn round(subject: &Subject<'_>, name: &str, value: Vec<u8>) -> Result<(), Violation> {
    let key = subject.key(name);
    subject.put(&key, Blob::new(value.clone())).await?;
    subject.reads(&key, &value).await.map(drop)
}

pub(super) async fn empty(subject: &Subject<'_>) -> Result<(), Violation> {
    round(subject, "empty", Vec::new()).await
}

pub(super) async fn one_byte(subject: &Subject<'_>) -> Result<(), Violation> {
    // A zero, because that is the byte that ends a text elsewhere.
    round(subject, "one", vec![0]).await
}

pub(super) async fn sixty_four_kib(subject: &Subject<'_>) -> Result<(), Violation> {
    round(subject, "64k", filled(64 << 10, 4)).await
}

pub(super) async fn binary(subject: &Subject<'_>) -> Result<(), Violation> {
    let mut value: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    // What text protocols change or stumble over.
    for piece in [&b"\r\n\r\n"[..], b"\r", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"--boundary--", b"0\r\n\r\n", b" "] {
        value.extend_from_slice(piece);
    }
    round(subject, "binary", value).await
}

pub(super) async fn largest(subject: &Subject<'_>) -> Result<(), Violation> {
    let most = subject.most().unwrap_or(0);
    // The key may count.
    let length = most.saturating_sub(subject.key("largest").len());
    round(subject, "largest", filled(length, 5)).await
}

pub(super) async fn too_large(subject: &Subject<'_>) -> Result<(), Violation> {
    let most = subject.most().unwrap_or(0);
    let key = subject.key("too-large");
    let before = filled(100, 6);
    subject.put(&key, Blob::new(before.clone())).await?;
    subject.reads(&key, &before).await?;
    let asked = format!("put of {} bytes, one more than the limit,", most + 1);
    match subject.try_put(&key, Blob::new(filled(most + 1, 7))).await {
        Err(error) if error.kind == kind::TOO_LARGE => {}
        Err(error) => {
            let did = format!("ended in: {error}{}", context(&error));
            return Err(Violation::wrong(&asked, "be refused as `too-large`", &did));
        }
        Ok(()) => return Err(Violation::wrong(&asked, "be refused as `too-large`", "was taken")),
    }
    subject.reads(&key, &before).await.map(drop)
}

pub(super) async fn metadata(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("metadata");
    let mut blob = Blob::new(filled(50, 8));
    for (name, text) in [("origin", "a build"), ("note", "größer als 1 & \"so\"; a=b, c"), ("empty", "")] {
        blob.metadata.insert(name.into(), text.into());
    }
    subject.put(&key, blob.clone()).await?;
    let found = subject.reads(&key, &blob.bytes).await?;
    if found.metadata != blob.metadata {
        let did = format!("answered {:?} with {}", found.metadata, told(&found.bytes));
        return Err(Violation::wrong("get", &format!("answer the metadata {:?}", blob.metadata), &did));
    }
    Ok(())
}
