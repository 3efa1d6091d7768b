/// Keys and values of one thing that was found.
pub type Row = Vec<(String, String)>;

/// Builds a row; what is unknown is left out.
#[derive(Default)]
pub(crate) struct RowBuilder(Row);

impl RowBuilder {
    pub(crate) fn put(mut self, key: &str, value: impl ToString) -> Self {
        self.0.push((key.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn known(self, key: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    pub(crate) fn done(self) -> Row {
        self.0
    }
}
