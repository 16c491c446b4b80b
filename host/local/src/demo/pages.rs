//! From a request to a page: the five paginations, their parameters and their envelopes.

use super::faults::FaultKind;
use super::orders::{KeyShape, Orders, Selection, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// More records than this are not put into one page.
const MAX_PAGE_SIZE: u64 = 1_000_000;

/// The listings, for a reader who took another path.
pub const ENDPOINTS: [&str; 5] = [
    "/orders?cursor=&limit=&updated_since=",
    "/orders/page?page=&page_size=&updated_since=",
    "/orders/offset?offset=&limit=&updated_since=",
    "/orders/link?cursor=&limit=&updated_since=",
    "/orders/next?cursor=&limit=&updated_since=",
];

/// How a listing is cut into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `data.next_cursor` goes into `cursor`.
    Cursor,
    /// `page` counts from 1; `has_more` says whether another follows.
    Page,
    /// `offset` counts records from 0; `total` says how many there are.
    Offset,
    /// The header `Link` with `rel="next"` (RFC 8288).
    Link,
    /// `next` in the body is a URL or null.
    Next,
}

/// A request for one page.
#[derive(Debug, Clone)]
pub struct Ask {
    pub style: Style,
    path: &'static str,
    limit: u64,
    /// As it came, for the next URL.
    since: Option<String>,
    selection: Selection,
    start: Start,
    /// Which page of its walk this is, from 1.
    pub number: u64,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    After(u64),
    Skip(u64),
}

/// A page, not yet an HTTP answer.
#[derive(Debug)]
pub struct Page {
    pub body: Vec<u8>,
    /// The value of the header `Link`.
    pub link: Option<String>,
    /// No page follows this one.
    pub is_last: bool,
}

impl Style {
    /// The listing at a path.
    pub fn at(path: &str) -> Option<(Self, &'static str)> {
        match path {
            "/orders" => Some((Self::Cursor, "/orders")),
            "/orders/page" => Some((Self::Page, "/orders/page")),
            "/orders/offset" => Some((Self::Offset, "/orders/offset")),
            "/orders/link" => Some((Self::Link, "/orders/link")),
            "/orders/next" => Some((Self::Next, "/orders/next")),
            _ => None,
        }
    }
}

impl Ask {
    /// Reads the query; `changes` is the state that a walk begins with. The error is the reason
    /// that the caller reads.
    pub fn parse(path: &str, query: &str, changes: u64, page_size: u64) -> Result<Option<Self>, String> {
        let Some((style, path)) = Style::at(path) else { return Ok(None) };
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let size_name = if style == Style::Page { "page_size" } else { "limit" };
        let limit = number(&query, size_name)?.unwrap_or(page_size).min(MAX_PAGE_SIZE);
        if limit == 0 {
            return Err(format!("{size_name} must be at least 1"));
        }
        let since = query.get("updated_since").filter(|since| !since.is_empty()).cloned();
        let since_second = since.as_deref().map(parse_since).transpose()?;
        let selection = Selection { changes, since: since_second };
        let ask = Self { style, path, limit, since, selection, start: Start::After(0), number: 1 };
        match style {
            Style::Page => {
                let page = number(&query, "page")?.unwrap_or(1).max(1);
                Ok(Some(Self { start: Start::Skip((page - 1).saturating_mul(limit)), number: page, ..ask }))
            }
            Style::Offset => {
                let offset = number(&query, "offset")?.unwrap_or(0);
                Ok(Some(Self { start: Start::Skip(offset), number: offset / limit + 1, ..ask }))
            }
            Style::Cursor | Style::Link | Style::Next => {
                match query.get("cursor").filter(|cursor| !cursor.is_empty()) {
                    Some(cursor) => ask.at_cursor(cursor).map(Some),
                    None => Ok(Some(ask)),
                }
            }
        }
    }

    /// The state that the walk began with.
    pub fn changes(&self) -> u64 {
        self.selection.changes
    }

