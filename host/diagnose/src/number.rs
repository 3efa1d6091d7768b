/// A fault by its number in the knowledge base, F01 and on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// `F53`.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Codes of the causes that name it.
    pub causes: &'static [&'static str],
    /// The scene that injects it, if there is one: `path/mtu-black-hole`.
    pub scene: Option<&'static str>,
    /// Why no scene does.
    pub not_injected: Option<&'static str>,
}

include!(concat!(env!("OUT_DIR"), "/numbers.rs"));

/// All numbers, in order.
#[must_use]
pub fn numbers() -> &'static [Number] {
    NUMBERS
}
