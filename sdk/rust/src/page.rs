//! One page of the API's answer, as an extractor may ask about it.

/// A handle: nothing of the page crosses into the plugin before it is asked for, and a single
/// value costs less than parsing the body here.
pub struct Page<'a> {
    pub(crate) host: Host<'a>,
}

#[cfg(target_arch = "wasm32")]
pub(crate) type Host<'a> = &'a crate::bindings::imports::dpone::plugin::pages::Page;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Host;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use native::NativePage;
#[cfg(not(target_arch = "wasm32"))]
pub use native::TestPage;

impl Page<'_> {
    /// HTTP status code.
    pub fn status(&self) -> u16 {
        self.host.status()
    }

    /// All values of a header, by name without regard to case.
    pub fn header(&self, name: &str) -> Vec<String> {
        self.host.header(name)
    }

    /// The URL that was asked for, without secrets.
    pub fn url(&self) -> String {
        self.host.url()
    }

    /// JSON text of the value at a dotted path; `None` where there is none.
    pub fn get(&self, path: &str) -> Option<String> {
        self.host.get(path)
    }

    /// The string at a dotted path, unescaped; `None` where there is none or something else.
    pub fn get_str(&self, path: &str) -> Option<String> {
        crate::json::unescape(&self.get(path)?).map(std::borrow::Cow::into_owned)
    }

    /// How many elements the array at a path has; `None` where there is no array. A single object
    /// counts as one.
    pub fn count(&self, path: &str) -> Option<u32> {
        self.host.count(path)
    }

    /// JSON text of the last element of the array at a path.
    pub fn last(&self, path: &str) -> Option<String> {
        self.host.last(path)
    }

    /// The whole body, decoded from its content encoding.
    pub fn body(&self) -> Vec<u8> {
        self.host.body()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::Page;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    /// The parts of a page in native tests.
    #[derive(Debug, Clone)]
    pub struct TestPage<'t> {
        /// 200
        pub status: u16,
        pub headers: &'t [(&'t str, &'t str)],
        pub url: &'t str,
        pub body: &'t str,
    }

    impl Default for TestPage<'_> {
        fn default() -> Self {
            Self { status: 200, headers: &[], url: "https://api.example.com/orders", body: "" }
        }
    }

    impl Page<'static> {
        /// A page with this body, or a whole [`TestPage`].
        pub fn for_test<'t>(page: impl Into<TestPage<'t>>) -> Self {
            let page = page.into();
            let headers = page.headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let (url, body) = (page.url.to_owned(), page.body.to_owned());
            Self { host: Host::Test(TestAnswer { status: page.status, headers, url, body }) }
        }
    }

    impl<'a> Page<'a> {
        /// The page of a host in the same process.
        #[doc(hidden)]
        pub fn native(page: &'a dyn NativePage) -> Self {
            Self { host: Host::Native(page) }
        }
    }

    impl<'t> From<&'t str> for TestPage<'t> {
        fn from(body: &'t str) -> Self {
            Self { body, ..Self::default() }
        }
    }

    /// A page of a host in the same process, as [`NativeBatch`](crate::NativeBatch) is a batch of one.
    pub trait NativePage {
        fn status(&self) -> u16;
        fn header(&self, name: &str) -> Vec<String>;
        fn url(&self) -> String;
        fn get(&self, path: &str) -> Option<String>;
        fn count(&self, path: &str) -> Option<u32>;
        fn last(&self, path: &str) -> Option<String>;
        fn body(&self) -> Vec<u8>;
    }

    /// The host's double in native tests.
    pub(crate) enum Host<'a> {
        Test(TestAnswer),
        Native(&'a dyn NativePage),
    }

    impl<'a> std::ops::Deref for Host<'a> {
        type Target = dyn NativePage + 'a;

        fn deref(&self) -> &Self::Target {
            match self {
                Self::Test(page) => page,
                Self::Native(page) => *page,
            }
        }
    }

    /// Stands in for the host in native tests.
    pub(crate) struct TestAnswer {
        status: u16,
        headers: Vec<(String, String)>,
        url: String,
        body: String,
    }

    impl NativePage for TestAnswer {
        fn status(&self) -> u16 {
            self.status
        }

        fn header(&self, name: &str) -> Vec<String> {
            self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone()).collect()
        }

        fn url(&self) -> String {
            self.url.clone()
        }

        fn get(&self, path: &str) -> Option<String> {
            let mut value: Box<RawValue> = serde_json::from_str(&self.body).ok()?;
            for segment in segments(path) {
                value = match serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(value.get()) {
                    Ok(mut fields) => fields.remove(&segment)?,
                    Err(_) => {
                        let mut elements: Vec<Box<RawValue>> = serde_json::from_str(value.get()).ok()?;
                        let index = segment.parse().ok().filter(|i| *i < elements.len())?;
                        elements.swap_remove(index)
                    }
                };
            }
            Some(value.get().to_owned())
        }

        fn count(&self, path: &str) -> Option<u32> {
            let value = self.get(path)?;
            match serde_json::from_str::<Vec<&RawValue>>(&value) {
                Ok(elements) => Some(elements.len() as u32),
                Err(_) => value.starts_with('{').then_some(1),
            }
        }

        fn last(&self, path: &str) -> Option<String> {
            let value = self.get(path)?;
            serde_json::from_str::<Vec<&RawValue>>(&value).ok()?.last().map(|v| v.get().to_owned())
        }

        fn body(&self) -> Vec<u8> {
            self.body.clone().into_bytes()
        }
    }

    /// Splits a dotted path; `\.` is a dot within a name, and nothing or `.` is the root.
    fn segments(path: &str) -> Vec<String> {
        if path.is_empty() || path == "." {
            return Vec::new();
        }
        let escaped = path.replace("\\.", "\u{0}");
        escaped.split('.').map(|s| s.replace('\u{0}', ".")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_pages_answer_like_the_host() {
        let page = Page::for_test(r#"{"data":{"items":[{"id":1},{"id":2.50}],"a.b":"x\ny"},"one":{}}"#);
        for (path, value) in [
            ("data.items.1.id", Some("2.50")),
            ("data.a\\.b", Some(r#""x\ny""#)),
            ("data.none", None),
            ("data.items.2", None),
            ("one", Some("{}")),
        ] {
            assert_eq!(page.get(path).as_deref(), value, "{path}");
        }
        assert_eq!(page.get_str("data.a\\.b").as_deref(), Some("x\ny"));
        assert_eq!((page.count("data.items"), page.count("one"), page.count("data.a")), (Some(2), Some(1), None));
        assert_eq!(page.last("data.items").as_deref(), Some("{\"id\":2.50}"));
    }

    #[test]
    fn headers_ignore_case() {
        let headers = &[("Link", "<a>"), ("link", "<b>"), ("other", "c")];
        let page = Page::for_test(TestPage { headers, ..TestPage::default() });
        assert_eq!(page.header("LINK"), ["<a>", "<b>"]);
    }
}
