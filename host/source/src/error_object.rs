//! Answers whose status says success and whose body says that something went wrong.
//!
//! No standard says how, so this goes by the names and values with which APIs do ([`signs`]). A filled
//! `errors` is an error whatever else the page holds. Everything else is one only where the page holds
//! no records: there it may be the reason.

mod signs;

use dpone_json::members_of_root;
use dpone_model::{Kind, Span};
use signs::Sign;

/// The field that reports an error, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorObject {
    /// As the answer writes it; below the root with the name of what holds it.
    pub key: String,
    pub span: Span,
    /// A text beside it that says more.
    pub message: Option<Span>,
}

/// The page's records, as far as they matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Records,
    /// The whole answer is one record: `records_path` is the root, and an object stands there.
    RootRecord,
    /// This object is one record of a list that is the whole answer.
    RootRow,
    Nothing,
    /// The same of an object below the root, which may be a thing with a status of its own.
    NothingBelow,
}

impl Holds {
    /// Whether a sign counts. A root object with a field that no error has is a record, which may well
    /// have a field `error`; one with an `id` may well have a `status`.
    fn lets(self, sign: Sign, root: &Root<'_>) -> bool {
        let is_plain = sign.is_plain();
        match self {
            Self::Records => false,
            Self::Nothing => true,
            Self::NothingBelow => sign != Sign::Status,
            Self::RootRecord => root.is_of_errors && (is_plain || !root.has_id),
            Self::RootRow => root.is_of_errors && is_plain && !root.has_id,
        }
    }
}

/// One member of the root object.
struct Member {
    name: String,
    /// Its name without case and punctuation.
    plain: String,
    kind: Kind,
    span: Span,
}

/// The root object.
struct Root<'a> {
    body: &'a [u8],
    members: Vec<Member>,
    /// It has no field that an answer about an error does not have.
    is_of_errors: bool,
    has_id: bool,
}

/// Looks for an error in a body that was scanned. `skip` is the span of its records.
pub(crate) fn find(body: &[u8], skip: Option<Span>, holds: Holds) -> Option<ErrorObject> {
    let root = Root::of(body, skip);
    let is_record = matches!(holds, Holds::RootRecord | Holds::RootRow);
    let errors = root.members.iter().find(|member| {
        let counts = !is_record || root.is_of_errors || member.kind == Kind::Array && holds == Holds::RootRecord;
        member.plain == "errors" && counts && signs::speaks(root.text(member))
    });
    if let Some(errors) = errors {
        return Some(root.report(errors));
    }
    if holds == Holds::Records {
        return None;
    }
    let signed = root.members.iter().filter_map(|member| Some((root.sign(member)?, member)));
    let counted = signed.filter(|(sign, _)| holds.lets(*sign, &root));
    if let Some((_, member)) = counted.min_by_key(|(sign, _)| *sign) {
        return Some(root.report(member));
    }
    let looks_inside = match holds {
        Holds::Nothing => true,
        Holds::RootRecord => root.is_of_errors && !root.has_id,
        Holds::Records | Holds::RootRow | Holds::NothingBelow => false,
    };
    if looks_inside { root.members.iter().find_map(|member| root.inside(member)) } else { None }
}

impl<'a> Root<'a> {
    fn of(body: &'a [u8], skip: Option<Span>) -> Self {
        let mut members = Vec::new();
        members_of_root(body, skip, |name, kind, span| {
            members.push(Member { name: name.to_owned(), plain: signs::plain(name), kind, span });
        });
        let is_of_errors = members.iter().all(|member| signs::is_of_errors(&member.plain));
        let has_id = members.iter().any(|member| member.plain == "id");
        Self { body, members, is_of_errors, has_id }
    }

    fn text(&self, member: &Member) -> &'a [u8] {
        member.span.of(self.body)
    }

    fn sign(&self, member: &Member) -> Option<Sign> {
        let speaks_with_code = || {
            // Of a name that occurs twice, either may be the one that counts.
            self.members.iter().any(|code| code.plain == "code" && !signs::is_well(self.text(code)))
        };
        signs::of(&member.plain, self.text(member)).or_else(|| {
            let is_message = ["message", "msg"].contains(&member.plain.as_str()) && member.kind == Kind::String;
            (is_message && signs::speaks(self.text(member)) && speaks_with_code()).then_some(Sign::Message)
        })
    }

    fn report(&self, member: &Member) -> ErrorObject {
        let says_more = |plain: &&str| {
            let other = self.members.iter().find(|other| other.plain == **plain && other.kind == Kind::String)?;
            (other.span != member.span && signs::speaks(self.text(other))).then_some(other.span)
        };
        let is_short = !matches!(member.kind, Kind::Object | Kind::Array);
        let message = signs::MESSAGES.iter().find_map(says_more).filter(|_| is_short);
        ErrorObject { key: member.name.clone(), span: member.span, message }
    }

    /// The same in an object that says how the request went, such as `meta`.
    fn inside(&self, member: &Member) -> Option<ErrorObject> {
        if member.kind != Kind::Object || !signs::ENVELOPES.contains(&member.plain.as_str()) {
            return None;
        }
        let inner = Root::of(self.text(member), None);
        let signed = inner.members.iter().filter_map(|field| Some((inner.sign(field)?, field)));
        let (_, field) = signed.min_by_key(|(sign, _)| *sign)?;
        let found = inner.report(field);
        let start = member.span.start as usize;
        let moved = |span: Span| Span::new(start + span.start as usize, start + span.end as usize);
        Some(ErrorObject {
            key: format!("{}.{}", member.name, found.key),
            span: moved(found.span),
            message: found.message.map(moved),
        })
    }
}

#[cfg(test)]
mod tests;
