//! Link headers, read as RFC 8288 (appendix B.2 and B.3) says.

/// One link of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// A URI reference: absolute, or relative to the page's own.
    pub target: String,
    /// Names in lower case, in the order they came.
    pub params: Vec<(String, String)>,
}

impl Link {
    /// Whether the relation is among those of the first `rel`; relation types compare without
    /// regard to case, and a second `rel` says nothing (section 3.3).
    pub fn has_rel(&self, rel: &str) -> bool {
        let types = self.param("rel").unwrap_or_default();
        types.split([' ', '\t']).any(|t| t.eq_ignore_ascii_case(rel))
    }

    /// A link with an anchor speaks of another resource than this page (section 3.2).
    pub fn is_anchored_elsewhere(&self) -> bool {
        self.param("anchor").is_some_and(|anchor| !anchor.is_empty())
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a header's links. An error is the byte where no link could be read.
pub fn parse(header: &str) -> Result<Vec<Link>, usize> {
    let mut input = Input { header, at: 0 };
    let mut links = Vec::new();
    loop {
        // Empty list elements are allowed (RFC 9110, section 5.6.1).
        input.skip(|c| matches!(c, ' ' | '\t' | ','));
        if input.rest().is_empty() {
            return Ok(links);
        }
        links.push(link(&mut input)?);
    }
}

fn link(input: &mut Input<'_>) -> Result<Link, usize> {
    let start = input.at;
    if !input.take('<') {
        return Err(start);
    }
    let target = input.until(&['>']).trim().to_owned();
    if !input.take('>') {
        return Err(start);
    }
    let mut params = Vec::new();
    loop {
        input.skip_space();
        if input.take(';') {
            params.extend(param(input));
        } else if input.rest().is_empty() || input.take(',') {
            return Ok(Link { target, params });
        } else {
            return Err(input.at);
        }
    }
}

/// One parameter; none for an empty one (`;;`).
fn param(input: &mut Input<'_>) -> Option<(String, String)> {
    input.skip_space();
    let name = input.until(&['=', ';', ',', ' ', '\t']).to_ascii_lowercase();
    input.skip_space();
    let value = if input.take('=') {
        input.skip_space();
        if input.take('"') { quoted(input) } else { input.until(&[';', ',']).trim_end().to_owned() }
    } else {
        String::new()
    };
    (!name.is_empty()).then_some((name, value))
}

/// The rest of a quoted string; an end of the header ends it too.
fn quoted(input: &mut Input<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = input.next() {
        match c {
            '"' => break,
            '\\' => text.extend(input.next()),
            c => text.push(c),
        }
    }
    text
}

struct Input<'a> {
    header: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        self.header.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.at += self.rest().len() - self.rest().trim_start_matches(skipped).len();
    }

    fn skip_space(&mut self) {
        self.skip(|c| matches!(c, ' ' | '\t'));
    }

    /// The text before the first of these, or before the end.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let found = rest.split(ends).next().unwrap_or_default();
        self.at += found.len();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str, params: &[(&str, &str)]) -> Link {
        let params = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Link { target: target.to_owned(), params }
    }

    #[test]
    fn headers_are_read_as_the_rfc_says() {
        for (header, links) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("<a>", vec![link("a", &[])]),
            ("< a >; rel=next", vec![link("a", &[("rel", "next")])]),
            ("<a>;rel=next,<b>;rel=prev", vec![link("a", &[("rel", "next")]), link("b", &[("rel", "prev")])]),
            (
                r#"<a>; rel="next"; title="x, y; \"z\" <w>""#,
                vec![link("a", &[("rel", "next"), ("title", "x, y; \"z\" <w>")])],
            ),
            ("<a?x=1,2;3>; rel=next", vec![link("a?x=1,2;3", &[("rel", "next")])]),
            ("<a> ; REL = next ;", vec![link("a", &[("rel", "next")])]),
            (
                "<a>; rel=next ; ;crossorigin, <b>",
                vec![link("a", &[("rel", "next"), ("crossorigin", "")]), link("b", &[])],
            ),
            ("<a>; title*=UTF-8''%e2%82%ac", vec![link("a", &[("title*", "UTF-8''%e2%82%ac")])]),
            (r#"<a>; rel="next"#, vec![link("a", &[("rel", "next")])]),
            ("<>; rel=next", vec![link("", &[("rel", "next")])]),
        ] {
            assert_eq!(parse(header), Ok(links), "{header}");
        }
    }

    #[test]
    fn what_is_no_link_is_named_by_its_byte() {
        for (header, at) in
            [("a; rel=next", 0), ("<a; rel=next", 0), ("<a>; rel=next, b", 15), ("<a> b", 4), (r#"<a>; rel="x"y"#, 12)]
        {
            assert_eq!(parse(header), Err(at), "{header}");
        }
    }

    #[test]
    fn relations_are_lists_without_case_and_the_first_counts() {
        for (header, has) in [
            (r#"<a>; rel="prev NEXT""#, true),
            (r#"<a>; rel="prev	next""#, true),
            ("<a>; rel=prev; rel=next", false),
            ("<a>; rel=nextpage", false),
            ("<a>; rev=next", false),
            ("<a>", false),
        ] {
            assert_eq!(parse(header).unwrap()[0].has_rel("next"), has, "{header}");
        }
    }
}
