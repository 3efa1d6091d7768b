use crate::origin::Place;
use std::ops::Range;
use std::sync::Arc;

/// A policy text and the name it is called by.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) text: String,
    /// Where each line begins, so that the place of a value is found by halving.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { name: name.into(), text: text.into(), lines }
    }

    /// The place of a byte range. *Behaviour*: lines and columns count from 1,
    /// columns in characters; a range over several lines ends with the first.
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let start = floor(&self.text, span.start);
        let line = self.lines.partition_point(|begin| *begin <= start);
        let line_start = self.lines[line - 1];
        let rest = &self.text[start..floor(&self.text, span.end).max(start)];
        let first_line = rest.split('\n').next().unwrap_or("");
        Place {
            file: self.name.clone(),
            line,
            column: self.text[line_start..start].chars().count() + 1,
            width: first_line.trim_end().chars().count().max(1),
        }
    }

    /// The text of a line, counted from 1.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.split('\n').nth(number.saturating_sub(1)).unwrap_or("").trim_end_matches('\r')
    }
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters() {
        let source = Source::new("x", "a\n\u{e9}\u{e9} = 1\n");
        let place = source.place(7..8);
        assert_eq!((place.line, place.column, place.width), (2, 4, 1));
        assert_eq!(source.line(2), "\u{e9}\u{e9} = 1");
        assert_eq!(source.place(900..901).line, 3);
    }
}
