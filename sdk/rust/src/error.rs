//! The plugin's own error: it understood the call and says no.

/// The text that a person sees when a plugin refuses. Anything else that goes wrong in a plugin (a panic,
/// a deadline, too much memory) is a fault, which the host reports by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A short name in kebab case, such as `missing-cursor`.
    pub code: String,
    /// One line, a lowercase fragment with the particulars.
    pub message: String,
    /// Position of the record in the page or batch, from 0.
    pub record: Option<u32>,
    /// The record's field that the error is about.
    pub field: Option<String>,
    pub blames: Blame,
}

/// Where the cause of an error lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// In the plugin, or in how the manifest uses it.
    Plugin,
    /// In what the API answered: the run ends as with any other error of the source.
    Answer,
}

impl Error {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), record: None, field: None, blames: Blame::Plugin }
    }

    /// An error that what the API answered is the cause of.
    pub fn of_answer(code: &str, message: impl Into<String>) -> Self {
        Self { blames: Blame::Answer, ..Self::new(code, message) }
    }

    /// Names the record, counted from 0.
    #[must_use]
    pub fn at_record(mut self, index: usize) -> Self {
        self.record = u32::try_from(index).ok();
        self
    }

    #[must_use]
    pub fn at_field(mut self, name: &str) -> Self {
        self.field = Some(name.to_owned());
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(record) = self.record {
            write!(f, " (record {record})")?;
        }
        match &self.field {
            Some(field) => write!(f, " (field {field})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
