//! What `open` finds out.
//!
//! Three looks, of which none leaves anything behind: the first names of the prefix are
//! listed, which tells region, clock, credentials and bucket; then an object that cannot
//! be there is read, and put on the condition that it has an entity tag that it cannot
//! have, and removed. Who may not put is refused before the condition is looked at, and
//! where the condition is not understood the few bytes are stored and removed again.

use crate::bucket::Bucket;
use s3_client::{Access, Answer, Condition, Fault, FaultKind, Listing, Names, Request};
use seaworthy_adapter_sdk::{CacheError, random};

/// An entity tag that no object has.
const NO_TAG: &str = "\"seaworthy\"";

/// What these credentials may do besides reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) list: bool,
    pub(crate) put: bool,
    pub(crate) invalidate: bool,
}

/// Looks at the bucket. The answered one is in the right region, where nobody had named
/// one.
///
/// # Errors
/// It cannot be read from.
pub(crate) fn open(bucket: Bucket, names: &Names, read_only: bool) -> Result<(Bucket, Allowed), CacheError> {
    let (bucket, list) = look(bucket, names)?;
    // A name of its own for each probe: stores slow down who asks for one name too often
    // (mozilla/sccache#2070).
    let name = names.reserved(&format!("probe-{}", random::hex(8)));
    if read_only {
        let read = bucket.send("open", Request::get(&name))?;
        may_read(&bucket, &read, list)?;
        return Ok((bucket, Allowed { list, put: false, invalidate: false }));
    }
    let put = |name: &str| Request::put(name, b"seaworthy".to_vec());
    let conditional = put(&name).when(Condition::IfMatch(NO_TAG.into()));
    let [read, written] = bucket.send_all("open", [Request::get(&name), conditional])?;
    may_read(&bucket, &read?, list)?;
    let mut written = written?;
    if bucket_says(&written) == Some(FaultKind::Unsupported) {
        written = bucket.send("open", put(&name))?;
    }
    let put = may_write(&bucket, &written)?;
    let removed = bucket.send("open", Request::delete(&name))?;
    let invalidate = may_write(&bucket, &removed)?;
    Ok((bucket, Allowed { list, put, invalidate }))
}

/// Lists, in the region that the store names where nobody else did.
fn look(mut bucket: Bucket, names: &Names) -> Result<(Bucket, bool), CacheError> {
    let mut moved = false;
    loop {
        let answer = bucket.send("open", Request::list(names.prefix(), 1, None))?;
        let Err(fault) = Listing::read(&answer) else { return Ok((bucket, true)) };
        match (&fault.kind, &fault.region) {
            (FaultKind::WrongRegion | FaultKind::Redirected, Some(region))
                if !moved && !bucket.store().is_region_known() && region != bucket.store().region() =>
            {
                moved = true;
                bucket = bucket.in_region(region);
            }
            (FaultKind::NotS3, _) => return Err(bucket.explain("open", &fault)),
            (FaultKind::Denied, _) if !bucket.is_clock_off(&answer) => return Ok((bucket, false)),
            _ => return Err(bucket.fault("open", &answer)),
        }
    }
}

fn bucket_says(answer: &Answer) -> Option<FaultKind> {
    (!answer.is_success()).then(|| Fault::read(answer).kind)
}

/// Whether an object that is not there is said to be not there.
fn may_read(bucket: &Bucket, answer: &Answer, list: bool) -> Result<(), CacheError> {
    match bucket_says(answer) {
        None | Some(FaultKind::NoSuchKey) => Ok(()),
        Some(FaultKind::Denied) if bucket.store().access() == Access::Anonymous => Err(bucket.fault("open", answer)),
        Some(FaultKind::Denied) if !list => {
            let message = format!(
                "the bucket {} may be neither listed nor read with these credentials. Without s3:ListBucket S3 answers 403 also for \
                 what is not there, so a miss could not be told; grant s3:ListBucket on the bucket and s3:GetObject on its objects",
                bucket.store().bucket()
            );
            let error = bucket.fault("open", answer);
            Err(CacheError { message, ..error }.with("permission", "s3:ListBucket"))
        }
        Some(_) => Err(bucket.fault("open", answer).with("permission", "s3:GetObject")),
    }
}

/// Whether a request that changes things was let through.
fn may_write(bucket: &Bucket, answer: &Answer) -> Result<bool, CacheError> {
    match bucket_says(answer) {
        // That there is nothing, or not that, is found out after the permission.
        None | Some(FaultKind::PreconditionFailed | FaultKind::NoSuchKey | FaultKind::Absent) => Ok(true),
        Some(FaultKind::Denied | FaultKind::Unsupported | FaultKind::Full) => Ok(false),
        Some(_) => Err(bucket.fault("open", answer)),
    }
}
