//! Reads the answers of S3: small documents without attributes that matter.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Deeper nesting than any answer has.
const MAX_DEPTH: usize = 16;

/// An element with its text and its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Reads a whole document; `None` where it is not one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim());
        let mut open: Vec<Element> = Vec::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    if open.len() == MAX_DEPTH {
                        return None;
                    }
                    let name = start.local_name().into_inner().to_owned();
                    open.push(Element { name, ..Element::default() });
                }
                Event::Empty(empty) => {
                    let name = empty.local_name().into_inner().to_owned();
                    let element = Element { name, ..Element::default() };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Some(element),
                    }
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Some(element),
                    }
                }
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                }
                Event::CData(data) => open.last_mut()?.text.push_str(&data.xml10_content()),
                Event::GeneralRef(reference) => {
                    let known = match reference.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&known);
                }
                Event::DocType(_) | Event::Eof => return None,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
    }

    /// The text of the first child of that name, where there is any.
    pub(crate) fn child(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        Some(child.text.trim()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<Error xmlns=\"http://x/\"><Code>No<!-- -->Such&amp;&#x4b;ey</Code><Empty/><M><![CDATA[<a>]]></M></Error>";
        let element = Element::parse(text.as_bytes()).unwrap();
        assert_eq!(element.name, "Error");
        assert_eq!(element.child("Code"), Some("NoSuch&Key"));
        assert_eq!((element.child("Empty"), element.child("M"), element.child("absent")), (None, Some("<a>"), None));
    }

    #[test]
    fn what_is_no_document_is_none() {
        let deep = "<a>".repeat(100_000);
        for text in ["", "plain", "<a>", "<a></b>", "<!DOCTYPE html><html></html>", "<a>&unknown;</a>", &deep] {
            assert_eq!(Element::parse(text.as_bytes()), None, "{}", &text[..text.len().min(40)]);
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), None);
    }
}
