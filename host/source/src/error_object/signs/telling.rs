//! Whether a value tells of something, or says that all is well. It is read without being built: a page may
//! hold a list of errors as large as itself.

use super::{MAX_WORD_BYTES, WELL, plain};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Whether a value tells of something: no null, false, zero, empty value, nor the word that all is well.
pub(in super::super) fn speaks(json: &[u8]) -> bool {
    // A value that is nested too deeply for this parser is not empty.
    serde_json::from_slice::<Told>(json).map_or(true, |told| told.tells)
}

/// Whether a code is one of success, or none.
pub(in super::super) fn is_well(json: &[u8]) -> bool {
    serde_json::from_slice::<Told>(json).is_ok_and(|told| told.is_well)
}

/// A value that was read.
struct Told {
    tells: bool,
    /// As a code it is one of success, or none.
    is_well: bool,
    is_object: bool,
}

impl Told {
    fn of(tells: bool) -> Self {
        Self { tells, is_well: !tells, is_object: false }
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Told;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Told, E> {
        Ok(Told::of(false))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Told, E> {
        Ok(Told::of(truth))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Told, E> {
        Ok(Told::of(true))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Told, E> {
        Ok(Told { is_well: number == 0 || (200..300).contains(&number), ..Told::of(number != 0) })
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Told, E> {
        Ok(Told::of(number != 0.0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Told, E> {
        Ok(Told::of(!is_well_text(text)))
    }

    /// An error that JavaScript writes has no fields.
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Told, A::Error> {
        let mut tells = false;
        while let Some(told) = values.next_element::<Told>()? {
            tells |= told.is_object || told.tells;
        }
        Ok(Told::of(tells))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Told, A::Error> {
        let mut tells = false;
        while let Some(IsCode(is_code)) = fields.next_key()? {
            if tells {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let told: Told = fields.next_value()?;
            tells = if is_code { !told.is_well } else { told.tells };
        }
        Ok(Told { is_object: true, ..Told::of(tells) })
    }
}

/// Whether a field's name is that of a code.
struct IsCode(bool);

impl<'de> Deserialize<'de> for IsCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = IsCode;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<IsCode, E> {
                Ok(IsCode(["code", "status", "statuscode"].contains(&plain(name).as_str())))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Also a number of the class 2xx, and digits that are all zero.
fn is_well_text(text: &str) -> bool {
    let text = text.trim();
    let is_2xx = text.len() == 3 && text.starts_with('2') && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = text.len() <= MAX_WORD_BYTES && WELL.contains(&plain(text).as_str());
    is_2xx || text.bytes().all(|byte| byte == b'0') || text == "-" || is_word
}
