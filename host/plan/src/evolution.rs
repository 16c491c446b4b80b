//! F: what the extract's schema means for the one that is known.

use dpone_model::schema::{FieldType, LogicalType, Schema};
use serde::{Deserialize, Serialize};

/// A field whose type grew in a way that every consumer can follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widened {
    pub field: String,
    pub old: LogicalType,
    pub new: LogicalType,
    /// It may now be null or absent and could not before.
    pub became_nullable: bool,
}

/// A field whose new type the old one does not accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaking {
    pub field: String,
    pub old: LogicalType,
    pub new: LogicalType,
    /// Page (from 1) and record (from 0) of an example.
    pub first_seen: Option<(u64, u32)>,
}

/// The outcome; nothing may be published while `breaking` holds anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPlan {
    /// Fields that are new; all of them in a first run.
    pub added: Vec<String>,
    pub widened: Vec<Widened>,
    pub breaking: Vec<Breaking>,
    /// What state keeps when the run is done. Breaking fields keep their old type.
    pub merged: Schema,
}

/// Compares what a run saw with what is known.
///
/// Additions and widenings (null to a type, integer to decimal, not null to nullable) pass. A known
/// field that was not seen stays: a window without it is no removal.
pub fn evolve(known: &Schema, seen: &Schema) -> SchemaPlan {
    let mut plan = SchemaPlan { merged: known.clone(), ..SchemaPlan::default() };
    let is_first = known.fields.is_empty();
    for (name, new) in &seen.fields {
        let Some(old) = known.fields.get(name) else {
            plan.added.push(name.clone());
            // Rows of earlier runs do not have it.
            let nullable = new.nullable || !is_first;
            plan.merged.fields.insert(name.clone(), FieldType { nullable, ..new.clone() });
            continue;
        };
        if !old.logical.accepts(new.logical) {
            let first_seen = new.first_seen;
            plan.breaking.push(Breaking { field: name.clone(), old: old.logical, new: new.logical, first_seen });
            continue;
        }
        let logical = old.logical.join(new.logical);
        let nullable = old.nullable || new.nullable;
        let became_nullable = nullable && !old.nullable;
        if logical != old.logical || became_nullable {
            plan.widened.push(Widened { field: name.clone(), old: old.logical, new: logical, became_nullable });
        }
        let first_seen = old.first_seen.or(new.first_seen);
        plan.merged.fields.insert(name.clone(), FieldType { logical, nullable, first_seen });
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType::{Array, Boolean, Decimal, Integer, Mixed, Null, Object, String};

    fn schema(fields: &[(&str, LogicalType, bool)]) -> Schema {
        let field = |(name, logical, nullable): &(&str, LogicalType, bool)| {
            let first_seen = Some((3, 7));
            ((*name).to_owned(), FieldType { logical: *logical, nullable: *nullable, first_seen })
        };
        Schema { fields: fields.iter().map(field).collect() }
    }

    #[derive(Debug, PartialEq)]
    enum Is {
        Same,
        Wider(LogicalType),
        Broken,
    }

    #[test]
    fn every_pair_of_types() {
        let all = [Null, Boolean, Integer, Decimal, String, Array, Object, Mixed];
        for old in all {
            for new in all {
                let expected = match (old, new) {
                    (old, new) if old == new => Is::Same,
                    (_, Null) | (Mixed, _) | (Decimal, Integer) => Is::Same,
                    (Null, new) => Is::Wider(new),
                    (Integer, Decimal) => Is::Wider(Decimal),
                    _ => Is::Broken,
                };
                let plan = evolve(&schema(&[("f", old, true)]), &schema(&[("f", new, true)]));
                let found = match (plan.breaking.first(), plan.widened.first()) {
                    (Some(_), _) => Is::Broken,
                    (None, Some(widened)) => Is::Wider(widened.new),
                    (None, None) => Is::Same,
                };
                assert_eq!(found, expected, "{old:?} to {new:?}");
                let kept = plan.merged.fields.get("f").unwrap().logical;
                let wanted = if let Is::Wider(new) = expected { new } else { old };
                assert_eq!(kept, wanted, "{old:?} to {new:?}");
            }
        }
    }

    #[test]
    fn absent_fields_stay_and_new_ones_are_nullable() {
        let plan = evolve(&schema(&[("a", Integer, false)]), &schema(&[("b", String, false)]));
        assert_eq!(plan.added, ["b"]);
        assert!(plan.widened.is_empty() && plan.breaking.is_empty());
        assert!(!plan.merged.fields["a"].nullable && plan.merged.fields["b"].nullable);
    }

    #[test]
    fn a_first_run_adds_everything_as_it_was_seen() {
        let seen = schema(&[("a", Mixed, false), ("b", Null, true)]);
        let plan = evolve(&Schema::default(), &seen);
        assert_eq!((plan.added.len(), plan.merged), (2, seen));
    }

    #[test]
    fn a_breaking_change_names_an_example() {
        let plan = evolve(&schema(&[("a", Integer, false)]), &schema(&[("a", String, false)]));
        let expected = Breaking { field: "a".into(), old: Integer, new: String, first_seen: Some((3, 7)) };
        assert_eq!(plan.breaking, [expected]);
    }

    #[test]
    fn becoming_nullable_is_a_widening() {
        let plan = evolve(&schema(&[("a", Integer, false)]), &schema(&[("a", Null, true)]));
        assert!(plan.widened[0].became_nullable && plan.merged.fields["a"].logical == Integer);
    }
}
