//! Lengths of windows, and where windows of that length begin.

use dpone_sdk::{Error, JsonText, Kind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Monday, 5 January 1970: weeks are counted from it.
const FIRST_MONDAY_SECONDS: i64 = 4 * 86_400;

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Number(i128),
    /// `from_seconds` is where windows of this length are counted from.
    Seconds {
        step: i64,
        from_seconds: i64,
    },
    Months(i64),
}

impl Step {
    /// `1d`, `1mo`, or a whole number.
    pub fn parse(option: &str, json: &JsonText) -> Result<Self, Error> {
        let value = json.value();
        let text = value.as_str().map_or_else(|| json.json().to_owned(), |text| text.into_owned());
        let wrong = || {
            let message = format!("`{text}` is no length such as `6h`, `1d`, `1mo` or a whole number");
            Error::new("step", message).at_field(option)
        };
        if value.kind() == Kind::Number {
            return match text.parse::<i128>() {
                Ok(number) if number > 0 => Ok(Self::Number(number)),
                _ => Err(wrong()),
            };
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        let seconds = |of: i64, from_seconds| {
            number.checked_mul(of).map(|step| Self::Seconds { step, from_seconds }).ok_or_else(wrong)
        };
        match unit {
            "s" => seconds(1, 0),
            "m" => seconds(60, 0),
            "h" => seconds(3600, 0),
            "d" => seconds(86_400, 0),
            "w" => seconds(7 * 86_400, FIRST_MONDAY_SECONDS),
            "mo" => Ok(Self::Months(number)),
            "y" => number.checked_mul(12).map(Self::Months).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }

    /// The start of the window that holds an instant; `None` beyond the calendar.
    pub fn floor(self, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Number(_) => None,
            Self::Seconds { step, from_seconds } => {
                let since = instant.as_second().checked_sub(from_seconds)?;
                Timestamp::from_second(since.div_euclid(step).checked_mul(step)?.checked_add(from_seconds)?).ok()
            }
            Self::Months(step) => {
                let date = TimeZone::UTC.to_datetime(instant).date();
                month(months_of(date).div_euclid(step).checked_mul(step)?)
            }
        }
    }

    /// The start of the window after the one that begins at `start`.
    pub fn after(self, start: Timestamp) -> Option<Timestamp> {
        self.moved(start, 1)
    }

    /// The instant moved back by this length.
    pub fn before(self, instant: Timestamp) -> Option<Timestamp> {
        self.moved(instant, -1)
    }

    fn moved(self, instant: Timestamp, sign: i64) -> Option<Timestamp> {
        match self {
            Self::Number(_) => None,
            Self::Seconds { step, .. } => {
                Timestamp::from_second(instant.as_second().checked_add(step.checked_mul(sign)?)?).ok()
            }
            Self::Months(step) => {
                let date = TimeZone::UTC.to_datetime(instant).date();
                month(months_of(date).checked_add(step.checked_mul(sign)?)?)
            }
        }
    }
}

fn months_of(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// The first instant of a month, counted from the year 0.
fn month(months: i64) -> Option<Timestamp> {
    let (year, month) = (i16::try_from(months.div_euclid(12)).ok()?, months.rem_euclid(12) as i8 + 1);
    let date = Date::new(year, month, 1).ok()?;
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
}
