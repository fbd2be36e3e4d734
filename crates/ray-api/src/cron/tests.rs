use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

use super::*;

/// What the Go library says; see `vectors/main.go`.
#[derive(Deserialize)]
struct Vectors {
    due: Vec<Due>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Due {
    schedule: String,
    zone: String,
    after: Timestamp,
    next: Vec<Timestamp>,
}

#[derive(Deserialize)]
struct Refused {
    schedule: String,
    error: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn zone(name: &str) -> TimeZone {
    time_zone(name).unwrap().unwrap()
}

#[test]
fn times_are_those_of_the_go_library() {
    let mut wrong = Vec::new();
    for Due {
        schedule,
        zone: name,
        after,
        next,
    } in vectors().due
    {
        let (parsed, zone) = (Schedule::parse(&schedule).unwrap(), zone(&name));
        let mut at = after;
        let mut found = Vec::new();
        while found.len() < 3 {
            let Some(time) = parsed.next(at, &zone) else { break };
            found.push(time);
            at = time;
        }
        if found != next {
            wrong.push(format!("{schedule} in {name} after {after}: {found:?}, not {next:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn refusals_are_those_of_the_go_library() {
    for Refused { schedule, error } in vectors().refused {
        assert_eq!(
            Schedule::parse(&schedule).unwrap_err().to_string(),
            error,
            "{schedule:?}"
        );
    }
}

fn times(schedule: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let (schedule, zone) = (Schedule::parse(schedule).unwrap(), zone(zone_name));
    let mut at: Timestamp = after.parse().unwrap();
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(next) = schedule.next(at, &zone) else { break };
        found.push(
            next.to_zoned(zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S %:z")
                .to_string(),
        );
        at = next;
    }
    found
}

#[rstest]
#[case::skipped_hour("30 2 * * *", "America/New_York", "2024-03-09T12:00:00Z", &["2024-03-11 02:30:00 -04:00"])]
#[case::hourly_over_a_skipped_hour(
    "30 * * * *", "America/New_York", "2024-03-10T06:00:00Z",
    &["2024-03-10 01:30:00 -05:00", "2024-03-10 03:30:00 -04:00"]
)]
#[case::repeated_hour(
    "30 1 * * *", "America/New_York", "2024-11-03T04:00:00Z",
    &["2024-11-03 01:30:00 -04:00", "2024-11-03 01:30:00 -05:00", "2024-11-04 01:30:00 -05:00"]
)]
#[case::repeated_minutes_in_order(
    "20,40 1 * * *", "America/New_York", "2024-11-03T05:30:00Z",
    &["2024-11-03 01:40:00 -04:00", "2024-11-03 01:20:00 -05:00", "2024-11-03 01:40:00 -05:00"]
)]
#[case::skipped_half_hour(
    "0,45 2 * * *", "Australia/Lord_Howe", "2024-10-05T14:30:00Z",
    &["2024-10-06 02:45:00 +11:00", "2024-10-07 02:00:00 +11:00"]
)]
#[case::repeated_half_hour(
    "15,45 1 * * *", "Australia/Lord_Howe", "2024-04-06T14:00:00Z",
    &["2024-04-07 01:15:00 +11:00", "2024-04-07 01:45:00 +11:00", "2024-04-07 01:45:00 +10:30"]
)]
#[case::skipped_midnight_is_left_out("0 0 * * *", "Africa/Cairo", "2024-04-25T12:00:00Z", &["2024-04-27 00:00:00 +03:00"])]
#[case::day_of_a_skipped_midnight_is_not("0 12 * * fri", "Africa/Cairo", "2024-04-25T12:00:00Z", &["2024-04-26 12:00:00 +03:00"])]
#[case::repeated_hour_before_midnight(
    "30 23 * * *", "Africa/Cairo", "2024-10-31T12:00:00Z",
    &["2024-10-31 23:30:00 +03:00", "2024-10-31 23:30:00 +02:00", "2024-11-01 23:30:00 +02:00"]
)]
#[case::skipped_day("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", &["2011-12-29 12:00:00 -10:00", "2011-12-31 12:00:00 +14:00"])]
#[case::fractions_of_a_second("* * * * *", "UTC", "2024-02-29T23:59:59.999Z", &["2024-03-01 00:00:00 +00:00"])]
#[case::exactly_due("*/5 * * * *", "UTC", "2024-02-29T10:05:00Z", &["2024-02-29 10:10:00 +00:00"])]
#[case::every_from_the_base("@every 90m", "UTC", "2024-02-29T10:05:07.9Z", &["2024-02-29 11:35:07 +00:00", "2024-02-29 13:05:07 +00:00"])]
fn is_due(#[case] schedule: &str, #[case] zone: &str, #[case] after: &str, #[case] want: &[&str]) {
    assert_eq!(times(schedule, zone, after, want.len()), want);
}

