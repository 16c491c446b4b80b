//! Remedies for a run that stopped: `dpone resume` as it is, with a mended manifest, or neither.

use dpone_model::{Exit, Report, Retry, codes};
use serde::{Deserialize, Serialize};

/// The next step for a run that left a journal behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The same journal would fail in the same way, or there is none.
    #[default]
    NewRun,
    /// `dpone resume RUN` may come further.
    Resume,
    /// `dpone resume RUN --manifest FILE`, with a manifest that judges, bounds or delivers otherwise.
    ResumeMended,
}

impl Remedy {
    /// The remedy for all errors of a run; slices may fail for reasons of their own.
    pub fn of(failure: &Report) -> Self {
        let all: Vec<Self> = std::iter::once(failure).chain(failure.more()).map(of_one).collect();
        let first = [Self::Resume, Self::ResumeMended].into_iter().find(|remedy| all.contains(remedy));
        first.unwrap_or_default()
    }
}

impl Remedy {
    /// The remedy for a load of which other slices were loaded, so the manifest suits the API: an answer that
    /// was refused is not in the journal, and the API is asked for it again, while the loaded slices are not.
    pub fn of_rest(failure: &Report) -> Self {
        let is_asked_again = |report: &Report| {
            let is_of_answer = report.exit() == Exit::Source || OF_RECORDS.contains(&report.code());
            is_of_answer && report.code() != &codes::source::RESUME_AGE
        };
        match Self::of(failure) {
            Self::NewRun if std::iter::once(failure).chain(failure.more()).any(is_asked_again) => Self::Resume,
            remedy => remedy,
        }
    }
}

fn of_one(report: &Report) -> Remedy {
    let code = report.code();
    if MENDED.contains(&code) {
        return Remedy::ResumeMended;
    }
    let may_pass = match report.exit() {
        // The fault is outside of the journal: somebody mends it, and the run goes on.
        Exit::Connection | Exit::Policy | Exit::Disk | Exit::Delivery | Exit::Interrupted => !FINAL.contains(&code),
        // A page that could not be read was not journalled: the API is asked for it again.
        Exit::Source => report.retry() != Retry::AfterFix || ASKED_AGAIN.contains(&code),
        // A lease is free again after a while, but state that moved stays where it is.
        Exit::State => [&codes::state::LEASED, &codes::state::LEASE_LOST].contains(&code),
        Exit::Plugin => report.retry() != Retry::AfterFix,
        Exit::Ok | Exit::Usage | Exit::Manifest | Exit::Schema | Exit::Quality | Exit::Review | Exit::Internal => false,
    };
    if may_pass { Remedy::Resume } else { Remedy::NewRun }
}

type Codes = &'static [&'static dpone_model::Code];

/// A key that may change between two attempts decides these (`mended::MAY_CHANGE`).
const MENDED: Codes = &[
    &codes::schema::MIXED,
    &codes::quality::CHECK_FAILED,
    &codes::quality::DUPLICATE_KEYS,
    &codes::quality::TOO_MANY_DUPLICATES,
    &codes::source::MAX_PAGES,
    &codes::source::EMPTY_PAGES,
    &codes::source::PAGE_TOO_LARGE,
    &codes::delivery::CLIENT_OPTION,
    &codes::disk::JOURNAL_LIMIT,
    &codes::plugin::DEADLINE,
    &codes::plugin::MEMORY,
    &codes::plugin::OUTPUT,
];

/// The API may answer otherwise once it, or what stands in front of it, was mended.
const ASKED_AGAIN: Codes =
    &[&codes::source::NOT_JSON, &codes::source::REDIRECTS, &codes::source::ENCODING, &codes::source::ADDRESS_REFUSED];

/// A record that is refused keeps its page out of the journal.
const OF_RECORDS: Codes =
    &[&codes::quality::MISSING_KEY_FIELD, &codes::quality::KEY_KIND, &codes::quality::DUPLICATE_FIELD];

