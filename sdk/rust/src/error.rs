//! The plugin's own error: it understood the call and says no.

/// What a person sees when a plugin refuses. Anything else that goes wrong in a plugin (a panic,
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
}

impl Error {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), record: None, field: None }
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