#[rstest]
#[case::no_such_day("0 0 30 2 *", "2024-01-01T00:00:00Z")]
#[case::no_number(", * * * *", "2024-01-01T00:00:00Z")]
#[case::more_than_five_years_away("0 0 29 2 *", "2096-03-01T00:00:00Z")]
fn is_never_due(#[case] schedule: &str, #[case] after: Timestamp) {
    assert_eq!(Schedule::parse(schedule).unwrap().next(after, &TimeZone::UTC), None);
}

#[test]
fn times_near_the_ends_of_the_calendar_are_answered() {
    for schedule in ["* * * * *", "@every 1h", "0 0 1 1 *"] {
        let schedule = Schedule::parse(schedule).unwrap();
        assert_eq!(schedule.next(Timestamp::MAX, &TimeZone::UTC), None);
        let _ = schedule.next(Timestamp::MIN, &zone("America/New_York"));
    }
}

#[rstest]
#[case::utc("UTC", Ok(Some("UTC")))]
#[case::empty("", Ok(Some("UTC")))]
#[case::of_the_controller("Local", Ok(None))]
#[case::by_name("America/New_York", Ok(Some("America/New_York")))]
#[case::old_name("US/Eastern", Ok(Some("US/Eastern")))]
#[case::another_case("america/new_york", Err("unknown time zone america/new_york"))]
#[case::unknown("Mars/Olympus", Err("unknown time zone Mars/Olympus"))]
#[case::path("../etc/passwd", Err("time: invalid location name"))]
#[case::absolute("/etc/localtime", Err("time: invalid location name"))]
fn zones_are_known_by_name(#[case] name: &str, #[case] want: Result<Option<&str>, &str>) {
    let found = time_zone(name);
    let found = found.as_ref().map(|zone| zone.as_ref().and_then(TimeZone::iana_name));
    assert_eq!(found.map_err(ToString::to_string), want.map_err(str::to_owned));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "[@ 0-9*?/,a-z-]{0,24}") {
        let _ = Schedule::parse(&text);
    }

    #[test]
    fn nothing_between_is_due(
        minutes in "\\*|\\*/[1-9]|[1-5]?[0-9](,[1-5]?[0-9])?",
        hours in "\\*|\\*/[2-7]|1?[0-9]",
        days in "\\*|\\?|[1-9],1[0-9]",
        weekdays in "\\*|[0-6]|1-5",
        second in 1_700_000_000_i64..1_800_000_000,
        name in prop::sample::select(&["UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"][..]),
    ) {
        let schedule = Schedule::parse(&format!("{minutes} {hours} {days} * {weekdays}")).unwrap();
        let Schedule::Fields(fields) = &schedule else { unreachable!() };
        let (zone, after) = (zone(name), Timestamp::from_second(second).unwrap());
        let next = schedule.next(after, &zone).unwrap();
        prop_assert!(next > after);
        let due = |time: Timestamp| {
            let local = time.to_zoned(zone.clone());
            fields.minutes.contains(local.minute()) && fields.hours.contains(local.hour()) && fields.matches_day(local.date())
        };
        prop_assert!(due(next) && next.as_second() % 60 == 0);
        let first = (second / 60 + 1) * 60;
        for between in (first..next.as_second()).step_by(60).take(3_000) {
            prop_assert!(!due(Timestamp::from_second(between).unwrap()));
        }
    }
}