/// The journal is of no use any more, or belongs to another topic, or its messages are what is refused.
const FINAL: Codes =
    &[&codes::disk::DAMAGED, &codes::disk::NOT_RESUMABLE, &codes::delivery::TOPIC_CHANGED, &codes::delivery::KEYLESS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resuming_is_proposed_where_it_can_help() {
        use Remedy::{NewRun, Resume, ResumeMended};
        for (code, remedy) in [
            (&codes::interrupted::INTERRUPTED, Resume),
            (&codes::source::UNREACHABLE, Resume),
            (&codes::source::STATUS, Resume),
            (&codes::source::NOT_JSON, Resume),
            (&codes::source::RETRY_AFTER, Resume),
            (&codes::source::RECORDS_PATH, NewRun),
            (&codes::source::REPEATED_NAME, NewRun),
            (&codes::source::REPEATED_CURSOR, NewRun),
            (&codes::source::CURSOR_FIELD, NewRun),
            (&codes::source::RESUME_AGE, NewRun),
            (&codes::source::OTHER_ORIGIN, NewRun),
            (&codes::source::MAX_PAGES, ResumeMended),
            (&codes::delivery::UNREACHABLE, Resume),
            (&codes::delivery::NOT_DELIVERED, Resume),
            (&codes::delivery::RECORD_TOO_LARGE, Resume),
            (&codes::delivery::KEYLESS, NewRun),
            (&codes::connection::STORE_UNREACHABLE, Resume),
            (&codes::state::LEASE_LOST, Resume),
            (&codes::state::CONFLICT, NewRun),
            (&codes::state::FINGERPRINT, NewRun),
            (&codes::disk::FULL, Resume),
            (&codes::disk::JOURNAL_LIMIT, ResumeMended),
            (&codes::disk::DAMAGED, NewRun),
            (&codes::schema::BREAKING, NewRun),
            (&codes::schema::MIXED, ResumeMended),
            (&codes::quality::CHECK_FAILED, ResumeMended),
            (&codes::quality::DUPLICATE_KEYS, ResumeMended),
            (&codes::quality::MISSING_KEY_FIELD, NewRun),
            (&codes::quality::KEY_KIND, NewRun),
            (&codes::plugin::TRAP, NewRun),
            (&codes::plugin::MEMORY, ResumeMended),
            (&codes::policy::WORKER, Resume),
            (&codes::internal::BUG, NewRun),
        ] {
            assert_eq!(Remedy::of(&Report::new(code, "x")), remedy, "{code}");
        }
    }

    #[test]
    fn of_several_slices_the_one_that_may_pass_counts() {
        let report = |code| Report::new(code, "x");
        let quality = || report(&codes::quality::CHECK_FAILED);
        let all = |reports| Remedy::of(&Report::all(reports).unwrap());
        assert_eq!(all(vec![report(&codes::schema::BREAKING), quality()]), Remedy::ResumeMended);
        assert_eq!(all(vec![quality(), report(&codes::source::STATUS)]), Remedy::Resume);
    }

    #[test]
    fn where_other_slices_were_loaded_the_rest_is_asked_for_again() {
        for (code, remedy) in [
            (&codes::source::RECORDS_PATH, Remedy::Resume),
            (&codes::source::CURSOR_FIELD, Remedy::Resume),
            (&codes::source::NEVER_SEEN, Remedy::Resume),
            (&codes::quality::MISSING_KEY_FIELD, Remedy::Resume),
            (&codes::source::MAX_PAGES, Remedy::ResumeMended),
            (&codes::quality::CHECK_FAILED, Remedy::ResumeMended),
            (&codes::source::RESUME_AGE, Remedy::NewRun),
            (&codes::schema::BREAKING, Remedy::NewRun),
        ] {
            assert_eq!(Remedy::of_rest(&Report::new(code, "x")), remedy, "{code}");
        }
    }
}