    /// Renders the page as it stands in `orders`. `origin` is the server's as the client wrote it.
    pub fn render(&self, orders: &Orders, origin: &str, fault: Option<&FaultKind>) -> Page {
        let mut ids = self.ids(orders);
        let more = ids.len() as u64 > self.limit;
        ids.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let empty = matches!(fault, Some(FaultKind::EmptyPage));
        if empty {
            ids.clear();
        }
        let next = self.next(orders, &ids, more || empty, fault);
        let has_next = next.is_some();
        let records = self.records(orders, &ids, fault);
        let next_origin = match fault {
            Some(FaultKind::NextElsewhere { origin }) => origin,
            _ => origin,
        };
        let url = next.as_deref().map(|cursor| self.next_url(next_origin, cursor));
        let rest = match self.style {
            Style::Cursor => format!("\"next_cursor\":{}}}", json!(next)),
            Style::Page => {
                format!("\"count\":{}}},\"page\":{},\"has_more\":{has_next}", ids.len(), self.number)
            }
            Style::Offset => format!("\"count\":{}}},\"total\":{}", ids.len(), orders.count(self.selection)),
            Style::Link => format!("\"count\":{}}}", ids.len()),
            Style::Next => format!("\"count\":{}}},\"next\":{}", ids.len(), json!(url)),
        };
        let (outer, inner) = match fault {
            Some(FaultKind::WrongShape) => ("result", "records"),
            _ => ("data", "items"),
        };
        let body = format!("{{\"{outer}\":{{\"{inner}\":{records},{rest}}}");
        let link = (self.style == Style::Link).then(|| url.map(|url| format!("<{url}>; rel=\"next\""))).flatten();
        Page { body: body.into_bytes(), link, is_last: !has_next }
    }

    /// One more than the page holds, so that its end is known.
    fn ids(&self, orders: &Orders) -> Vec<u64> {
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1);
        match self.start {
            Start::After(after) => orders.ids(self.selection, after).take(wanted).collect(),
            // Without a filter the ids have no gap, so nothing has to be skipped one by one.
            Start::Skip(skip) if self.selection.since.is_none() => {
                orders.ids(self.selection, skip).take(wanted).collect()
            }
            Start::Skip(skip) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                orders.ids(self.selection, 0).skip(skip).take(wanted).collect()
            }
        }
    }

    /// The cursor of the next page; empty where pages are counted by the client.
    fn next(&self, orders: &Orders, ids: &[u64], more: bool, fault: Option<&FaultKind>) -> Option<String> {
        let after = match self.start {
            Start::After(after) => after,
            Start::Skip(_) => return (more || matches!(fault, Some(FaultKind::SameCursor))).then(String::new),
        };
        if matches!(fault, Some(FaultKind::SameCursor)) {
            return Some(self.cursor(after, self.number));
        }
        // An empty page goes on where it stood, but only if something is there.
        let more = more && orders.ids(self.selection, ids.last().copied().unwrap_or(after)).next().is_some();
        more.then(|| self.cursor(ids.last().copied().unwrap_or(after), self.number + 1))
    }

    /// Opaque to clients; it keeps the state that the walk began with, so that a walk sees no
    /// change, and must be percent-encoded, as real cursors must.
    fn cursor(&self, after: u64, page: u64) -> String {
        STANDARD.encode(format!("{after}>{}>{page}", self.selection.changes))
    }

    fn at_cursor(self, cursor: &str) -> Result<Self, String> {
        let invalid = || format!("invalid cursor {cursor:?}");
        let text = STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
        let parts: Vec<u64> = text.split('>').map_while(|part| part.parse().ok()).collect();
        let [after, changes, number] = *parts.as_slice() else { return Err(invalid()) };
        let selection = Selection { changes: changes.min(self.selection.changes), ..self.selection };
        Ok(Self { start: Start::After(after), number, selection, ..self })
    }

    fn next_url(&self, origin: &str, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("cursor", cursor).append_pair("limit", &self.limit.to_string());
        if let Some(since) = &self.since {
            query.append_pair("updated_since", since);
        }
        format!("{origin}{}?{}", self.path, query.finish())
    }

    fn records(&self, orders: &Orders, ids: &[u64], fault: Option<&FaultKind>) -> String {
        if matches!(fault, Some(FaultKind::NullItems)) {
            return "null".to_owned();
        }
        let middle = ids.get(ids.len() / 2).copied();
        let mut out = String::with_capacity(ids.len() * 300 + 2);
        out.push('[');
        for id in ids {
            if out.len() > 1 {
                out.push(',');
            }
            self.record(orders, *id, fault, middle == Some(*id), &mut out);
        }
        out.push(']');
        out
    }

    fn record(&self, orders: &Orders, id: u64, fault: Option<&FaultKind>, is_middle: bool, out: &mut String) {
        let changes = self.selection.changes;
        let plain = Shape { amount_as_string: matches!(fault, Some(FaultKind::AmountAsString)), ..Shape::default() };
        let Some(fault) = fault.filter(|_| is_middle) else { return orders.write(id, changes, &plain, out) };
        let shape = match fault {
            FaultKind::NullKey => Shape { key: KeyShape::Null, ..plain.clone() },
            FaultKind::MissingKey => Shape { key: KeyShape::Missing, ..plain.clone() },
            FaultKind::DuplicateField { field } => Shape { repeat_field: Some(field), ..plain.clone() },
            FaultKind::HugeRow { bytes } => Shape { note_bytes: *bytes, ..plain.clone() },
            FaultKind::DeepNesting { levels } => Shape { nested_levels: *levels, ..plain.clone() },
            _ => plain.clone(),
        };
        orders.write(id, changes, &shape, out);
        let extra_amount = match fault {
            FaultKind::DuplicateIdentical => 0,
            FaultKind::DuplicateConflicting => 1,
            _ => return,
        };
        out.push(',');
        orders.write(id, changes, &Shape { extra_amount, ..plain }, out);
    }
}

