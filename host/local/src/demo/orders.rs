//! The demo's orders: a pure function of how many there were at first and how many changes have
//! happened since, so that every process and every walk sees the same.
//!
//! Change 0, 2, 4, … adds an order, change 1, 3, 5, … alters an earlier one. `updated_at` grows with
//! every change and is shared by a few neighbours, so that equal times lie across page borders and
//! across walks.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// 2026-01-01T00:00:00Z, where the guide's boundary starts.
const FIRST_SECOND: i64 = 1_767_225_600;
/// Seconds between two different values of `updated_at`.
const STEP_SECONDS: i64 = 60;
/// How many first orders share one `updated_at`; no divisor of the usual page sizes.
const SHARED_BY: u64 = 7;
/// How many changes share one; no divisor of the usual number of changes a walk.
const CHANGES_SHARED_BY: u64 = 3;

const STATUSES: [&str; 5] = ["created", "paid", "packed", "shipped", "delivered"];
const CURRENCIES: [&str; 4] = ["EUR", "USD", "GBP", "CHF"];
const CHANNELS: [&str; 3] = ["web", "store", "phone"];
const CITIES: [&str; 5] = ["Berlin", "Zürich", "London", "New York", "Oslo"];

/// All orders with their changes. Ids count from 1 without a gap.
#[derive(Debug, Clone)]
pub struct Orders {
    rows: u64,
    changes: u64,
    /// The changes of each order that has some, ascending.
    altered: BTreeMap<u64, Vec<u64>>,
}

/// The parameters of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    /// The state after this many changes.
    pub changes: u64,
    /// Orders updated at or after this second.
    pub since: Option<i64>,
}

/// How the fault tests want a record written.
#[derive(Debug, Clone, Default)]
pub struct Shape<'a> {
    pub amount_as_string: bool,
    /// Added to the amount, in hundredths.
    pub extra_amount: u64,
    pub key: KeyShape,
    /// This field is written a second time, at the end.
    pub repeat_field: Option<&'a str>,
    /// A field `note` of this many bytes.
    pub note_bytes: usize,
    /// A field `nested` of arrays this deep.
    pub nested_levels: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyShape {
    #[default]
    Present,
    Null,
    Missing,
}

impl Orders {
    /// `rows` orders at first and `changes` changes since.
    pub fn new(rows: u64, changes: u64) -> Self {
        let mut orders = Self { rows, changes: 0, altered: BTreeMap::new() };
        orders.advance(changes);
        orders
    }

    /// Lets `count` more changes happen.
    pub fn advance(&mut self, count: u64) {
        for change in self.changes..self.changes + count {
            if change % 2 == 1 {
                let id = 1 + mix(change) % self.total(change);
                self.altered.entry(id).or_default().push(change);
            }
        }
        self.changes += count;
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many changes have happened.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How many orders there are after `changes` changes.
    pub fn total(&self, changes: u64) -> u64 {
        self.rows + changes.div_ceil(2)
    }

    /// The ids that a selection has after `after`, ascending.
    pub fn ids(&self, selection: Selection, after: u64) -> impl Iterator<Item = u64> + '_ {
        let total = self.total(selection.changes);
        let from = after + 1;
        // First orders are sorted by time, so those before this one matter only if altered.
        let untouched_from = selection.since.map_or(1, |since| self.first_updated_at(since)).max(from);
        let altered = self.altered.range(from..untouched_from).map(|(id, _)| *id);
        let rest: RangeInclusive<u64> = untouched_from..=total;
        let wanted =
            move |id: &u64| selection.since.is_none_or(|since| self.updated_at(*id, selection.changes) >= since);
        altered.chain(rest).filter(move |id| *id <= total).filter(wanted)
    }

    /// How many orders a selection has.
    pub fn count(&self, selection: Selection) -> u64 {
        match selection.since {
            None => self.total(selection.changes),
            Some(_) => self.ids(selection, 0).count() as u64,
        }
    }

    /// Appends one order as JSON, as it stands after `changes` changes.
    pub fn write(&self, id: u64, changes: u64, shape: &Shape<'_>, out: &mut String) {
        let newest = self.newest_change(id, changes);
        let seed = mix(id);
        let cents = 1_000 + seed % 9_000 + newest.map_or(0, |change| change % 100) + shape.extra_amount;
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let quote = if shape.amount_as_string { "\"" } else { "" };
        let revision = newest.map_or(seed, |change| seed + change + 1);
        out.push('{');
        match shape.key {
            KeyShape::Present => write_all(out, format_args!("\"order_id\":{id},")),
            KeyShape::Null => out.push_str("\"order_id\":null,"),
            KeyShape::Missing => {}
        }
        let created = rfc3339(FIRST_SECOND - 86_400 - cast(seed % 86_400));
        let updated = rfc3339(self.updated_at(id, changes));
        write_all(
            out,
            format_args!("\"customer_id\":{},\"status\":\"{}\",", 1 + seed % 5_000, pick(&STATUSES, revision)),
        );
        write_all(out, format_args!("\"amount\":{quote}{amount}{quote},\"currency\":\"{}\",", pick(&CURRENCIES, seed)));
        write_all(out, format_args!("\"updated_at\":\"{updated}\",\"created_at\":\"{created}\","));
        write_all(
            out,
            format_args!("\"channel\":\"{}\",\"priority\":{},", pick(&CHANNELS, seed), seed.is_multiple_of(5)),
        );
        let coupon = if seed.is_multiple_of(4) { "\"SPRING\"" } else { "null" };
        write_all(out, format_args!("\"coupon\":{coupon},\"city\":\"{}\",", pick(&CITIES, seed)));
        write_all(
            out,
            format_args!("\"items\":[{{\"sku\":\"SKU-{:05}\",\"quantity\":1,\"price\":{amount}}}]", seed % 100_000),
        );
        if shape.note_bytes > 0 {
            write_all(out, format_args!(",\"note\":\"{}\"", "x".repeat(shape.note_bytes)));
        }
        if shape.nested_levels > 0 {
            let (open, close) = ("[".repeat(shape.nested_levels), "]".repeat(shape.nested_levels));
            write_all(out, format_args!(",\"nested\":{open}{close}"));
        }
        if let Some(field) = shape.repeat_field {
            write_all(out, format_args!(",\"{field}\":{}", id + 1));
        }
        out.push('}');
    }

