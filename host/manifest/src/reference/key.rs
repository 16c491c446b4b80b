//! One key of a file that people write: its type, its default, its meaning, an example.

use crate::builtins::BUILTINS;
use dpone_model::plugin::PluginKind;

/// A key and all that there is to say of it. Built by [`key`] and the functions that follow it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    pub name: &'static str,
    pub takes: Takes,
    /// One to three sentences of Markdown.
    pub about: &'static str,
    pub is_required: bool,
    /// The value that a missing key has, as YAML.
    pub default: Option<&'static str>,
    /// The behaviour without the key, in words, where no value says it.
    pub without: Option<&'static str>,
    /// A value, as YAML that may stand inside `{ }`. Empty for a block, whose keys have examples.
    pub example: &'static str,
    /// Keys of the same block that the example needs, or that of any key in its value.
    pub beside: &'static [(&'static str, &'static str)],
    pub support: Support,
    /// The key that this one is an older spelling of.
    pub older_than: Option<&'static str>,
    /// The connection's field that the key fills; it names the environment variable and the field in Vault.
    pub field: Option<&'static str>,
}

/// Whether this release honours a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    Full,
    /// Any value but the default is refused with "not yet".
    OnlyDefault,
    /// Refused with "not yet", whatever the value.
    Later,
}

/// The values that a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Takes {
    /// Text that is not empty.
    Text,
    /// Text, an empty one included.
    AnyText,
    /// A dotted path into an answer; the root is empty text or a dot.
    Path,
    /// A scalar that counts as it is written: `1.10` stays `1.10`.
    Verbatim,
    /// Text of this form, a regular expression, and the form in words.
    Pattern(&'static str, &'static str),
    Flag,
    /// A whole number, least and most.
    Integer(u64, u64),
    /// Any number, least and most.
    Number(u64, u64),
    /// A length of time; zero is one.
    Duration,
    /// A length of time of at least a millisecond.
    PositiveDuration,
    /// The word, or a length of time.
    WordOrDuration(&'static str),
    /// Bytes, least and most.
    Size(u64, u64),
    Choice(&'static [Word]),
    /// One name, or a list of distinct ones.
    Names,
    /// A list of texts.
    Texts,
    /// A list of words out of a fixed set.
    Words(&'static [Word]),
    /// Names with scalars; lists of scalars where true.
    Pairs(bool),
    /// A timestamp, a date or a number.
    Cursor,
    /// Text or a number.
    Scalar,
    /// Any value.
    Any,
    /// A mapping whose keys somebody else defines.
    Mapping,
    /// A block: groups of keys, so that several blocks may share one.
    Block(&'static [&'static [Key]]),
    /// A list of what is given.
    List(&'static Takes),
    /// A mapping from names, of which one stands as an example, to what is given.
    Named(&'static str, &'static Takes),
    /// One of two.
    Either(&'static Takes, &'static Takes),
    /// A block whose key `type` decides which other keys it has, and the keys that it always has.
    Tagged(&'static [Form], &'static [Key]),
    /// The name of one of these forms.
    Form(&'static [Form]),
    /// A plugin's block, with the keys that the host owns there.
    Plugin(PluginKind, &'static [Key]),
    /// The short name of a built-in plugin.
    Builtin(PluginKind),
}

/// A word that a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub name: &'static str,
    /// Another spelling.
    pub alias: Option<&'static str>,
    pub about: &'static str,
    pub is_later: bool,
}

/// One form of a block that has a `type`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Form {
    /// The value of `type`.
    pub name: &'static str,
    /// Another spelling of it.
    pub alias: Option<&'static str>,
    pub about: &'static str,
    pub keys: &'static [Key],
}

impl Form {
    /// A pagination without a component.
    pub(super) const NONE: Self = Self { name: "none", alias: None, about: "One request gives everything.", keys: &[] };
}

/// A key that may be left out, of which nothing is known but this.
pub const fn key(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key {
        name,
        takes,
        about,
        is_required: false,
        default: None,
        without: None,
        example: "",
        beside: &[],
        support: Support::Full,
        older_than: None,
        field: None,
    }
}

pub const fn word(name: &'static str, about: &'static str) -> Word {
    Word { name, alias: None, about, is_later: false }
}

impl Word {
    pub const fn or(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub const fn later(mut self) -> Self {
        self.is_later = true;
        self
    }
}

impl Key {
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    pub const fn without(mut self, words: &'static str) -> Self {
        self.without = Some(words);
        self
    }

    pub const fn example(mut self, value: &'static str) -> Self {
        self.example = value;
        self
    }

    pub const fn beside(mut self, keys: &'static [(&'static str, &'static str)]) -> Self {
        self.beside = keys;
        self
    }

    pub const fn only_default(mut self) -> Self {
        self.support = Support::OnlyDefault;
        self
    }

    pub const fn later(mut self) -> Self {
        self.support = Support::Later;
        self
    }

    pub const fn older_than(mut self, name: &'static str) -> Self {
        self.older_than = Some(name);
        self
    }

    pub const fn field(mut self, name: &'static str) -> Self {
        self.field = Some(name);
        self
    }
}

impl Takes {
    /// The forms of a block that has a `type`; none for any other value.
    pub fn forms(self) -> Vec<Form> {
        match self {
            Self::Tagged(forms, _) | Self::Form(forms) => forms.to_vec(),
            Self::Plugin(kind, _) | Self::Builtin(kind) => {
                let builtins = BUILTINS.iter().filter(|builtin| builtin.kind == kind).map(|builtin| builtin.form);
                builtins.chain((kind == PluginKind::Extractor).then_some(Form::NONE)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The value in a list, a mapping from names or a choice of two that keys stand in.
    pub fn inner(self) -> Self {
        match self {
            Self::List(inner) | Self::Named(_, inner) | Self::Either(_, inner) => inner.inner(),
            other => other,
        }
    }
}
