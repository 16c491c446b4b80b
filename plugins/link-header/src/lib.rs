//! Follows the `Link` header (RFC 8288) of each page.

mod link;
mod target;

use dpone_sdk::{Ending, Error, Extractor, Page, Records, Request, Step};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_rel")]
    rel: String,
}

fn default_rel() -> String {
    "next".to_owned()
}

pub struct LinkHeader {
    rel: String,
    records_path: String,
}

impl Extractor for LinkHeader {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "rel": {
                "type": "string", "minLength": 1, "default": "next",
                "description": "Relation type of the link to follow."
            }
        },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { rel: options.rel, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<()>, Error> {
        Ok(Step::first(Request::unchanged(), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        let records = Records::At(self.records_path.clone());
        if let Some(target) = self.target(page)? {
            return Ok(Step::more(records, Request::to_url(target), ()));
        }
        let message = format!("no Link header has a link of the relation `{}`", self.rel);
        let ending = Ending::new("link-missing", message).looked_at(format!("link {}", self.rel));
        Ok(Step::last(records, ()).because(ending))
    }
}

impl LinkHeader {
    /// The one target that the headers lead on to, however often they say so.
    fn target(&self, page: &Page) -> Result<Option<String>, Error> {
        let mut found: Option<String> = None;
        for header in page.header("link") {
            // A header that cannot be read may be the one that leads on; to end here would be to
            // lose the rest without a word.
            let links = link::parse(&header).map_err(|at| {
                Error::of_answer("malformed-link", format!("the Link header cannot be read at byte {at}: {header}"))
            })?;
            for link in links.into_iter().filter(|l| l.has_rel(&self.rel) && !l.is_anchored_elsewhere()) {
                match &found {
                    None => found = Some(link.target),
                    Some(first) if target::are_equal(&page.url(), first, &link.target) => {}
                    // One page is followed by one page: to take either would be to lose the rows of the other.
                    Some(first) => {
                        let message =
                            format!("two links of the relation `{}` lead on: {first} and {}", self.rel, link.target);
                        return Err(Error::of_answer("ambiguous-link", message));
                    }
                }
            }
        }
        Ok(found)
    }
}

dpone_sdk::export!(extractor: LinkHeader);

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_sdk::TestPage;

    fn next(options: &str, headers: &[(&str, &str)]) -> Result<Option<Request>, Error> {
        let plugin = LinkHeader::new(dpone_sdk::options_for_test(options).unwrap(), "").unwrap();
        let page = Page::for_test(TestPage { headers, ..TestPage::default() });
        plugin.next(&page, ()).map(|step| step.next)
    }

    #[test]
    fn the_link_of_the_relation_leads_on() {
        for (options, headers, url) in [
            ("{}", &[("Link", "</orders?page=2>; rel=next")][..], Some("/orders?page=2")),
            ("{}", &[("link", r#"<a>; rel="prev", <b>; rel="next""#)], Some("b")),
            ("{}", &[("Link", "<a>; rel=prev"), ("Link", "<b>; rel=next")], Some("b")),
            ("{}", &[("Link", "<a>; rel=next"), ("Link", "<a>; rel=next")], Some("a")),
            ("{}", &[("Link", "</a?p=2>; rel=next, <https://API.example.com:443/a?p=2#x>; rel=next")], Some("/a?p=2")),
            ("{}", &[("Link", r##"<a>; rel=next, <b>; rel=next; anchor="#part""##)], Some("a")),
            (r#"{"rel":"older"}"#, &[("Link", "<a>; rel=next, <b>; rel=older")], Some("b")),
            ("{}", &[("Link", r##"<a>; rel=next; anchor="#part""##)], None),
            ("{}", &[("Link", "<a>; rel=last")], None),
            ("{}", &[("X-Link", "<a>; rel=next")], None),
            ("{}", &[], None),
        ] {
            assert_eq!(next(options, headers).unwrap(), url.map(Request::to_url), "{headers:?}");
        }
    }

    #[test]
    fn a_malformed_header_is_no_end_of_the_walk() {
        let error = next("{}", &[("Link", "https://api.example.com/?page=2; rel=next")]).unwrap_err();
        assert_eq!((error.code.as_str(), error.blames), ("malformed-link", dpone_sdk::Blame::Answer));
    }

    #[test]
    fn two_targets_are_an_error_of_the_answer() {
        for headers in [
            &[("Link", "<a>; rel=next, <b>; rel=next")][..],
            &[("Link", "<a>; rel=next"), ("Link", "<b>; rel=next")],
            &[("Link", "<a>; rel=next"), ("Link", "<x>; rel=prev"), ("link", r#"<b>; rel="last next""#)],
            &[("Link", "<a>; rel=next, <a>; rel=next, <b>; rel=NEXT")],
            &[("Link", "<a?page=2>; rel=next, <a?page=3>; rel=next")],
            &[("Link", "<a>; rel=next, <>; rel=next")],
        ] {
            let error = next("{}", headers).unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.blames),
                ("ambiguous-link", dpone_sdk::Blame::Answer),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_page_without_the_link_says_so() {
        let plugin = LinkHeader::new(dpone_sdk::options_for_test(r#"{"rel":"older"}"#).unwrap(), "").unwrap();
        let headers = &[("Link", "<a>; rel=prev")][..];
        let ended =
            plugin.next(&Page::for_test(TestPage { headers, ..TestPage::default() }), ()).unwrap().ended.unwrap();
        assert_eq!((ended.reason.as_str(), ended.looked_at.as_deref()), ("link-missing", Some("link older")));
    }
}