fn number(query: &BTreeMap<String, String>, name: &str) -> Result<Option<u64>, String> {
    match query.get(name).filter(|value| !value.is_empty()) {
        Some(value) => value.parse().map(Some).map_err(|_| format!("{name} must be a whole number, not {value:?}")),
        None => Ok(None),
    }
}

/// The first second that is not before an RFC 3339 instant.
fn parse_since(text: &str) -> Result<i64, String> {
    let since: Timestamp =
        text.parse().map_err(|_| format!("updated_since must be an RFC 3339 timestamp, not {text:?}"))?;
    Ok(since.as_second() + i64::from(since.subsec_nanosecond() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn ask(path: &str, query: &str, orders: &Orders) -> Ask {
        Ask::parse(path, query, orders.changes(), 1000).unwrap().unwrap()
    }

    fn page(path: &str, query: &str, orders: &Orders, fault: Option<&FaultKind>) -> (Value, Page) {
        let page = ask(path, query, orders).render(orders, "http://api", fault);
        (serde_json::from_slice(&page.body).unwrap(), page)
    }

    /// Follows a pagination as a client does; gives the ids and the number of pages.
    fn walk(path: &str, query: &str, orders: &Orders, fault: impl Fn(u64) -> Option<FaultKind>) -> (Vec<u64>, u64) {
        let (mut ids, mut pages, mut at) = (Vec::new(), 0, query.to_owned());
        loop {
            let number = ask(path, &at, orders).number;
            let (value, page) = page(path, &at, orders, fault(number).as_ref());
            pages += 1;
            assert_eq!(number, pages, "{path}?{at}");
            ids.extend(value["data"]["items"].as_array().unwrap().iter().map(|r| r["order_id"].as_u64().unwrap()));
            let join = |name: &str, next: &str| {
                let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                format!("{query}&{name}={next}")
            };
            let after_mark = |url: &str| url.split_once('?').unwrap().1.trim_end_matches(">; rel=\"next\"").to_owned();
            at = match Style::at(path).unwrap().0 {
                Style::Cursor => match value["data"]["next_cursor"].as_str() {
                    Some(cursor) => join("cursor", cursor),
                    None => break,
                },
                Style::Page if value["has_more"] == true => join("page", &(pages + 1).to_string()),
                Style::Offset if (ids.len() as u64) < value["total"].as_u64().unwrap() => {
                    join("offset", &ids.len().to_string())
                }
                Style::Link if page.link.is_some() => after_mark(page.link.as_ref().unwrap()),
                Style::Next if value["next"].is_string() => after_mark(value["next"].as_str().unwrap()),
                _ => break,
            };
            assert!(pages < 100, "{path} does not end");
        }
        (ids, pages)
    }

    #[test]
    fn every_pagination_gives_every_order_once() {
        let orders = Orders::new(95, 11);
        for (path, query) in [
            ("/orders", "limit=10"),
            ("/orders/page", "page_size=10"),
            ("/orders/offset", "limit=10"),
            ("/orders/link", "limit=10"),
            ("/orders/next", "limit=10"),
        ] {
            let (ids, pages) = walk(path, query, &orders, |_| None);
            assert_eq!((ids, pages), ((1..=101).collect(), 11), "{path}");
            // A walk whose last page is full ends there.
            assert_eq!(walk(path, query, &Orders::new(20, 0), |_| None).1, 2, "{path}");
            assert_eq!(walk(path, query, &Orders::new(0, 0), |_| None), (vec![], 1), "{path}");
            let since = format!("{query}&updated_since=2026-01-01T00:10:00Z");
            let late = walk(path, &since, &orders, |_| None).0;
            assert!(late.len() < 50 && late.contains(&101) && late.windows(2).all(|w| w[0] < w[1]), "{path} {late:?}");
        }
    }

    #[test]
    fn an_empty_page_in_the_middle_loses_nothing() {
        let orders = Orders::new(40, 0);
        for path in ["/orders", "/orders/link", "/orders/next"] {
            let (ids, pages) = walk(path, "limit=10", &orders, |n| (n == 2).then_some(FaultKind::EmptyPage));
            assert_eq!((ids, pages), ((1..=40).collect(), 5), "{path}");
        }
    }

    #[test]
    fn a_walk_sees_the_state_it_began_with() {
        let mut orders = Orders::new(30, 0);
        let (first, _) = page("/orders", "limit=20", &orders, None);
        orders.advance(10);
        let cursor: String =
            form_urlencoded::byte_serialize(first["data"]["next_cursor"].as_str().unwrap().as_bytes()).collect();
        let (rest, last) = page("/orders", &format!("limit=20&cursor={cursor}"), &orders, None);
        assert_eq!(rest["data"]["items"].as_array().unwrap().len(), 10);
        assert!(last.is_last);
    }

    #[test]
    fn record_faults_show_in_the_middle_record() {
        let orders = Orders::new(4, 0);
        let text = |fault: FaultKind| {
            String::from_utf8(ask("/orders", "", &orders).render(&orders, "http://api", Some(&fault)).body).unwrap()
        };
        assert_eq!(text(FaultKind::DuplicateIdentical).matches("\"order_id\":3,").count(), 2);
        let conflicting: Value = serde_json::from_str(&text(FaultKind::DuplicateConflicting)).unwrap();
        assert_eq!(conflicting["data"]["items"][2]["order_id"], conflicting["data"]["items"][3]["order_id"]);
        assert_ne!(conflicting["data"]["items"][2]["amount"], conflicting["data"]["items"][3]["amount"]);
        let twice = text(FaultKind::DuplicateField { field: "order_id".into() });
        assert!(twice.contains("\"order_id\":3,") && twice.contains(",\"order_id\":4}"));
        assert!(text(FaultKind::NullKey).contains("\"order_id\":null"));
        assert_eq!(text(FaultKind::MissingKey).matches("order_id").count(), 3);
        assert!(text(FaultKind::HugeRow { bytes: 5000 }).len() > 6000);
        assert_eq!(text(FaultKind::AmountAsString).matches("\"amount\":\"").count(), 4);
        assert!(text(FaultKind::NullItems).contains("\"items\":null"));
        assert!(text(FaultKind::WrongShape).starts_with("{\"result\":{\"records\":[{"));
        assert!(text(FaultKind::DeepNesting { levels: 3 }).contains("\"nested\":[[[]]]"));
    }

    #[test]
    fn the_same_cursor_comes_for_ever() {
        let orders = Orders::new(40, 0);
        let same = FaultKind::SameCursor;
        let (first, _) = page("/orders", "limit=10", &orders, Some(&same));
        let cursor = first["data"]["next_cursor"].as_str().unwrap();
        let query: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        let (second, _) = page("/orders", &format!("limit=10&cursor={query}"), &orders, Some(&same));
        assert_eq!(second["data"]["next_cursor"], cursor);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for (path, query) in [
            ("/orders", "limit=0"),
            ("/orders", "limit=ten"),
            ("/orders", "cursor=!!"),
            ("/orders", "cursor=MT4y"),
            ("/orders", "updated_since=yesterday"),
            ("/orders/page", "page=-1"),
            ("/orders/offset", "offset=1.5"),
        ] {
            assert!(Ask::parse(path, query, 0, 1000).is_err(), "{path}?{query}");
        }
        assert!(Ask::parse("/customers", "", 0, 1000).unwrap().is_none());
    }
}
