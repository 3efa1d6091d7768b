use super::{HumanOptions, Style};
use anstyle::{AnsiColor, Style as Ansi};
use seaworthy_model::Status;

/// Lines of a fixed width on their way.
pub(super) struct Page {
    text: String,
    width: usize,
    style: Style,
}

impl Page {
    pub(super) fn new(options: &HumanOptions) -> Self {
        Self { text: String::new(), width: options.width.max(40), style: options.style }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn end(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// One line, never broken: for what is pasted.
    pub(super) fn line(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            self.text.extend(std::iter::repeat_n(' ', indent));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// A paragraph, broken between words.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        let start = " ".repeat(indent);
        for line in text.lines() {
            self.item(&start, indent, line);
        }
    }

    /// `start`, which takes `hang` columns, and a paragraph that hangs from it.
    pub(super) fn item(&mut self, start: &str, hang: usize, text: &str) {
        self.text.push_str(start);
        let mut column = hang;
        let mut first = true;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if !first && column + 1 + length > self.width {
                self.text.push('\n');
                // A narrow page hangs less, rather than one word a line.
                let hang = hang.min(self.width * 3 / 5);
                self.text.extend(std::iter::repeat_n(' ', hang));
                column = hang;
                first = true;
            }
            if !first {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
            first = false;
        }
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    /// The word of a status, padded to five columns.
    pub(super) fn word(&self, status: Status) -> String {
        self.paint(status, &format!("{:5}", status.word()))
    }

    pub(super) fn paint(&self, status: Status, text: &str) -> String {
        let colour = match status {
            Status::Pass => AnsiColor::Green.on_default(),
            Status::Warn => AnsiColor::Yellow.on_default().bold(),
            Status::Fail => AnsiColor::Red.on_default().bold(),
            Status::Error => AnsiColor::Magenta.on_default().bold(),
            Status::Skip => Ansi::new().dimmed(),
        };
        self.styled(colour, text)
    }

    pub(super) fn strong(&self, text: &str) -> String {
        self.styled(Ansi::new().bold(), text)
    }

    fn styled(&self, style: Ansi, text: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("{}{text}{}", style.render(), style.render_reset()),
        }
    }
}
