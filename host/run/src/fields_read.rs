//! Fields that transforms read, and whether any record of the run had them.
//!
//! A filter on a misspelt field leaves out every row, or none, and the run is green.

use std::collections::BTreeMap;

/// By the place of the transform.
#[derive(Debug, Clone, Default)]
pub struct FieldsRead {
    transforms: Vec<BTreeMap<String, bool>>,
    /// Some pages were not shown to transforms, because the journal had their output.
    pub is_partial: bool,
}

impl FieldsRead {
    pub fn note(&mut self, transform: usize, fields: BTreeMap<String, bool>) {
        if self.transforms.len() <= transform {
            self.transforms.resize(transform + 1, BTreeMap::new());
        }
        let Some(known) = self.transforms.get_mut(transform) else { return };
        for (field, is_there) in fields {
            *known.entry(field).or_default() |= is_there;
        }
    }

    pub fn add(&mut self, other: Self) {
        self.is_partial |= other.is_partial;
        other.transforms.into_iter().enumerate().for_each(|(transform, fields)| self.note(transform, fields));
    }

    /// Fields that no record had, where every record is known.
    pub fn absent(&self, transform: usize) -> Vec<&str> {
        let fields = self.transforms.get(transform).filter(|_| !self.is_partial).into_iter().flatten();
        fields.filter(|(_, is_there)| !**is_there).map(|(field, _)| field.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_some_record_has_is_not_absent() {
        let fields = |there: bool| BTreeMap::from([("state".to_owned(), there), ("sate".to_owned(), false)]);
        let mut read = FieldsRead::default();
        read.note(1, fields(false));
        assert_eq!((read.absent(0), read.absent(1)), (vec![], vec!["sate", "state"]));
        let mut other = FieldsRead::default();
        other.note(1, fields(true));
        read.add(other);
        assert_eq!(read.absent(1), ["sate"]);
        read.is_partial = true;
        assert!(read.absent(1).is_empty(), "a resumed run does not know");
    }
}
