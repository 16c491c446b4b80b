//! Answers whose status says success and whose body says that something went wrong.
//!
//! No standard says how, so this goes by the names and values with which APIs do ([`signs`]). A filled
//! `errors` is an error whatever else the page holds. Everything else is one only where the page holds
//! no records: there it may be the reason.

mod signs;

use dpone_json::members_of_root;
use dpone_model::{Kind, Span};
use signs::Sign;
use url::Url;

/// Members of one object that are looked at. There are fewer listed names: an object with more repeats them.
const MAX_MEMBERS: usize = 256;

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
    /// This object is the only record of a list that is the whole answer.
    RootRow,
    Nothing,
    /// The same of an object below the root, which may be a thing with a status of its own.
    NothingBelow,
    /// The same of one with a name such as `response`: its status is the request's where a message is beside it.
    NothingInEnvelope,
}

/// A body and its page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    pub holds: Holds,
    /// The span of its records.
    pub records: Option<Span>,
    /// The member of the root that holds the records path, where it is not the list itself.
    pub holder: Option<&'a str>,
    pub asked: Asked<'a>,
}

/// The request, whose parameters an answer may repeat.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    pub url: &'a str,
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// Whether a value in the answer is that of a parameter.
    fn has(&self, json: &[u8]) -> bool {
        const MOST_BYTES: usize = 64;
        if json.len() > MOST_BYTES {
            return false;
        }
        let value = dpone_json::unescape(json);
        let is_value = |text: &str| text.split(',').any(|text| text.trim().eq_ignore_ascii_case(&value));
        let quoted = format!("\"{value}\"");
        Url::parse(self.url).is_ok_and(|url| url.query_pairs().any(|(_, text)| is_value(&text)))
            || self.body.windows(quoted.len()).any(|text| text.eq_ignore_ascii_case(quoted.as_bytes()))
    }
}

impl Holds {
    /// The object at a name below the root, on a page that holds nothing.
    pub(crate) fn nothing_below(name: &str) -> Self {
        if signs::is_envelope(name) { Self::NothingInEnvelope } else { Self::NothingBelow }
    }

    /// Whether a sign counts. A root object with a field that no error has is a record, which may well
    /// have a field `error`; one with an `id` may well have a `status`. A row of a log has a time and an error.
    fn lets(self, sign: Sign, member: &Member, root: &Root<'_>) -> bool {
        match self {
            Self::Records => false,
            Self::Nothing => true,
            Self::NothingBelow => sign != Sign::Status,
            Self::NothingInEnvelope => sign != Sign::Status || root.has_message(),
            Self::RootRecord => root.is_of_errors && (sign.is_plain() || !root.has_id),
            Self::RootRow => {
                let is_filled = sign == Sign::Filled && matches!(member.kind, Kind::String | Kind::Object);
                root.is_of_errors && !root.has_id && !root.has_time && (is_filled || sign == Sign::Code)
            }
        }
    }

    /// The same for `errors`. A record may have a number of them.
    fn lets_errors(self, member: &Member, root: &Root<'_>) -> bool {
        match self {
            Self::Records | Self::Nothing | Self::NothingBelow | Self::NothingInEnvelope => true,
            Self::RootRow => false,
            Self::RootRecord => {
                let is_count = member.kind == Kind::Number && (root.has_id || root.has_time);
                member.kind == Kind::Array || root.is_of_errors && !is_count
            }
        }
    }
}

/// One member of an object, with a name that is listed.
struct Member {
    name: String,
    /// Its name without case and punctuation.
    plain: String,
    kind: Kind,
    span: Span,
}

/// The root object, or one that is looked at as if it were.
struct Root<'a> {
    body: &'a [u8],
    asked: Asked<'a>,
    members: Vec<Member>,
    /// It has no field that an answer about an error does not have.
    is_of_errors: bool,
    has_id: bool,
    has_time: bool,
}