    /// The newest change of an order, its creation included; `None` for an untouched first order.
    fn newest_change(&self, id: u64, changes: u64) -> Option<u64> {
        let created = id.checked_sub(self.rows + 1).map(|n| 2 * n);
        let altered = self.altered.get(&id).and_then(|all| all.iter().rev().find(|change| **change < changes)).copied();
        created.max(altered)
    }

    fn updated_at(&self, id: u64, changes: u64) -> i64 {
        let step = match self.newest_change(id, changes) {
            None => id.saturating_sub(1) / SHARED_BY,
            Some(change) => self.rows / SHARED_BY + 1 + change / CHANGES_SHARED_BY,
        };
        FIRST_SECOND + cast(step) * STEP_SECONDS
    }

    /// The first of the first orders whose own time is not before `since`.
    fn first_updated_at(&self, since: i64) -> u64 {
        let steps =
            u64::try_from(since.saturating_sub(FIRST_SECOND)).unwrap_or(0).div_ceil(STEP_SECONDS.unsigned_abs());
        steps.saturating_mul(SHARED_BY).saturating_add(1).min(self.rows + 1)
    }
}

fn cast(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Writing into a string cannot fail.
fn write_all(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

fn rfc3339(second: i64) -> String {
    Timestamp::from_second(second).map(|time| time.to_string()).unwrap_or_default()
}

fn pick(all: &[&'static str], seed: u64) -> &'static str {
    let index = usize::try_from(seed % all.len().max(1) as u64).unwrap_or(0);
    all.get(index).copied().unwrap_or_default()
}

/// A well mixed function of a counter (SplitMix64's finalizer).
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn all(changes: u64) -> Selection {
        Selection { changes, since: None }
    }

    fn record(orders: &Orders, id: u64, changes: u64) -> String {
        let mut out = String::new();
        orders.write(id, changes, &Shape::default(), &mut out);
        out
    }

    #[test]
    fn orders_are_json_of_about_285_bytes_with_decimal_amounts() {
        let orders = Orders::new(2000, 0);
        let mut bytes = 0;
        let mut trailing_zero = false;
        for id in orders.ids(all(0), 0) {
            let text = record(&orders, id, 0);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["order_id"], id);
            let amount = text.split("\"amount\":").nth(1).unwrap().split(',').next().unwrap();
            assert_eq!(amount.split_once('.').unwrap().1.len(), 2, "{amount}");
            trailing_zero |= amount.ends_with('0');
            bytes += text.len();
        }
        assert!(trailing_zero, "an amount such as 10.10 shows whether numbers pass unchanged");
        assert!((275..295).contains(&(bytes / 2000)), "{} bytes", bytes / 2000);
    }

    #[test]
    fn changes_move_updated_at_forward_and_share_times() {
        let orders = Orders::new(100, 30);
        let newest_first = orders.ids(all(0), 0).map(|id| orders.updated_at(id, 0)).max().unwrap();
        let mut times: HashMap<i64, u32> = HashMap::new();
        for id in orders.ids(all(30), 0).filter(|id| orders.newest_change(*id, 30).is_some()) {
            assert!(orders.updated_at(id, 30) > newest_first);
            *times.entry(orders.updated_at(id, 30)).or_default() += 1;
        }
        assert!(times.values().any(|shared| *shared > 1));
        assert_eq!(orders.total(30), 115);
        // Walks of ten changes end between two changes that share a time.
        assert_ne!(10 % CHANGES_SHARED_BY, 0);
    }

    #[test]
    fn since_selects_exactly_the_later_ones() {
        let orders = Orders::new(500, 40);
        for changes in [0, 1, 17, 40] {
            for since in (FIRST_SECOND - 90..FIRST_SECOND + 6000).step_by(59) {
                let selection = Selection { changes, since: Some(since) };
                let slow: Vec<u64> =
                    (1..=orders.total(changes)).filter(|id| orders.updated_at(*id, changes) >= since).collect();
                assert_eq!(orders.ids(selection, 0).collect::<Vec<_>>(), slow, "since {since}, {changes} changes");
                assert_eq!(orders.count(selection), slow.len() as u64);
            }
        }
    }

    #[test]
    fn an_earlier_state_stays_as_it_was() {
        let mut orders = Orders::new(50, 0);
        let before: Vec<String> = (1..=50).map(|id| record(&orders, id, 0)).collect();
        orders.advance(25);
        let after: Vec<String> = orders.ids(all(0), 0).map(|id| record(&orders, id, 0)).collect();
        assert_eq!(before, after);
        assert_eq!(Orders::new(50, 25).altered, orders.altered);
        assert_ne!(before, (1..=50).map(|id| record(&orders, id, 25)).collect::<Vec<_>>());
    }
}
