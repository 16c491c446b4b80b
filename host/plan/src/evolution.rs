//! F: what the extract's schema means for the one that is known.

use dpone_model::schema::{FieldType, LogicalType, Schema, SeenKind};
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
    /// Of the one of the two that is mixed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<LogicalType>,
    /// Page (from 1) and record (from 0) of an example.
    pub first_seen: Option<(u64, u32)>,
}

/// A field whose values were of kinds that no type joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixed {
    pub field: String,
    /// Each with its first record in this extract.
    pub kinds: Vec<SeenKind>,
}

/// The outcome; nothing may be published while `breaking` holds anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPlan {
    /// Fields that are new; all of them in a first run.
    pub added: Vec<String>,
    pub widened: Vec<Widened>,
    pub breaking: Vec<Breaking>,
    /// Fields that this extract saw mixed, known as such or not.
    #[serde(default)]
    pub mixed: Vec<Mixed>,
    /// Fields that were known as mixed only, and whose kinds are known from now on.
    #[serde(default)]
    pub adopted: Vec<String>,
    /// The schema that state keeps when the run is done. Breaking fields keep their old type.
    pub merged: Schema,
}

/// Compares what a run saw with what is known.
///
/// Additions and widenings (null to a type, integer to decimal, not null to nullable) pass. A known
/// field that was not seen stays: a window without it is no removal. A mixed field takes the kinds that it
/// had; another one is a change like any other.
pub fn evolve(known: &Schema, seen: &Schema) -> SchemaPlan {
    let mut plan = SchemaPlan { merged: known.clone(), ..SchemaPlan::default() };
    let is_first = known.fields.is_empty();
    for (name, new) in &seen.fields {
        if new.logical == LogicalType::Mixed {
            plan.mixed.push(Mixed { field: name.clone(), kinds: new.kinds.clone() });
        }
        let Some(old) = known.fields.get(name) else {
            plan.added.push(name.clone());
            // Rows of earlier runs do not have it.
            let nullable = new.nullable || !is_first;
            plan.merged.fields.insert(name.clone(), FieldType { nullable, ..new.clone() });
            continue;
        };
        let breaking = breaking(name, old, new);
        if !breaking.is_empty() {
            plan.breaking.extend(breaking);
            continue;
        }
        let merged = joined(old, new);
        let became_nullable = merged.nullable && !old.nullable;
        if merged.logical != old.logical || became_nullable {
            plan.widened.push(Widened { field: name.clone(), old: old.logical, new: merged.logical, became_nullable });
        }
        if old.logical == LogicalType::Mixed && !is_complete(old) && is_complete(&merged) {
            plan.adopted.push(name.clone());
        }
        plan.merged.fields.insert(name.clone(), merged);
    }
    plan
}

/// The schema that two parts of one load have seen together, and the fields whose types do not go together.
pub fn unite(one: &Schema, other: &Schema) -> (Schema, Vec<Mixed>) {
    let mut plan = evolve(one, other);
    let mut mixed: Vec<Mixed> = Vec::new();
    for breaking in plan.breaking {
        let (Some(a), Some(b)) = (one.fields.get(&breaking.field), other.fields.get(&breaking.field)) else { continue };
        let joined = joined(a, b);
        if mixed.last().is_none_or(|last| last.field != breaking.field) {
            mixed.push(Mixed { field: breaking.field.clone(), kinds: joined.kinds.clone() });
        }
        plan.merged.fields.insert(breaking.field, joined);
    }
    (plan.merged, mixed)
}

/// A mixed field has two kinds at least.
fn is_complete(field: &FieldType) -> bool {
    field.kinds.len() > 1
}

/// The types that the old one does not accept: the kinds that a mixed field did not have, one by one, or the new type.
fn breaking(field: &str, old: &FieldType, new: &FieldType) -> Vec<Breaking> {
    let of = |new: LogicalType, kinds: &[SeenKind], first_seen| Breaking {
        field: field.to_owned(),
        old: old.logical,
        new,
        kinds: kinds.iter().map(|kind| kind.logical).collect(),
        first_seen,
    };
    let takes = |kind: LogicalType| match old.logical {
        LogicalType::Mixed => !is_complete(old) || old.kinds.iter().any(|known| known.logical.accepts(kind)),
        logical => logical.accepts(kind),
    };
    if old.logical == LogicalType::Mixed {
        let foreign = new.kinds().into_iter().filter(|kind| !takes(kind.logical));
        return foreign.map(|kind| of(kind.logical, &old.kinds, kind.first_seen)).collect();
    }
    if takes(new.logical) {
        return Vec::new();
    }
    // The record that does not fit tells more than the one that came last.
    let foreign = new.kinds.iter().find(|kind| !takes(kind.logical));
    vec![of(new.logical, &new.kinds, foreign.map_or(new.first_seen, |kind| kind.first_seen))]
}

