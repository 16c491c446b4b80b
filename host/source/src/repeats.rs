//! Pages whose records came before: an API that repeats its last page, or goes in a circle under new
//! requests.

use dpone_model::{PagePlace, Records, redact};
use std::collections::{HashMap, VecDeque};
use xxhash_rust::xxh3::xxh3_128;

/// A digest of a page's records as the source gave them; `None` where it holds none. What stands around
/// the records is left out: APIs put the time and an id of the request there.
pub(crate) fn digest(bytes: &[u8], records: &Records) -> Option<u128> {
    let (first, last) = (records.records.first()?, records.records.last()?);
    bytes.get(first.span.start as usize..last.span.end as usize).map(xxh3_128)
}

/// Digests of the last pages of one walk. Pages without records are not among them.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// Digest and number of each page.
    recent: VecDeque<(u128, u64)>,
    /// Of the last pages of `recent`. A URL may be long, so those of all of them are not kept.
    urls: VecDeque<String>,
    /// Pages that went out of `recent`; so page `n` of the walk lies at `n - gone`.
    gone: usize,
    /// Where each digest of `recent` stands last.
    last: HashMap<u128, usize>,
    /// The length of a circle that the pages may be in, and how many of them fit it so far.
    circle: Option<(usize, usize)>,
}

/// Pages that came twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// The page whose records the last page has again; its URL is empty where it came too long ago.
    pub earlier: PagePlace,
    /// How many pages are repeated.
    pub pages: usize,
}

impl Repeats {
    /// Some 300 KiB. A longer circle ends at `max_pages` or never.
    const MAX: usize = 4096;
    const MAX_URLS: usize = 16;
    const MAX_URL_BYTES: usize = 2048;

    /// Notes a page. The page before again is a repeat at once; a longer circle is one when it has
    /// come round, since a single page may rightly have the records of an earlier one.
    pub(crate) fn note(&mut self, place: &PagePlace, digest: u128) -> Option<Repeat> {
        let number = self.gone + self.recent.len();
        self.circle = match self.circle {
            Some((pages, fitting)) if self.digest_at(number - pages) == Some(digest) => Some((pages, fitting + 1)),
            _ => self.last.get(&digest).map(|earlier| (number - earlier, 1)),
        };
        self.recent.push_back((digest, place.page));
        self.urls.push_back(cut(&place.url));
        if self.urls.len() > Self::MAX_URLS {
            self.urls.pop_front();
        }
        self.last.insert(digest, number);
        if self.recent.len() > Self::MAX
            && let Some((oldest, _)) = self.recent.pop_front()
        {
            if self.last.get(&oldest) == Some(&self.gone) {
                self.last.remove(&oldest);
            }
            self.gone += 1;
        }
        let (pages, _) = self.circle.filter(|(pages, fitting)| fitting == pages)?;
        Some(Repeat { earlier: self.place(pages)?, pages })
    }

    /// Whether a page would be that of the page before again.
    pub(crate) fn is_last(&self, digest: u128) -> Option<Repeat> {
        let (before, _) = self.recent.back()?;
        if *before == digest { Some(Repeat { earlier: self.place(0)?, pages: 1 }) } else { None }
    }

    /// The page so many before the last one.
    fn place(&self, before: usize) -> Option<PagePlace> {
        let from_end = |len: usize| len.checked_sub(before + 1);
        let (_, page) = self.recent.get(from_end(self.recent.len())?)?;
        let url = from_end(self.urls.len()).and_then(|at| self.urls.get(at)).cloned();
        Some(PagePlace::new(*page, url.unwrap_or_default()))
    }

    fn digest_at(&self, number: usize) -> Option<u128> {
        self.recent.get(number.checked_sub(self.gone)?).map(|(digest, _)| *digest)
    }
}

fn cut(url: &str) -> String {
    redact::excerpt(url, Repeats::MAX_URL_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page at which a repeat is found, and how many pages it is of; each letter is a page.
    fn found(pages: &str) -> Option<(usize, usize)> {
        let mut repeats = Repeats::default();
        pages.chars().enumerate().find_map(|(index, page)| {
            let place = PagePlace::new(index as u64 + 1, format!("/{index}"));
            let repeat = repeats.note(&place, u128::from(page as u32))?;
            assert_eq!(repeat.earlier.page as usize, index + 1 - repeat.pages);
            Some((index + 1, repeat.pages))
        })
    }

    #[test]
    fn a_circle_is_found_when_it_has_come_round() {
        for (pages, repeat) in [
            ("", None),
            ("ABCDE", None),
            ("AA", Some((2, 1))),
            ("ABCC", Some((4, 1))),
            ("ABAB", Some((4, 2))),
            ("XABAB", Some((5, 2))),
            ("ABCABC", Some((6, 3))),
            ("ABACABAC", None),
            ("ABACABACA", Some((9, 4))),
            // The same records by chance, here and there.
            ("ABACADAE", None),
            ("ABCAXYZB", None),
        ] {
            assert_eq!(found(pages), repeat, "{pages}");
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_left_still_counts() {
        let mut repeats = Repeats::default();
        let place = PagePlace::new(1, "/".repeat(1 << 16));
        for page in 0..3 * Repeats::MAX as u128 {
            assert_eq!(repeats.note(&place, page), None);
        }
        assert!(repeats.recent.len() <= Repeats::MAX && repeats.last.len() <= Repeats::MAX);
        assert!(repeats.urls.iter().map(String::len).sum::<usize>() < 17 * 2100);
        assert_eq!(repeats.note(&place, 0), None, "forgotten");
        let repeat = repeats.note(&place, 0).unwrap();
        assert_eq!((repeat.pages, repeat.earlier.url.len()), (1, 2048 + "…".len()));
    }
}