/// Looks for an error in a body that was scanned.
pub(crate) fn find(body: &[u8], page: Page<'_>) -> Option<ErrorObject> {
    let Page { holds, records, holder, asked } = page;
    let root = Root::of(body, records, asked);
    let errors = root.members.iter().find(|member| {
        member.plain == "errors" && holds.lets_errors(member, &root) && signs::speaks(root.text(member))
    });
    if let Some(errors) = errors {
        return Some(root.report(errors));
    }
    if holds == Holds::Records {
        return None;
    }
    let is_well = root.is_well();
    let signed = root.members.iter().filter_map(|member| Some((root.sign(member, is_well)?, member)));
    let counted = signed.filter(|(sign, member)| holds.lets(*sign, member, &root));
    if let Some((_, member)) = counted.min_by_key(|(sign, _)| *sign) {
        return Some(root.report(member));
    }
    let looks_inside = match holds {
        Holds::Nothing => true,
        Holds::RootRecord => root.is_of_errors && !root.has_id,
        Holds::Records | Holds::RootRow | Holds::NothingBelow | Holds::NothingInEnvelope => false,
    };
    // The holder of the records is a thing with a status of its own, and is judged as one.
    let mut envelopes = root.members.iter().filter(|member| looks_inside && Some(member.name.as_str()) != holder);
    envelopes.find_map(|member| root.inside(member, is_well))
}

impl<'a> Root<'a> {
    fn of(body: &'a [u8], skip: Option<Span>, asked: Asked<'a>) -> Self {
        let mut root = Self { body, asked, members: Vec::new(), is_of_errors: true, has_id: false, has_time: false };
        members_of_root(body, skip, |name, kind, span| {
            let plain = signs::listed(name);
            root.is_of_errors &= plain.as_deref().is_some_and(signs::is_of_errors);
            root.has_id |= plain.as_deref() == Some("id");
            root.has_time |= matches!(plain.as_deref(), Some("timestamp" | "time"));
            if let Some(plain) = plain.filter(|_| root.members.len() < MAX_MEMBERS) {
                root.members.push(Member { name: name.to_owned(), plain, kind, span });
            }
        });
        root
    }

    fn text(&self, member: &Member) -> &'a [u8] {
        member.span.of(self.body)
    }

    /// Whether a flag says that the request went well: then a code, a message and a status say no more.
    fn is_well(&self) -> bool {
        self.members.iter().any(|member| signs::flag(&member.plain, self.text(member)) == Some(true))
    }

    fn sign(&self, member: &Member, is_well: bool) -> Option<Sign> {
        let sign = signs::of(&member.plain, self.text(member)).or_else(|| {
            (self.is_message(member) && self.has_code() && !self.has_status_of_success()).then_some(Sign::Message)
        })?;
        let counts = match sign {
            Sign::Filled | Sign::Flag => true,
            Sign::Code | Sign::Message => !is_well,
            Sign::Status => !is_well && (self.has_message() || !self.asked.has(self.text(member))),
        };
        counts.then_some(sign)
    }

    fn is_message(&self, member: &Member) -> bool {
        let is_named_so = matches!(member.plain.as_str(), "message" | "msg");
        is_named_so && member.kind == Kind::String && signs::speaks(self.text(member))
    }

    fn has_message(&self) -> bool {
        self.members.iter().any(|member| self.is_message(member))
    }

    fn has_code(&self) -> bool {
        // Of a name that occurs twice, either may be the one that counts.
        self.members.iter().any(|member| member.plain == "code" && !signs::is_well(self.text(member)))
    }

    fn has_status_of_success(&self) -> bool {
        self.members.iter().any(|member| signs::is_status_of_success(&member.plain, self.text(member)))
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
    fn inside(&self, member: &Member, is_well: bool) -> Option<ErrorObject> {
        if member.kind != Kind::Object || !signs::is_envelope(&member.name) {
            return None;
        }
        let inner = Root::of(self.text(member), None, self.asked);
        let is_well = is_well || inner.is_well();
        let signed = inner.members.iter().filter_map(|field| Some((inner.sign(field, is_well)?, field)));
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