fn joined(old: &FieldType, new: &FieldType) -> FieldType {
    let logical = old.logical.join(new.logical);
    let kinds = match logical {
        LogicalType::Mixed => SeenKind::set(old.kinds().into_iter().chain(new.kinds())),
        _ => Vec::new(),
    };
    FieldType { logical, nullable: old.nullable || new.nullable, first_seen: old.first_seen.or(new.first_seen), kinds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType::{Array, Boolean, Decimal, Integer, Mixed, Null, Object, String};

    /// A schema of one mixed field.
    fn mixed(kinds: &[LogicalType]) -> Schema {
        let mut schema = schema(&[("f", Mixed, false)]);
        let field = schema.fields.get_mut("f").unwrap();
        let seen =
            |(record, logical): (u32, &LogicalType)| SeenKind { logical: *logical, first_seen: Some((1, record)) };
        field.kinds = SeenKind::set((0..).zip(kinds).map(seen));
        schema
    }

    fn one(logical: LogicalType) -> Schema {
        schema(&[("f", logical, false)])
    }

    /// Known, seen, what breaks, and what is known afterwards.
    #[test]
    fn a_mixed_field_takes_the_kinds_that_it_had() {
        let number_and_text = || mixed(&[Integer, String]);
        let cases: [(Schema, Schema, &[LogicalType], &str); 14] = [
            (number_and_text(), one(Integer), &[], "mixed (integer, string)"),
            (number_and_text(), one(String), &[], "mixed (integer, string)"),
            (number_and_text(), one(Null), &[], "mixed (integer, string)"),
            (number_and_text(), mixed(&[String, Integer]), &[], "mixed (integer, string)"),
            // Integer and decimal join as everywhere.
            (number_and_text(), one(Decimal), &[], "mixed (decimal, string)"),
            (mixed(&[Decimal, String]), one(Integer), &[], "mixed (decimal, string)"),
            (number_and_text(), one(Boolean), &[Boolean], "mixed (integer, string)"),
            (number_and_text(), one(Object), &[Object], "mixed (integer, string)"),
            (number_and_text(), mixed(&[Array, String, Boolean]), &[Boolean, Array], "mixed (integer, string)"),
            // State of an earlier release knows no kinds: what is seen is adopted until there are two.
            (mixed(&[]), one(Boolean), &[], "mixed (boolean)"),
            (mixed(&[Boolean]), one(String), &[], "mixed (boolean, string)"),
            (mixed(&[]), mixed(&[Object, String]), &[], "mixed (string, object)"),
            // A field that was not mixed.
            (one(Integer), number_and_text(), &[Mixed], "integer"),
            (one(Null), number_and_text(), &[], "mixed (integer, string)"),
        ];
        for (known, seen, breaking, after) in cases {
            let plan = evolve(&known, &seen);
            let found: Vec<_> = plan.breaking.iter().map(|breaking| breaking.new).collect();
            assert_eq!(found, breaking, "{known:?} {seen:?}");
            assert_eq!(plan.merged.fields["f"].described(), after, "{known:?} {seen:?}");
            let was_open = known.fields["f"].logical == Mixed && known.fields["f"].kinds.len() < 2;
            assert_eq!(plan.adopted == ["f"], was_open && plan.merged.fields["f"].kinds.len() > 1);
            assert_eq!(plan.mixed.len(), usize::from(seen.fields["f"].logical == Mixed));
        }
    }

    #[test]
    fn a_breaking_mix_names_the_record_that_does_not_fit() {
        // The text came first; it is what a consumer of integers cannot read.
        let plan = evolve(&one(Integer), &mixed(&[String, Integer]));
        let kinds = vec![Integer, String];
        assert_eq!(
            plan.breaking,
            [Breaking { field: "f".into(), old: Integer, new: Mixed, kinds, first_seen: Some((1, 0)) }]
        );
    }

    #[test]
    fn parts_that_saw_different_kinds_make_a_mixed_field() {
        let (schema, found) = unite(&one(Integer), &one(String));
        assert_eq!(schema.fields["f"].described(), "mixed (integer, string)");
        assert_eq!((found.len(), found[0].kinds.len()), (1, 2));
        let (schema, found) = unite(&mixed(&[Integer, String]), &mixed(&[Array, Object]));
        assert_eq!(schema.fields["f"].described(), "mixed (integer, string, array, object)");
        assert_eq!(found.len(), 1);
        let (schema, found) = unite(&one(Integer), &one(Decimal));
        assert_eq!((schema.fields["f"].described(), found), ("decimal".to_owned(), vec![]));
    }

    fn schema(fields: &[(&str, LogicalType, bool)]) -> Schema {
        let field = |(name, logical, nullable): &(&str, LogicalType, bool)| {
            let first_seen = Some((3, 7));
            ((*name).to_owned(), FieldType { logical: *logical, nullable: *nullable, first_seen, kinds: Vec::new() })
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
        let expected =
            Breaking { field: "a".into(), old: Integer, new: String, kinds: vec![], first_seen: Some((3, 7)) };
        assert_eq!(plan.breaking, [expected]);
    }

    #[test]
    fn becoming_nullable_is_a_widening() {
        let plan = evolve(&schema(&[("a", Integer, false)]), &schema(&[("a", Null, true)]));
        assert!(plan.widened[0].became_nullable && plan.merged.fields["a"].logical == Integer);
    }
}
