use std::fmt::Debug;

/// Hears what is asked of [`Tiers`](crate::Tiers), before it is done: a recorder's ear.
///
/// *Behaviour*: it is called on the path of every operation, so it must not block.
pub trait Listener: Debug + Send + Sync {
    /// Somebody looks for a key.
    fn get(&self, key: &str);

    /// Somebody stores so many bytes.
    fn put(&self, key: &str, bytes: usize);

    /// Somebody removes a key.
    fn invalidate(&self, key: &str);
}
