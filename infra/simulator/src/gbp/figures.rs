//! Figures of a location, by day: of single posts there are none any more.

use super::error::ApiError;
use super::world::{Caller, World};
use crate::call::Call;
use crate::ids::figure;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

const METRICS: [&str; 6] = [
    "BUSINESS_IMPRESSIONS_DESKTOP_MAPS",
    "BUSINESS_IMPRESSIONS_DESKTOP_SEARCH",
    "BUSINESS_IMPRESSIONS_MOBILE_MAPS",
    "BUSINESS_IMPRESSIONS_MOBILE_SEARCH",
    "CALL_CLICKS",
    "WEBSITE_CLICKS",
];
/// Figures come that many days late.
const LATE_DAYS: i64 = 3;
const MOST_DAYS: usize = 540;

impl World {
    /// `GET /v1/locations/{location}:fetchMultiDailyMetricsTimeSeries`.
    pub(crate) fn figures(
        &self,
        caller: &Caller,
        location: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        self.reached(caller, location)?;
        let wanted: Vec<&str> =
            call.query.iter().filter(|(name, _)| name == "dailyMetrics").map(|(_, value)| value.as_str()).collect();
        if wanted.is_empty() || wanted.iter().any(|metric| !METRICS.contains(metric)) {
            return Err(ApiError::invalid("A daily metric is unknown."));
        }
        let (first, last) = (date(call, "startDate")?, date(call, "endDate")?);
        let today = now.to_zoned(TimeZone::UTC).date();
        let last = today.checked_sub(LATE_DAYS.days()).map_or(last, |known| known.min(last));
        let days = || first.series(1.day()).take_while(move |day| *day <= last).take(MOST_DAYS);
        let series = |metric: &&str| {
            let value = |day: Date| {
                let value = figure(self.ids.seed(), &format!("{location} {metric} {day}"), 40);
                let date = json!({"year": day.year(), "month": day.month(), "day": day.day()});
                // A zero is left out, and numbers are texts.
                if value == 0 { json!({ "date": date }) } else { json!({"date": date, "value": value.to_string()}) }
            };
            json!({"dailyMetric": metric, "timeSeries": {"datedValues": days().map(value).collect::<Vec<_>>()}})
        };
        let series: Vec<Value> = wanted.iter().map(series).collect();
        Ok(json!({"multiDailyMetricTimeSeries": [{"dailyMetricTimeSeries": series}]}))
    }
}

fn date(call: &Call, name: &str) -> Result<Date, ApiError> {
    let part = |part: &str| {
        let name = format!("dailyRange.{name}.{part}");
        call.query.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<i16>().ok())
    };
    let date = (|| {
        let (month, day) = (i8::try_from(part("month")?).ok()?, i8::try_from(part("day")?).ok()?);
        Date::new(part("year")?, month, day).ok()
    })();
    date.ok_or_else(|| ApiError::invalid("The daily range is invalid."))
}
