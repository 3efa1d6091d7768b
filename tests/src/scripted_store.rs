//! S3 stores for a [`Scripted`](crate::Scripted) server: what no real one here can be made
//! to say.

use crate::Asked;

/// One error of S3, for every request.
pub fn store_says(
    status: &str,
    headers: &str,
    inner: &str,
) -> impl Fn(&Asked) -> (String, String) + Send + Sync + use<> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n{headers}");
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{inner}</Error>");
    move |_| (head.clone(), body.clone())
}

/// A store on which everything is permitted but what is asked for with these methods,
/// and listing where `list` is false.
pub fn store_denying(
    methods: &'static [&'static str],
    list: bool,
) -> impl Fn(&Asked) -> (String, String) + Send + Sync + use<> {
    move |asked| {
        let denied = || {
            let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
            ("HTTP/1.1 403 Forbidden\r\n".to_owned(), body.to_owned())
        };
        match asked.method.as_str() {
            "GET" if asked.target.contains("list-type=2") => {
                if list {
                    (
                        "HTTP/1.1 200 OK\r\n".into(),
                        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into(),
                    )
                } else {
                    denied()
                }
            }
            method if methods.contains(&method) => denied(),
            "GET" if !list => denied(),
            "GET" => ("HTTP/1.1 404 Not Found\r\n".into(), "<Error><Code>NoSuchKey</Code></Error>".into()),
            "DELETE" => ("HTTP/1.1 204 No Content\r\n".into(), String::new()),
            _ => ("HTTP/1.1 200 OK\r\n".into(), String::new()),
        }
    }
}
