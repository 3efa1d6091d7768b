use crate::env::system;

/// One fact of a row or an argument of a query.
#[must_use]
pub fn argument(key: &str, value: impl Into<String>) -> (String, String) {
    (key.into(), value.into())
}

/// A query for one topic of [`system::inspect`].
#[must_use]
pub fn query(topic: &str, arguments: Vec<(String, String)>) -> system::Query {
    system::Query { topic: topic.into(), arguments }
}

/// Asks the host for several topics at once, without arguments.
#[must_use]
pub fn inspect<const N: usize>(topics: [&str; N]) -> Vec<system::Seen> {
    system::inspect(&topics.map(|topic| query(topic, Vec::new())))
}

/// The value of `key` in a row of an answer.
#[must_use]
pub fn row_value<'a>(row: &'a [(String, String)], key: &str) -> Option<&'a str> {
    row.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}
