//! What was not declared is refused.

use super::violation::context;
use super::{Subject, Violation};
use crate::{Blob, Operation, kind};

pub(super) async fn refused(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("undeclared");
    for operation in Operation::ALL.into_iter().filter(|operation| !subject.can(*operation)) {
        let outcome = match operation {
            Operation::Get => subject.backend.get(&key).await.map(|found| format!("answered {found:?}")),
            Operation::Put => subject.try_put(&key, Blob::new("v")).await.map(|()| "said that it stored".into()),
            Operation::Stat => subject.backend.stat(&key).await.map(|found| format!("answered {found:?}")),
            Operation::Invalidate => subject.backend.invalidate(&key).await.map(|()| "said that it removed".into()),
            Operation::List => subject.backend.list(&key, 10).await.map(|all| format!("named {} keys", all.len())),
        };
        let did = match outcome {
            Err(error) if error.kind == kind::UNSUPPORTED => continue,
            Err(error) => format!("ended in: {error}{}", context(&error)),
            Ok(did) => did,
        };
        let asked = format!("{operation}, which was not declared,");
        return Err(Violation::wrong(&asked, "be refused as `unsupported`", &did));
    }
    Ok(())
}
